"""What `rowtrail compare labels` works on: the policies, the training rows under each of them, and the test rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stages.core.errors import DataError, Fault
from stages.core.params import Params
from stages.core.records import Record
from stages.core.storage import StageFolder
from stages.core.task import Task
from stages.methods.check_labels.policy.policy_arms import Arm, arms, parts_of
from stages.methods.check_labels.queue import QUEUE
from stages.methods.deduplicate.shingles import digest
from stages.methods.split.splitting import draw, group_keys, part_of

_DATA = Path("data")


@dataclass(frozen=True)
class Rows:
    """`train` has the labels of each training row under each of the `arms`, None where it is left out or has none.

    `parts` gives train and validation rows their part, `source` is the folder that `check_labels` was given; `test`
    are the test rows with their labels as `evaluate` scores them.
    """

    arms: list[Arm]
    parts: Mapping[str, str]
    train: Mapping[str, list[tuple[str, ...] | None]]
    test: list[Record]
    source: StageFolder

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels of training rows, under any policy, sorted."""
        known = (labels for each in self.train.values() for labels in each if labels is not None)
        return tuple(sorted({label for labels in known for label in labels}))


def read_rows(params: Params, task: Task) -> Rows:
    """From the folders of the last run. Raises DataError when they do not belong together, or no test row is left."""
    checked, split = StageFolder(_DATA / "check_labels"), StageFolder(_DATA / "split")
    source = _source(checked)
    if split.manifest["inputs"].get("check_labels") != checked.digest:
        problem = f"was made from another version of {checked.path} than the one that is there"
        raise DataError(Fault(str(split.path), problem, "run `dvc repro split`"))
    decided, out = _decided(checked)
    parts = _parts(params, task, (source, checked, split))
    ways = arms(checked.table("queue.parquet", QUEUE.names).to_pylist(), decided, parts.keys())
    train: dict[str, list[tuple[str, ...] | None]] = {}
    for record in source.records(task.schema):
        if parts.get(record.id) == "train":
            treated = [arm.of(task, record) for arm in ways]
            train[record.id] = [task.labels(one) if one is not None and task.answered(one) else None for one in treated]
    test = [
        record
        for record in split.records(task.schema)
        if record.split == "test" and task.answered(record) and record.id not in out
    ]
    if not test:
        raise DataError(Fault(str(split.path), "no labelled test row is left to score", "look at `split.test`"))
    return Rows(ways, parts, train, test, source)


def _source(checked: StageFolder) -> StageFolder:
    """The folder that check_labels was given, as it was then."""
    name, given = next(iter(checked.manifest["inputs"].items()))
    source = StageFolder(_DATA / name)
    if source.digest != given:
        problem = f"was made from another version of {source.path} than the one that is there"
        raise DataError(Fault(str(checked.path), problem, "run `dvc repro check_labels`"))
    return source


def _decided(checked: StageFolder) -> tuple[dict[str, str | None], set[str]]:
    """What people made of records: the label, or None for those that they took out; and the ids of these."""
    found: dict[str, str | None] = {}
    for row in checked.table("events.parquet", ["id", "reason", "evidence"]).to_pylist():
        if row["reason"] == "reviewed_wrong":
            found[row["id"]] = json.loads(row["evidence"])["to"]
        elif row["reason"] == "reviewed_out":
            found[row["id"]] = None
    return found, {id for id, label in found.items() if label is None}


def _parts(params: Params, task: Task, folders: tuple[StageFolder, StageFolder, StageFolder]) -> dict[str, str]:
    """The part of each row that may be learned from, also of those that a policy or a person dropped."""
    source, checked, split = folders
    table = split.table(columns=["id", "split"])
    there = dict(zip(table["id"].to_pylist(), table["split"].to_pylist(), strict=True))
    rows, texts = [], {}
    for record in source.records(task.schema):
        rows.append((record.id, record.subject, record.group))
        texts[record.id] = digest(record.binding_texts()).hex()
    left_out = {*checked.table(columns=["id"])["id"].to_pylist()} - there.keys()

    def drawn(key: str) -> str:
        return part_of(draw(params.seed, key), params.split.validation, params.split.test)

    return parts_of(group_keys(rows, texts), there, left_out, drawn)
