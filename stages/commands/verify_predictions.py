"""The predictions of `evaluate`, for the group `splits` of `verify`: judged again, and against all that tells of them.

No model is asked: what it answered stands in the file, and what was to be answered in the records.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isclose
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.commands.verify_checks import Finding, counted, some
from stages.commands.verify_project import DATA, EVENTS, Project
from stages.core.errors import Fault
from stages.core.records import Record, Schema, Span
from stages.core.task import Prediction, Task
from stages.methods.document.measures import quality_of

PREDICTIONS = "predictions.parquet"
_STEP = "the folder is not what the stage wrote: `dvc checkout` brings that back"
_PLACE = str(DATA / "evaluate" / PREDICTIONS)
_NEAR = 2e-6
"""Of two means over values that were rounded to six digits, and were not."""
Row = Mapping[str, Any]


def predictions(project: Project, roles: Mapping[str, str]) -> Iterator[Finding]:
    """The predictions against the split, the events, the records and the report; `roles` are splits by reason."""
    folder = project.folder("evaluate")
    said = folder.table(PREDICTIONS)
    yield from _splits(project, said)
    yield from _events(folder.table(EVENTS, ["id", "reason", "evidence"]), said, roles)
    rows, report = said.to_pylist(), folder.json("report.json")
    known = {row["id"] for row in rows}
    records = {
        record.id: record
        for batch in project.folder("split").batches(project.task.schema, 4096)
        for record in batch
        if record.id in known
    }
    judged = [row for row in rows if row["id"] in records]
    if wrong := list(_misjudged(project.task, judged, records)):
        yield Fault(_PLACE, f"{counted(len(wrong))} judged otherwise than by their answer: {some(wrong)}", _STEP)
    yield from _means(rows, report)
    answered = [row for row in judged if row["split"] == "test" and row["answer"] is not None]
    yield from _primary(project.task, answered, records, report)


def _splits(project: Project, said: pa.Table) -> Iterator[Finding]:
    rows = project.folder("split").table(columns=["id", "split"])
    at = pc.index_in(said["id"], rows["id"].combine_chunks()).combine_chunks()
    parts = rows["split"].combine_chunks().take(at)
    wrong = said["id"].filter(pc.fill_null(pc.not_equal(parts, said["split"].combine_chunks()), True))
    if len(wrong):
        problem = f"{counted(len(wrong))} with another split than in data/split: {some(wrong.to_pylist())}"
        yield Fault(_PLACE, problem, _STEP)


def _events(table: pa.Table, said: pa.Table, roles: Mapping[str, str]) -> Iterator[Finding]:
    reasons = {part: reason for reason, part in roles.items()}
    expected = {(id, reasons.get(part, part)): facts for id, part, facts in _facts(said)}
    events = table.to_pylist()
    scored = (row for row in events if row["reason"] not in ("no_label", "reviewed_out"))
    told = {(row["id"], row["reason"]): json.loads(row["evidence"]) for row in scored}
    if differing := {key[0] for key in expected.keys() | told.keys() if expected.get(key) != told.get(key)}:
        problem = f"{counted(len(differing))} scored otherwise than data/evaluate/{EVENTS} says: {some(differing)}"
        yield Fault(_PLACE, problem, _STEP)


def _facts(said: pa.Table) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Id, split, and what the event of a prediction says of it; of a record without an answer only the loss."""
    for row in said.select(["id", "split", "correct", "loss"]).to_pylist():
        judged = {} if row["correct"] is None else {"correct": row["correct"]}
        yield row["id"], row["split"], {**judged, "loss": row["loss"]}


def _misjudged(task: Task, rows: list[Row], records: Mapping[str, Record]) -> Iterator[str]:
    """Ids of predictions whose label is not what their record asks for, or whose quality is not that of the answer."""
    answered = [row for row in rows if row["answer"] is not None]
    for row in rows:
        empty = row["quality"] is None and row["correct"] is None
        if row["label"] != task.truth(records[row["id"]]) or (row["answer"] is None and not empty):
            yield row["id"]
    if not answered:
        return
    found = task.score([records[row["id"]] for row in answered], _given(task.schema, answered), 1, 0).quality
    for row, quality in zip(answered, found, strict=True):
        same = row["quality"] is not None and isclose(row["quality"], quality, abs_tol=_NEAR)
        if not same or row["correct"] != (quality == 1.0):
            yield row["id"]


def _given(schema: Schema, rows: list[Row]) -> list[Prediction]:
    """Predictions as the task made them; labels and spans stand in the file as JSON."""
    kinds = {column.kind for column in schema.columns}
    found = []
    for row in rows:
        answer: Any = row["answer"]
        if "labels" in kinds:
            answer = tuple(json.loads(answer))
        elif "spans" in kinds:
            answer = tuple(Span(*one) for one in json.loads(answer))
        found.append(Prediction(row["id"], answer, dict(row["scores"] or ()), row["loss"]))
    return found


def _means(rows: list[Row], report: Mapping[str, Any]) -> Iterator[Finding]:
    """The mean quality and loss of each split, as far as the report has them."""
    fit, name = report.get("fit") or {}, quality_of(report)
    told = {(split, "quality"): fit.get(f"{split}_{name}") for split in ("train", "validation", "test")}
    told |= {(split, "loss"): fit.get(f"{split}_loss") for split in ("train", "validation", "test")}
    for (split, column), value in told.items():
        values = [row[column] for row in rows if row["split"] == split and row[column] is not None]
        if value is not None and not (values and isclose(sum(values) / len(values), value, abs_tol=_NEAR)):
            what = f"the {name if column == 'quality' else 'loss'} on {split} rows"
            yield Fault(_PLACE, f"does not give {what} of data/evaluate/report.json", _STEP)


def _primary(
    task: Task, answered: list[Row], records: Mapping[str, Record], report: Mapping[str, Any]
) -> Iterator[Finding]:
    """The score by which models are compared, and the mean quality, computed again from the answers on test rows."""
    if not answered:
        yield Fault(_PLACE, "holds no answer for a test row", _STEP)
        return
    scores = task.score([records[row["id"]] for row in answered], _given(task.schema, answered), 1, 0)
    for name in sorted({task.primary, scores.measure} & scores.metrics.keys()):
        if not isclose(report.get(name, -1.0), scores.metrics[name].value, abs_tol=_NEAR):
            yield Fault(_PLACE, f"does not give the {name} of data/evaluate/report.json", _STEP)
