"""The split of one fold: its rows are held out and scored, the rows of the other folds keep their part.

Training rows stay training rows and validation rows go on deciding when to stop, as in the run that is being measured.
Were the held-out rows to decide that too, the model would be chosen on the rows it is scored on. The rows of the test
split are left out altogether.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stages.core.engine import Engine
from stages.core.params import SplitParams
from stages.core.records import Decision, Record, assign, drop
from stages.core.stage import Context, Stage, set_stage
from stages.core.storage import StageFolder

REASONS = {
    "train": "the fold's model learns from it",
    "validation": "decides when the training of the fold's model stops",
    "held_out": "a row of the fold: its model is scored on it, and has not seen it before",
    "reserved": "a row of the test split, which cross-validation leaves alone",
}


def folds_of(split: StageFolder) -> dict[str, int]:
    """The fold of each training and validation record, by id; empty when `split` dealt none."""
    events = split.table("events.parquet", ["id", "evidence"])
    found = {}
    for id, evidence in zip(events["id"].to_pylist(), events["evidence"].to_pylist(), strict=True):
        fold = json.loads(evidence).get("fold")
        if fold is not None:
            found[id] = int(fold)
    return found


def fold_stage(fold: int, folds: Mapping[str, int]) -> Stage:
    """A stage that writes the split of one fold, so that `plan` and `finetune` can work on it as on any other."""
    return set_stage("split", _Folds(folds), _Hold(fold), reasons=REASONS)


@dataclass(frozen=True)
class _Folds:
    folds: Mapping[str, int]

    def __call__(self, _context: Context, _engine: Engine, _scratch: Path) -> Mapping[str, int]:
        return self.folds


@dataclass(frozen=True)
class _Hold:
    fold: int

    def __call__(self, record: Record, _: SplitParams, fold: int | None) -> Decision:
        if fold is None or record.split not in ("train", "validation"):
            return drop(record, "reserved")
        if fold == self.fold:
            return assign(replace(record, split="test"), "held_out", fold=fold)
        return assign(record, record.split, fold=fold)
