"""Invented events of any number of rows, for what shows lineage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache

import numpy as np
import pyarrow as pa

from stages.methods.document.lineage.rows import StageEvents, columns

TEXTS = {
    "created": "the row became a record",
    "not_sampled": "left out by `ingest.limit`",
    "exact_duplicate": "its texts equal those of a kept record",
    "train": "the model learns from it",
}


@cache
def an_id(number: int) -> str:
    """The id of an invented row."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:20]


def events(stage: str, rows: Iterable[tuple[str, str, str, dict[str, object]]]) -> StageEvents:
    """A stage's events from (id, action, reason, evidence)."""
    told = [tuple(column) for column in zip(*rows, strict=True)] or [()] * 4
    if stage == "deduplicate":
        told[3] = tuple(map(json.dumps, told[3]))
    table = {name: pa.array(column, pa.string()) for name, column in zip(columns(stage), told, strict=False)}
    return StageEvents(stage, pa.table(table), TEXTS)


@cache
def fabricated(count: int, first: int = 0, seed: int = 1) -> tuple[StageEvents, ...]:
    """A plausible course of `count` rows: a fifth not sampled, some normalised, a tenth duplicates, the rest split.

    Another `seed` tells another story of the same rows.
    """
    ids = [an_id(number) for number in range(first, first + count)]
    draw = np.random.default_rng(seed).random((count, 4))
    stays = draw[:, 0] > 0.2
    repeats = stays & (draw[:, 1] < 0.1)
    kept_for = next(i for i in range(count) if stays[i] and not repeats[i])
    used = stays & ~repeats
    splits = np.select([draw[:, 2] < 0.7, draw[:, 2] < 0.8], ["train", "validation"], "test")
    created = ("create", "created"), ("drop", "not_sampled")
    return (
        events("ingest", ((id, *created[0 if stay else 1], {}) for id, stay in zip(ids, stays, strict=True))),
        events("clean", ((ids[i], "edit", "normalised", {}) for i in np.flatnonzero(stays & (draw[:, 3] < 0.3)))),
        events(
            "deduplicate",
            [
                (ids[kept_for], "assign", "represents_group", {"size": int(repeats.sum()) + 1}),
                *((ids[i], "drop", "exact_duplicate", {"of": ids[kept_for]}) for i in np.flatnonzero(repeats)),
            ],
        ),
        events("split", ((ids[i], "assign", str(splits[i]), {}) for i in np.flatnonzero(used))),
        events("finetune", ((ids[i], "assign", "trained_on", {}) for i in np.flatnonzero(used & (splits == "train")))),
    )
