"""The ways to treat labels in doubt, each applied to the same training and validation rows, to be compared.

Test rows are in none of them: what is to be measured must not change what it is measured by.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stages.core.engine import Engine
from stages.core.params import SplitParams
from stages.core.records import Decision, Event, Record, drop, edit
from stages.core.stage import Context, Stage, set_stage
from stages.core.task import Task
from stages.methods.check_labels.reasons import LABEL_REASONS

AS_GIVEN = "flag"
"""The policy under which labels stay as they are: what the others are compared with."""
_REASONS = {
    "train": "the model learns from it",
    "validation": "decides when the training of the model stops",
    "relabelled": "it has another label under this policy",
    "left_out": "it is left out under this policy",
    "no_part": "a row of the test split, or one that the split has left out",
}


@dataclass(frozen=True, slots=True)
class Arm:
    """One way: by record the annotation that it gets instead of its own, None where the record is left out."""

    name: str
    changes: Mapping[str, str | None]

    def of(self, task: Task, record: Record) -> Record | None:
        """The record under this policy."""
        if record.id not in self.changes:
            return record
        line = self.changes[record.id]
        return None if line is None else task.with_annotation(record, line)


def arms(queue: Iterable[Mapping[str, Any]], decided: Mapping[str, str | None], learned: Collection[str]) -> list[Arm]:
    """The labels as they are, and each way that would change any of the `learned` records.

    `queue` are rows of `queue.parquet`. `decided` is what people made of records: the label, or None for those they
    took out. Policies leave alone what the split is expected to put in test, also where it has put it elsewhere.
    """
    suspects = {
        row["id"]: row["suggested"]
        for row in queue
        if row["id"] in learned and not row["reserved"] and not LABEL_REASONS.keys().isdisjoint(row["reasons"])
    }
    ways: dict[str, dict[str, str | None]] = {
        "drop": dict.fromkeys(suspects),
        "relabel": {id: label for id, label in suspects.items() if label is not None},
        "decisions": {id: label for id, label in decided.items() if id in learned},
    }
    return [Arm(AS_GIVEN, {}), *(Arm(name, changes) for name, changes in ways.items() if changes)]


def parts_of(
    keys: Mapping[str, str], split: Mapping[str, str], left_out: Collection[str], drawn: Callable[[str], str]
) -> dict[str, str]:
    """The part of each record that may be learned from, also of those that `check_labels` dropped before the split.

    `keys` gives all records the key of their component (see `splitting`), `split` the parts there are; `left_out` are
    the ids that the split itself left out. A dropped record belongs to the part of its component; where that is test
    in any way, nothing may be learned from it. `drawn` gives the part of a component that has none.
    """
    taken: dict[str, set[str]] = {}
    for id, part in split.items():
        taken.setdefault(keys[id], set()).add(part)
    found = {}
    for id, key in keys.items():
        around = taken.get(key) or {drawn(key)}
        part = split.get(id) or min(around)
        if "test" not in around and id not in left_out:
            found[id] = part
    return found


def arm_stage(arm: Arm, parts: Mapping[str, str]) -> Stage:
    """A stage that writes the split of one arm, so that `plan` and `finetune` can work on it as on any other."""
    return set_stage("split", _Parts(parts), _Treat(arm), reasons=_REASONS)


@dataclass(frozen=True)
class _Parts:
    parts: Mapping[str, str]

    def __call__(self, context: Context, _engine: Engine, _scratch: Path) -> Mapping[str, tuple[Task, str]]:
        return {id: (context.task, part) for id, part in self.parts.items()}


@dataclass(frozen=True)
class _Treat:
    arm: Arm

    def __call__(self, record: Record, _: SplitParams, place: tuple[Task, str] | None) -> Decision:
        if place is None:
            return drop(record, "no_part")
        task, part = place
        treated = self.arm.of(task, record)
        if treated is None:
            return drop(record, "left_out")
        events = [Event("assign", part)]
        if treated.values != record.values:
            events.insert(0, Event("relabel", "relabelled"))
        return edit(replace(treated, split=part), events)
