"""What a split adds up to, and whether anything crosses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.params import SplitParams
from stages.methods.split.splitting import PARTS, Row


@dataclass(frozen=True, slots=True)
class Placed:
    """A record as it was written: its part, and the part that the draw alone gave."""

    row: Row
    part: str
    drawn: str


def leakage(placed: Sequence[Placed]) -> dict[str, int]:
    """How many subjects, duplicate groups and normalised texts lie in more than one part; all should be 0."""
    seen: dict[str, dict[str, set[str]]] = {"subjects": {}, "groups": {}, "texts": {}}
    for one in placed:
        for what, value in (("subjects", one.row.subject), ("groups", one.row.group), ("texts", one.row.text)):
            if value is not None:
                seen[what].setdefault(value, set()).add(one.part)
    return {what: sum(len(parts) > 1 for parts in values.values()) for what, values in seen.items()}


def summary(placed: Sequence[Placed], params: SplitParams) -> dict[str, Any]:
    """Rows and shares by part beside what was asked for, rows by stratum (`labels`), and what was moved after the draw.

    `repaired` names the strata that a part lacked by the draw and has now, `lacking` those that a part lacks still.
    """
    rows = Counter(one.part for one in placed)
    asked = {"train": 1 - params.validation - params.test, "validation": params.validation, "test": params.test}
    now = _table((one.row.stratum, one.part) for one in placed)
    before = _table((one.row.stratum, one.drawn) for one in placed)
    moved = Counter(f"{one.drawn}_to_{one.part}" for one in placed if one.part != one.drawn)
    return {
        "parts": {
            part: {"rows": rows[part], "share": round(rows[part] / len(placed), 6), "asked": round(asked[part], 6)}
            for part in PARTS
        },
        "labels": now,
        "repaired": [name for name in now if any(now[name][part] and not before[name][part] for part in PARTS)],
        "lacking": [name for name in now if not all(now[name].values())],
        "moved": dict(sorted(moved.items())),
    }


def _table(cells: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Counts by stratum and part, all parts named."""
    counts = Counter(cells)
    return {stratum: {part: counts[stratum, part] for part in PARTS} for stratum in sorted({s for s, _ in counts})}
