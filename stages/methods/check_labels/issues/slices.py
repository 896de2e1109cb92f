"""Where suspects pile up: parts of the rows with a larger share of labels in doubt than all other rows together."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

from stages.core.task import Metric
from stages.methods.audit.roc import difference, proportion

LEAST = 30
"""Rows that a slice must have, and that must lie outside of it."""
_MOST = 20
_QUARTERS = ("shortest quarter", "second quarter", "third quarter", "longest quarter")


class Sliced(Protocol):
    """What a row can be sliced by; `length` counts characters."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def language(self) -> str | None: ...  # noqa: D102
    @property
    def labels(self) -> tuple[str, ...] | None: ...  # noqa: D102
    @property
    def length(self) -> int: ...  # noqa: D102


def weak_slices(rows: Sequence[Sliced], suspects: Collection[str]) -> list[dict[str, Any]]:
    """The slices with more suspects than the other rows, the farthest off first, at most twenty.

    Shares have Wilson's 95 % interval. A slice is listed when the whole 95 % interval of the difference (Newcombe 1998)
    lies above zero: of 40 slices that are like the others, one is listed by chance.
    """
    everyone = {row.id for row in rows}
    doubted = everyone & {*suspects}
    found: list[tuple[float, dict[str, Any]]] = []
    for (by, name), members in _slices(rows).items():
        if min(len(members), len(everyone) - len(members)) < LEAST:
            continue
        inside, outside = _share(members, doubted), _share(everyone - members, doubted)
        change = difference(inside, outside)
        if change.low > 0:
            share = {"share": inside.value, "share_low": inside.low, "share_high": inside.high}
            entry = {"by": by, "name": name, "rows": len(members), "suspects": len(members & doubted), **share}
            found.append((change.value, {**entry, "others": outside.value}))
    ordered = sorted(found, key=lambda item: (-item[0], item[1]["by"], item[1]["name"]))
    return [
        {key: round(value, 3) if isinstance(value, float) else value for key, value in entry.items()}
        for _, entry in ordered[:_MOST]
    ]


def _share(members: Collection[str], doubted: Collection[str]) -> Metric:
    return proportion([id in doubted for id in members])


def _slices(rows: Sequence[Sliced]) -> dict[tuple[str, str], set[str]]:
    """The ids of each slice, by what it is a slice of and its name."""
    lengths = sorted(row.length for row in rows)
    cuts = [lengths[len(lengths) * quarter // 4] for quarter in (1, 2, 3)] if lengths else []
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        for key in _keys(row, cuts):
            found[key].add(row.id)
    return found


def _keys(row: Sliced, cuts: Sequence[int]) -> Iterator[tuple[str, str]]:
    yield "source", row.source
    yield "language", row.language or "unknown"
    yield "length", _QUARTERS[bisect_right(cuts, row.length)]
    yield from (("label", label) for label in row.labels or ())
