"""What became of everybody else's records: a table of fates before an erasure, one after it, and how they differ.

A fate is a row `id, split, group, stage, reason`: a record that reached the split has the first three, one that was
left out on the way the stage that did it, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

FATES = pa.schema([(name, pa.string()) for name in ("id", "split", "group", "stage", "reason")])
_SHOWN = 1000


def compared(before: pa.Table, after: pa.Table, erased: Collection[str]) -> dict[str, Any]:
    """Rows that stayed where they were, and those that moved, went or came in, each with what the ledger says of it.

    `gone` names the stage and reason that left a record out now; `came_in` what had left it out before.
    """
    both = _joined(before, after, erased)
    here, now = pc.is_valid(both["split"]), pc.is_valid(both["split_now"])
    same = pc.and_(pc.and_(here, now), pc.fill_null(pc.equal(both["split"], both["split_now"]), False))
    moved = both.filter(pc.and_(pc.and_(here, now), pc.invert(same)))
    gone, came = both.filter(pc.and_not(here, now)), both.filter(pc.and_not(now, here))
    regrouped = both.filter(pc.and_(pc.and_(here, now), pc.invert(_equal(both["group"], both["group_now"]))))
    return {
        "rows": pc.sum(here, min_count=0).as_py(),
        "in_place": pc.sum(same, min_count=0).as_py(),
        "moved": [{"id": row["id"], "from": row["split"], "to": row["split_now"]} for row in _some(moved)],
        "gone": [{"id": row["id"], "stage": row["stage_now"], "reason": row["reason_now"]} for row in _some(gone)],
        "came_in": [{"id": row["id"], "stage": row["stage"], "reason": row["reason"]} for row in _some(came)],
        "counts": {"moved": moved.num_rows, "gone": gone.num_rows, "came_in": came.num_rows},
        "represents_another_group": regrouped.num_rows,
    }


def came_through(before: pa.Table, after: pa.Table, stage: str = "deduplicate") -> set[str]:
    """Ids that a stage left out before and no longer does: a duplicate that took the place of an erased record."""
    out, still = (set(fates.filter(pc.equal(fates["stage"], stage))["id"].to_pylist()) for fates in (before, after))
    return (out - still) & set(after["id"].to_pylist())


def reasons(rows: Collection[dict[str, Any]]) -> dict[str, int]:
    """How many rows by stage and reason; `not in the data` for those of which the ledger knew nothing."""
    codes = Counter(f"{row['stage']}: {row['reason']}" if row["stage"] else "not in the data" for row in rows)
    return dict(sorted(codes.items()))


def _joined(before: pa.Table, after: pa.Table, erased: Collection[str]) -> pa.Table:
    own = pa.array(sorted(erased), pa.string())
    before, after = (fates.filter(pc.invert(pc.is_in(fates["id"], own))) for fates in (before, after))
    renamed = after.rename_columns([name if name == "id" else f"{name}_now" for name in after.schema.names])
    return before.join(renamed, keys="id", join_type="full outer").sort_by("id")


def _equal(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.equal(pc.fill_null(one, ""), pc.fill_null(other, ""))


def _some(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.slice(0, _SHOWN).to_pylist()
    return rows
