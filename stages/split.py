"""Train, validation and test; a subject, a duplicate group or a text never crosses.

in:  data/check_labels   records whose labels were checked
out: data/split          the same records, each with its `split`
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stages.core.engine import Engine
from stages.core.errors import DataError, Fault
from stages.core.params import SplitParams
from stages.core.records import Decision, Record, assign
from stages.core.stage import Context, set_stage
from stages.core.storage import StageFolder
from stages.core.task import Task
from stages.methods.deduplicate.shingles import digest
from stages.methods.split.splitting import PARTS, Place, Row, places
from stages.methods.split.summary import Placed, leakage, summary

REASONS = {
    "train": "the model learns from it",
    "validation": "used to choose the model",
    "test": "used once, for the final score",
}


@dataclass(frozen=True)
class Look:
    """The rows of a batch of records, without any text; runs in worker processes."""

    task: Task

    def __call__(self, records: Sequence[Record]) -> list[Row]:
        """One row a record, in order."""
        return [self._row(record) for record in records]

    def _row(self, record: Record) -> Row:
        text = digest([*record.texts().values()]).hex()
        labelled = self.task.targets(record) is not None
        return Row(record.id, record.subject, record.group, text, self.task.stratum(record), labelled)


def survey(context: Context, engine: Engine, _: Path) -> dict[str, Place]:
    """The place of every record. Raises DataError when a part would be empty, or there is only one label."""
    batches = context.input().batches(context.task.schema)
    rows = [row for some in engine.map(Look(context.task), batches) for row in some]
    _refuse_one_label(rows)
    found = places(rows, relabelled(context.input()), context.params, context.seed)
    _refuse_empty_parts(found, context.params)
    return found


def relabelled(folder: StageFolder) -> set[str]:
    """Ids of the records whose label the stage before has changed."""
    events = folder.table("events.parquet", ["id", "action"]).to_pylist()
    return {event["id"] for event in events if event["action"] == "relabel"}


def _refuse_one_label(rows: Sequence[Row]) -> None:
    if rows and all(row.labelled for row in rows) and len({row.stratum for row in rows}) == 1:
        problem = f"all {len(rows)} records have the same label: there is nothing to learn"
        step = "look at the label column in ingest.sources, at ingest.labels, and at what was dropped before"
        raise DataError(Fault("split", problem, step))


def _refuse_empty_parts(found: Mapping[str, Place], params: SplitParams) -> None:
    rows = Counter(place.part for place in found.values())
    groups = len({place.key for place in found.values()})
    problem = f"gets none of the {len(found)} records (groups that must stay together: {groups})"
    step = (
        "a part needs a group of its own: bring more records or subjects, or change "
        f"split.validation ({params.validation}), split.test ({params.test}) or seed"
    )
    if empty := [part for part in PARTS if not rows[part]]:
        raise DataError(*(Fault(f"split: {part}", problem, step) for part in empty))


def decide(record: Record, _: SplitParams, place: Place) -> Decision:
    """Put the record in its part; evidence `drawn` where the draw alone would have put it elsewhere."""
    drawn = {} if place.part == place.drawn else {"drawn": place.drawn}
    fold = {} if place.fold is None else {"fold": place.fold}
    return assign(replace(record, split=place.part), place.part, u=place.u, **drawn, **fold)


def report(context: Context, folder: StageFolder) -> Mapping[str, Any]:
    """What the split adds up to. Raises DataError when a subject, a group or a text lies in more than one part."""
    events = folder.table("events.parquet", ["id", "reason", "evidence"]).to_pylist()
    evidence = {event["id"]: {"drawn": event["reason"], **json.loads(event["evidence"])} for event in events}
    look = Look(context.task)
    placed = [
        Placed(row, record.split or "", evidence[row.id]["drawn"])
        for batch in folder.batches(context.task.schema)
        for record, row in zip(batch, look(batch), strict=True)
    ]
    leaks = leakage(placed)
    _refuse_leaks(leaks)
    folds = Counter(found["fold"] for found in evidence.values() if "fold" in found)
    sizes = [folds[fold] for fold in range(context.params.kfold or 0)]
    return {**summary(placed, context.params), "leakage": leaks, **({"fold_rows": sizes} if sizes else {})}


def _refuse_leaks(leaks: Mapping[str, int]) -> None:
    step = "this is a fault of the stage's code; nothing was written"
    faults = [
        Fault("split", f"{count} {what} lie in more than one part", step) for what, count in leaks.items() if count
    ]
    if faults:
        raise DataError(*faults)


HEADLINE = ("leakage.*", "parts.*.share")
STAGE = set_stage("split", survey, decide, reasons=REASONS, uses=("seed",), report=report, headline=HEADLINE)
