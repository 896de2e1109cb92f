"""What a split adds up to, and whether anything crosses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from stages.core.params import SplitParams
from stages.methods.split.splitting import PARTS

Cell: TypeAlias = tuple[str, str]


def leakage(rows: pa.Table) -> dict[str, int]:
    """How many subjects, duplicate groups and normalised texts lie in more than one part; all should be 0.

    `rows` are `splitting.ROWS` with the column `part`.
    """
    found = {}
    for name in ("subject", "group", "text"):
        known = rows.select([name, "part"]).filter(pc.is_valid(rows[name]))
        parts = known.group_by(name).aggregate([("part", "count_distinct", pc.CountOptions("all"))])
        found[f"{name}s"] = pc.sum(pc.greater(parts["part_count_distinct"], 1)).as_py() or 0
    return found


def summary(rows: pa.Table, params: SplitParams) -> dict[str, Any]:
    """Rows and shares by part beside what was asked for, rows by stratum (`labels`), and what was moved after the draw.

    `rows` have the columns `strata`, `part` as written, and `drawn`, the part that the draw alone gave. A row with
    several strata counts for each. `repaired` names the strata that a part lacked by the draw and has now, `lacking`
    those that a part lacks still, `short` those with fewer training rows than `split.shots` where that is set.
    """
    cells = _cells(_by_stratum(rows), "stratum", "part", "drawn")
    asked = {"train": 1 - params.validation - params.test, "validation": params.validation, "test": params.test}
    now = _table(((stratum, part), count) for (stratum, part, _), count in cells)
    before = _table(((stratum, drawn), count) for (stratum, _, drawn), count in cells)
    found = _cells(rows, "part", "drawn")
    sizes = _sums((part, count) for (part, _), count in found)
    moved = _sums((f"{drawn}_to_{part}", count) for (part, drawn), count in found if part != drawn)
    short = {"short": [name for name in now if now[name]["train"] < params.shots]} if params.shots else {}
    return {
        "parts": {
            part: {"rows": sizes[part], "share": round(sizes[part] / len(rows), 6), "asked": round(asked[part], 6)}
            for part in PARTS
        },
        "labels": now,
        "repaired": [name for name in now if any(now[name][part] and not before[name][part] for part in PARTS)],
        "lacking": [name for name in now if not all(now[name].values())],
        **short,
        "moved": dict(sorted(moved.items())),
    }


def _by_stratum(rows: pa.Table) -> pa.Table:
    """A row for each stratum of each row."""
    strata = rows["strata"].combine_chunks()
    owners = pc.list_parent_indices(strata)
    columns = {name: rows[name].take(owners) for name in ("part", "drawn")}
    return pa.table({"stratum": pc.list_flatten(strata), **columns})


def _cells(rows: pa.Table, *names: str) -> list[tuple[tuple[str, ...], int]]:
    """How many rows there are of each combination of these columns."""
    counted = rows.select(names).group_by(names).aggregate([([], "count_all")]).to_pylist()
    return [(tuple(one[name] for name in names), one["count_all"]) for one in counted]


def _table(cells: Iterable[tuple[Cell, int]]) -> dict[str, dict[str, int]]:
    """Counts by stratum and part, all parts named."""
    counts = _sums(cells)
    return {stratum: {part: counts[stratum, part] for part in PARTS} for stratum in sorted({s for s, _ in counts})}


def _sums(counted: Iterable[tuple[Any, int]]) -> Counter[Any]:
    counts: Counter[Any] = Counter()
    for what, count in counted:
        counts[what] += count
    return counts
