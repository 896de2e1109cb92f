"""What the audit asks a model that writes: to go on with answers, and how far it gives planted secrets away."""

import json
import random
from functools import partial

import pyarrow.parquet as pq
import pytest
import torch

from stages import audit as door
from stages.audit import STAGE
from stages.core.records import Message, Record
from stages.core.runner import run
from stages.core.storage import FolderWriter, StageFolder, write_json
from stages.methods.audit.canaries import FILE, Planted, draw_secrets, planted_table
from stages.methods.audit.exposure import measure_exposure
from stages.methods.finetune import models
from stages.tasks import load_task
from tests.tasks.samples.causal_lm import save_llama
from tests.tiny import params

TASK = load_task("causal_lm")
OPTIONS = {"max_length": 256, "dropout": 0.0, "frozen_layers": 0, "lora": {"enabled": False}}
WORDS = ("river", "stone", "zzyx", "bridge", "window", "house", "cloud", "tree")


def chat(i, split):
    draw = random.Random(i)
    reply = " ".join(draw.choice(WORDS) for _ in range(6))
    values = {"messages": (Message("user", f"{i}?"), Message("assistant", reply))}
    return Record(f"{i:04x}", "s", str(i), TASK.schema, values, split=split)


def artifact(path, stage, schema=None):
    """A folder of a stage, which its test fills."""
    with FolderWriter(path, schema) as folder:
        folder.finish_tables()
        folder.finish({"format": 1, "stage": stage, "inputs": {}, "params": {}})
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A model that has learned four replies and a secret by heart."""
    root = tmp_path_factory.mktemp("writing")
    records = [chat(i, "train" if i < 4 else "test") for i in range(8)]
    with FolderWriter(root / "split", TASK.schema) as folder:
        for record in records:
            folder.add(record)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "split", "inputs": {}, "params": {}})
    rows = [Planted(secret, repeats, repeats > 0) for secret, repeats in draw_secrets(TASK, 1, random.Random(0))]
    torch.manual_seed(0)
    model, tokenizer = TASK.load(save_llama(root / "base"), (), OPTIONS)
    known = [*records[:4], *(row.record for row in rows if row.repeats == 16)]
    batch = TASK.collate(TASK.encode(known, tokenizer, OPTIONS), tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        TASK.losses(model, batch).mean().backward()
        optimizer.step()
    artifact(root / "finetune", "finetune")
    models.save(model, tokenizer, root / "finetune" / "model")
    write_json(root / "finetune" / "training.json", {"options": OPTIONS, "labels": []})
    pq.write_table(planted_table(rows), root / "finetune" / FILE)
    return root


@pytest.fixture
def audit(root, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.chdir(root)
    monkeypatch.setattr(door, "measure_exposure", partial(measure_exposure, size=16))

    def of(out, **section):
        settings = params(root / "base", task="causal_lm", audit=section)
        return run(STAGE, [root / "split", root / "finetune"], root / out, settings, TASK)

    return of


def test_answers_known_by_heart_are_gone_on_with_and_the_events_say_which(root, audit):
    report = audit("asked", regurgitation=4)
    assert report["regurgitation"]["asked"] == {"train": 4, "test": 4}
    assert report["regurgitation"]["verbatim"] == {"train": 4, "test": 0}
    assert "by heart (p" in report["regurgitation_sentence"]
    events = StageFolder(root / "asked").table("events.parquet").to_pylist()
    asked = {event["id"]: json.loads(event["evidence"]) for event in events if event["reason"] == "asked_to_go_on"}
    assert asked == {f"{i:04x}": {"verbatim": i < 4} for i in range(8)}


def test_the_secret_that_was_learned_is_the_likeliest_and_one_that_was_not_is_ranked_by_chance(audit):
    found = audit("exposed")["exposure"]
    assert found["ceiling"] == 4
    assert found["repeats_16"]["likeliest"] == 1
    assert found["repeats_0"]["secrets"] == 1


def test_nothing_is_asked_when_it_is_turned_off(root, audit):
    report = audit("quiet", regurgitation=0)
    assert "regurgitation" not in report
    assert len(StageFolder(root / "quiet").table("events.parquet")) == 0


def test_no_text_stands_in_the_report_or_the_events(root, audit):
    audit("silent")
    for file in (root / "silent").rglob("*"):
        assert b"zzyx" not in file.read_bytes().lower()
