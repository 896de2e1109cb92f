"""Train, validation and test; a subject, a duplicate group, a text or a context never crosses.

in:  data/check_labels   records whose labels were checked
out: data/split          the same records, each with its `split`; for a few-shot run (`split.shots`) fewer of train
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.core.engine import Engine
from stages.core.errors import DataError, Fault
from stages.core.params import SplitParams
from stages.core.records import Decision, Record, assign, drop
from stages.core.stage import Context, set_stage
from stages.core.storage import Piece, StageFolder
from stages.core.task import Task
from stages.methods.deduplicate.shingles import digests
from stages.methods.split.shots import beyond_shots
from stages.methods.split.splitting import ROWS, Place, Places, places, strata
from stages.methods.split.summary import leakage, summary

REASONS = {
    "train": "the model learns from it",
    "validation": "used to choose the model",
    "test": "used once, for the final score",
    "beyond_shots": "a training record of a class that already has `split.shots` of them: a few-shot run leaves it out",
}


@dataclass(frozen=True)
class Look:
    """The rows (`ROWS`) of some records, without any text; runs in worker processes, which read for themselves."""

    task: Task

    def __call__(self, piece: Piece) -> pa.Table:
        """One row a record, in order."""
        return self.rows(piece.records(self.task.schema))

    def rows(self, records: Sequence[Record]) -> pa.Table:
        """One row a record, in order."""
        columns = {
            "id": [record.id for record in records],
            "subject": [record.subject for record in records],
            "group": [record.group for record in records],
            "text": digests([record.binding_texts() for record in records]),
            "strata": [strata(self.task, record) for record in records],
            "labelled": [self.task.targets(record) is not None for record in records],
        }
        return pa.table(columns, schema=ROWS)


def survey(context: Context, engine: Engine, _: Path) -> Places:
    """The place of every record. Raises DataError when a part would be empty, or there is only one label."""
    rows = pa.concat_tables(engine.map(Look(context.task), context.input().pieces())).combine_chunks()
    _refuse_one_label(rows)
    found = places(rows, relabelled(context.input()), context.params, context.seed)
    _refuse_empty_parts(found, context.params)
    if context.params.shots is None:
        return found
    pairs = zip(rows["id"].to_pylist(), rows["strata"].to_pylist(), strict=True)
    train = ((id, classes) for id, classes in pairs if found[id].part == "train")
    return replace(found, beyond=beyond_shots(train, context.params.shots, context.seed))


def relabelled(folder: StageFolder) -> set[str]:
    """Ids of the records whose label the stage before has changed by itself, not as a person decided."""
    events = folder.table("events.parquet", ["id", "action", "reason"])
    by_machine = pc.and_(pc.equal(events["action"], "relabel"), pc.not_equal(events["reason"], "reviewed_wrong"))
    return set(events.filter(by_machine)["id"].to_pylist())


def _refuse_one_label(rows: pa.Table) -> None:
    if len(rows) and pc.all(rows["labelled"]).as_py() and len(pc.unique(pc.list_flatten(rows["strata"]))) == 1:
        problem = f"all {len(rows)} records have the same label: there is nothing to learn"
        step = "look at the label column in ingest.sources, at ingest.labels, and at what was dropped before"
        raise DataError(Fault("split", problem, step))


def _refuse_empty_parts(found: Places, params: SplitParams) -> None:
    problem = f"gets none of the {len(found)} records (groups that must stay together: {len(found.draws)})"
    step = (
        "a part needs a group of its own: bring more records or subjects, or change "
        f"split.validation ({params.validation}), split.test ({params.test}) or seed"
    )
    if empty := [part for part, count in found.rows().items() if not count]:
        raise DataError(*(Fault(f"split: {part}", problem, step) for part in empty))


def decide(record: Record, _: SplitParams, place: Place) -> Decision:
    """Put the record in its part; evidence `drawn` where the draw alone would have put it elsewhere."""
    drawn = {} if place.part == place.drawn else {"drawn": place.drawn}
    if place.beyond:
        return drop(record, "beyond_shots", u=place.u, **drawn)
    fold = {} if place.fold is None else {"fold": place.fold}
    return assign(replace(record, split=place.part), place.part, u=place.u, **drawn, **fold)


def report(context: Context, folder: StageFolder) -> Mapping[str, Any]:
    """What the split adds up to. Raises DataError when a subject, a group or a text lies in more than one part."""
    look = Look(context.task)
    rows = pa.concat_tables(map(look, folder.pieces()))
    parts, drawn, folds = folder.table(columns=["split"])["split"], *_draws(folder)
    rows = rows.append_column("part", parts).append_column("drawn", drawn)
    leaks = leakage(rows)
    _refuse_leaks(leaks)
    sizes = [folds[fold] for fold in range(context.params.kfold or 0)]
    return {**summary(rows, context.params), "leakage": leaks, **({"fold_rows": sizes} if sizes else {})}


def _draws(folder: StageFolder) -> tuple[pa.ChunkedArray, Counter[int]]:
    """The part that the draw alone gave each record, in order of ids as the records are, and the sizes of the folds.

    Each record has exactly one event of these: the decision that assigned it.
    """
    drawn, folds = list[pa.Array](), Counter[int]()
    events = folder.table("events.parquet", ["action", "reason", "evidence"])
    for batch in events.filter(pc.equal(events["action"], "assign")).to_batches(4096):
        evidence = [json.loads(text) for text in batch["evidence"].to_pylist()]
        parts = zip(evidence, batch["reason"].to_pylist(), strict=True)
        drawn.append(pa.array([found.get("drawn", part) for found, part in parts], pa.string()))
        folds.update(found["fold"] for found in evidence if "fold" in found)
    return pa.chunked_array(drawn, pa.string()), folds


def _refuse_leaks(leaks: Mapping[str, int]) -> None:
    step = "this is a fault of the stage's code; nothing was written"
    faults = [
        Fault("split", f"{count} {what} lie in more than one part", step) for what, count in leaks.items() if count
    ]
    if faults:
        raise DataError(*faults)


HEADLINE = ("leakage.*", "parts.*.share")
STAGE = set_stage("split", survey, decide, reasons=REASONS, uses=("seed",), report=report, headline=HEADLINE)
