"""Odd texts through the stages that decide about records: each is decided exactly once, in bounded time."""

from __future__ import annotations

import json
import random
import time

import pytest

from stages.__main__ import main
from stages.core.storage import StageFolder
from tests import tiny
from tests.faults.odd_texts import MARK, odd_texts

STAGES = ["ingest", "clean", "deduplicate", "scrub_pii", "check_labels", "split"]
CHARS = 1000
SECONDS = 60
"""Of the CPU for one stage; all together take less than that."""
SETTINGS = {
    "clean": {"min_letters": 0, "max_repetition": 1.0, "min_chars": 1, "max_chars": 10**6},  # let everything through
    "deduplicate": {"threshold": 0.99, "edits": 1, "probe": 20},
    "scrub_pii": {"probe": 2, "fail_on_leak": "none"},
    "check_labels": {"folds": 2, "probe": 0.1},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("model"))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, model):
    """Run the stages one after the other on some rows, and give their folder; what goes in is decided once."""
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_STAGE", "ROWTRAIL_KEY", "ROWTRAIL_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)

    def through(rows, task="classification", stages=STAGES, **settings):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
        source = {"name": "s", "uri": "rows.jsonl", "license": "MIT", "public": True, "on_bad_bytes": "replace"}
        ingest = {"sources": [source], "max_chars": 10**6, "max_quarantine_share": 1.0}
        params = {"task": task, "model": model, "ingest": ingest, "engine": {"workers": 1}, **SETTINGS, **settings}
        (tmp_path / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
        before, inputs = len(rows), []
        for stage in stages:
            started = time.process_time()
            code = main([stage, *inputs, "--out", stage])
            said = "".join(capsys.readouterr())
            assert code == 0, said
            assert MARK not in said
            assert time.process_time() - started < SECONDS
            counts = StageFolder(tmp_path / stage).manifest["counts"]
            outcomes = sum(counts[name] for name in ("created", "kept", "dropped", "quarantined"))
            assert counts["in"] == before == outcomes
            before, inputs = counts["created"] + counts["kept"], ["--in", stage]
        return tmp_path

    return through


def test_every_odd_text_is_decided_once_by_every_stage(run, request):
    chars = CHARS if request.config.getoption("times") == 1 else 20_000
    texts = [*odd_texts(chars), "\ud800", "x\udfff", "\ud83d\ude00"]
    rows = [{"text": text, "label": "ab"[number % 2]} for number, text in enumerate(texts)]
    folder = run([*rows, *({"text": f"plain words {n} here", "label": "ab"[n % 2]} for n in range(20))])
    said = "".join(path.read_text("utf-8") for path in folder.glob("*/report.json"))
    assert MARK not in said


@pytest.mark.parametrize("name", ["multi_label", "token_labels", "question_answering", "seq2seq", "causal_lm"])
def test_odd_texts_of_every_kind_of_task_are_decided_once(run, name):
    texts = odd_texts(200)
    shapes = {
        "multi_label": lambda text: {"text": text, "labels": [text[:40]]},
        "token_labels": lambda text: {"text": text, "spans": [[0, len(text), "A"], [0, 1, "B"]][len(text) % 2 :][:1]},
        "question_answering": lambda text: {
            "question": text,
            "context": text,
            "answers": {"start": 0, "text": text[:9]},
        },
        "seq2seq": lambda text: {"source_text": text, "target_text": text[::-1]},
        "causal_lm": lambda text: {"prompt": text, "completion": text},
    }
    run([shapes[name](text) for text in texts], name, STAGES[:4])


def test_texts_mixed_by_chance_are_decided_once(run, request):
    for number in range(request.config.getoption("times")):
        draw = random.Random(number)
        pieces = odd_texts(40)
        texts = ["".join(draw.choices(pieces, k=draw.randint(1, 12))) for _ in range(100)]
        rows = [
            {"text": draw.choice([text, text[: draw.randint(1, 99)], text.title()]), "label": draw.choice("ab")}
            for text in texts
        ]
        run(rows, stages=STAGES[:4])
