"""Few labelled rows: the phase that pulls texts of one label together, planned, tuned and told."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from stages.core.errors import DataError, UsageError
from stages.core.records import Record, Span
from stages.core.runner import run
from stages.core.storage import FolderWriter, sha256_of
from tests import tiny

CONTRASTIVE = {"enabled": True, "pairs": 2, "epochs": 1, "lr": 1e-3}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A split with a tiny base model beside it."""
    folder = tmp_path_factory.mktemp("few")
    tiny.save_base(folder / "base")
    tiny.write_split(folder / "split", tiny.toy_records(train=24))
    return folder


def settings(root, **finetune):
    return tiny.params(root / "base", {"head_only": True, "contrastive": CONTRASTIVE, **finetune}, lr=1e-2, epochs=2)


def test_the_plan_has_the_steps_of_both_phases_and_the_curve_of_the_first_is_written(root, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder = tiny.run_finetune(root, settings(root))
    steps = json.loads((root / "finetune_plan" / "plan.json").read_text())["steps"]
    assert steps["contrastive"]["pairs"] == 24 * 2 * 2
    assert steps["contrastive"]["total"] == 12
    told = json.loads((folder / "report.json").read_text())["contrastive"]
    with (folder / "contrastive_curve.csv").open(encoding="utf-8") as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert told == {"pairs": 96, "steps": 12, "first_loss": losses[0], "last_loss": losses[-1]}


def test_the_same_plan_gives_the_same_bits(root, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    one, other = (tiny.run_finetune(root, settings(root), name) for name in ("one", "other"))
    files = [folder / "model" / "model.safetensors" for folder in (one, other)]
    assert sha256_of(files[0]) == sha256_of(files[1])


def test_a_head_can_read_the_mean_of_all_tokens(root, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder = tiny.run_finetune(root, settings(root, pooling="mean"), "mean")
    assert json.loads((folder / "model" / "config.json").read_text())["num_hidden_layers"] == 3
    records = tiny.toy_records(train=4, validation=0, test=0)
    model, tokenizer = tiny.TASK.load_tuned(folder / "model")
    said = tiny.TASK.predict(model, tokenizer, records, {"max_length": 32})
    assert [prediction.id for prediction in said] == [record.id for record in records]


def test_one_record_a_class_makes_no_pairs(root, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    texts = tiny.toy_records(train=12)
    records = [
        replace(one, values={**one.values, "label": f"class {i}"}) if one.split == "train" else one
        for i, one in enumerate(texts)
    ]
    tiny.write_split(tmp_path / "split", records)
    with pytest.raises(DataError, match="no two share their labels"):
        tiny.run_plan(tmp_path, settings(root))


def test_a_task_without_labels_of_whole_texts_is_refused(root, monkeypatch, tmp_path):
    from stages.plan import STAGE
    from stages.tasks import load_task

    monkeypatch.chdir(tmp_path)
    task = load_task("token_labels")
    with FolderWriter(tmp_path / "split", task.schema) as folder:
        for i in range(4):
            values = {"text": "the good tree", "spans": (Span(4, 8, "GOOD"),)}
            folder.add(Record(f"{i:04x}", "s", str(i), task.schema, values, split="train"))
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "split", "inputs": {}, "params": {}})
    with pytest.raises(UsageError, match="labels of whole texts"):
        run(STAGE, [tmp_path / "split"], tmp_path / "plan", settings(root), task)
