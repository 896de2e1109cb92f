"""Predictions of every kind of model, which a baseline made, are judged again by `rowtrail verify`."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from stages.commands.verify_predictions import predictions
from stages.commands.verify_project import Project
from stages.core.params import Params
from stages.core.records import Record
from stages.core.runner import run
from stages.core.stage import Artifact, artifact_stage, used
from stages.core.storage import FolderWriter
from stages.evaluate import REASONS
from stages.methods.evaluate.fit_check import diagnose
from stages.methods.evaluate.summary import Answered, model_scores
from stages.methods.evaluate.tables import prediction_table
from stages.tasks import TASKS, load_task

ROLES = {"tested_on": "test", "scored_for_choice": "validation", "scored_for_fit": "train"}
PREDICTIONS, REPORT = Path("data/evaluate/predictions.parquet"), Path("data/evaluate/report.json")
SOURCE = {"name": "s", "uri": "none.csv", "license": "MIT", "public": True}


def judged(context, folder):
    """What `evaluate` writes, of answers that a baseline gives; of a model that writes, some test rows alone."""
    task, rows = context.task, {split: [] for split in ROLES.values()}
    for record in context.input("split").records(task.schema):
        rows[record.split].append(record)
    said = {}
    for split, records in rows.items():
        guesses = [replace(one, loss=0.5) for one in next(iter(task.baselines(rows["train"], records, 13).values()))]
        kept = 0 if not task.writes else 2 if split == "test" else len(guesses)
        silent = [replace(one, answer=None) if i >= len(guesses) - kept else one for i, one in enumerate(guesses)]
        said[split] = Answered(task, records, silent)
    scores = said["test"].score(10, 13)
    report = model_scores(said["test"], scores)
    report["fit"] = diagnose({name: answered.part for name, answered in said.items()}, 0.0, scores.measure)
    pq.write_table(prediction_table(said), folder / "predictions.parquet")
    usages = [
        used(one.id, reason, **({} if quality is None else {"correct": quality == 1}), loss=one.loss)
        for reason, split in ROLES.items()
        for one, quality in zip(said[split].predictions, said[split].quality, strict=True)
    ]
    return Artifact(usages, report)


@pytest.fixture(params=sorted(TASKS))
def found(request, tmp_path, monkeypatch):
    """What the check finds in a small project of each kind of model."""
    monkeypatch.chdir(tmp_path)
    task, sample = load_task(request.param), importlib.import_module(f"tests.tasks.samples.{request.param}")
    rows = [task.read_row(row, sample.LABELS or None) for row in sample.ROWS]
    records = [
        Record(f"{i:020x}", "s", str(i), task.schema, rows[i % len(rows)], split=["train", "validation", "test"][i % 3])
        for i in range(3 * len(rows) + 6)
    ]
    with FolderWriter(Path("data/split"), task.schema) as folder:
        for one in records:
            folder.add(one)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "split", "inputs": {}, "params": {}})
    params = Params.model_validate({"task": request.param, "ingest": {"sources": [SOURCE]}})
    run(artifact_stage("evaluate", judged, reasons=REASONS), [Path("data/split")], Path("data/evaluate"), params, task)
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"task": request.param}, file)
    return lambda: " ".join(str(fault) for fault in predictions(Project(), ROLES))


def alter(column, change):
    """Rewrite a column of the predictions at the first test row that was answered."""
    table = pq.read_table(PREDICTIONS)
    rows = table.to_pylist()
    row = next(row for row in rows if row["split"] == "test" and row["answer"] is not None)
    row[column] = change(row)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), PREDICTIONS)
    return row["id"]


def test_predictions_as_they_were_written_are_in_order(found):
    assert found() == ""


def test_a_better_quality_than_the_answer_has_is_found(found):
    id = alter("quality", lambda row: 1.0 if row["quality"] < 1 else 0.5)
    told = found()
    assert f"1 record judged otherwise than by their answer: {id}" in told


def test_another_label_than_the_record_has_is_found(found):
    id = alter("label", lambda row: f"{row['label']} and more")
    assert f"judged otherwise than by their answer: {id}" in found()


def test_a_better_mark_than_the_event_has_is_found(found):
    alter("correct", lambda row: not row["correct"])
    assert "1 record scored otherwise than data/evaluate/events.parquet says" in found()


def test_a_better_score_in_the_report_is_found(found):
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    name = load_task(YAML(typ="safe").load(Path("params.yaml"))["task"]).primary
    REPORT.write_text(json.dumps({**report, name: 0.987}), encoding="utf-8")
    assert f"does not give the {name} of data/evaluate/report.json" in found()


def test_another_loss_on_training_rows_in_the_report_is_found(found):
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    REPORT.write_text(json.dumps({**report, "fit": {**report["fit"], "train_loss": 0.1}}), encoding="utf-8")
    assert "does not give the loss on train rows of data/evaluate/report.json" in found()


def test_no_finding_holds_an_answer(found):
    listed = load_task(YAML(typ="safe").load(Path("params.yaml"))["task"]).schema.of_kind("labels", "spans")
    alter("answer", lambda _: "[]" if listed else "Xyzzy said")
    alter("quality", lambda _: 0.123)
    told = found()
    assert "judged otherwise" in told
    assert "Xyzzy" not in told
