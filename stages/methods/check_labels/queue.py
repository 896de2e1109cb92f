"""The review queue: every record that was checked, the most doubtful first, without any text."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from stages.core.doubts import Doubted, Ranked

QUEUE = pa.schema(
    [
        ("id", pa.string()),
        ("rank", pa.int64()),
        ("margin", pa.float64()),
        ("given", pa.string()),
        ("suggested", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("reserved", pa.bool_()),
    ]
)
"""`rank` counts from 1. `given` and `suggested` are annotations (`Task.annotation`), null where there is none;
`reasons` are those of the doubts, none for a record without a doubt; `reserved`: the split will put it in test."""
_UNRANKED = Ranked(0.5)
"""For records with a doubt that the check cannot rank: after those that are surely wrong, before those surely right."""


def ranks(doubted: Doubted) -> dict[str, int]:
    """The place of each record that is ranked or in doubt, from 1: by margin, equal ones by id."""
    ids = {*doubted.ranked, *doubted.doubts}
    order = sorted(ids, key=lambda one: (doubted.ranked.get(one, _UNRANKED).margin, one))
    return {id: place for place, id in enumerate(order, 1)}


def queue_table(doubted: Doubted, given: Mapping[str, str | None], reserved: Mapping[str, bool]) -> pa.Table:
    """The queue as a table (`QUEUE`), sorted by rank."""
    rows = []
    for id, rank in ranks(doubted).items():
        place = doubted.ranked.get(id, _UNRANKED)
        reasons = [doubt.reason for doubt in doubted.doubts.get(id, ())]
        rows.append((id, rank, place.margin, given.get(id), place.suggested, reasons, reserved[id]))
    columns = zip(*rows, strict=True) if rows else ((),) * len(QUEUE)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, QUEUE, strict=True)], schema=QUEUE)
