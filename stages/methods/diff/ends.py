"""Where each source row ended in a version of the data, and which rows ended elsewhere in another version.

All of it is told by events alone: rows can be compared whose records are no longer kept anywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, order=True)
class End:
    """Where a row ended. `kind` is absent, quarantined, not_sampled, erased, dropped or kept.

    `reason` is a code of `stage`; of a kept row, it is the split.
    """

    kind: str
    stage: str = ""
    reason: str = ""


ABSENT, KEPT = End("absent"), End("kept")
_BY_CHOICE = ("not_sampled", "erased")
"""Reasons of the stage that reads the sources: the row is there, and was left out on purpose."""


@dataclass(frozen=True)
class Ends:
    """The end of each source row: `ends[codes[i]]` is that of `ids[i]`. Ids are distinct."""

    ids: pa.Array
    codes: Codes
    ends: tuple[End, ...]


def ends_of(events: Mapping[str, pa.Table]) -> Ends:
    """The ends that events tell: their `id`, `action` and `reason` by stage, the stage that reads the sources first."""
    first = next(iter(events))
    ids = _whole(pc.unique(events[first]["id"]))
    codes = np.zeros(len(ids), np.int64)
    known = {KEPT: 0}
    for stage, table in events.items():
        for end, some in _leaving(stage, table, reads_sources=stage == first):
            places = pc.drop_null(pc.index_in(some, value_set=ids)).to_numpy(zero_copy_only=False)
            codes[places] = known.setdefault(end, len(known))
    return Ends(ids, codes, tuple(known))


def _leaving(stage: str, table: pa.Table, *, reads_sources: bool) -> Iterator[tuple[End, pa.ChunkedArray]]:
    """Each end that a stage gives, and the ids of the rows that find it there."""
    for pair in table.select(["action", "reason"]).group_by(["action", "reason"]).aggregate([]).to_pylist():
        end = _end(stage, pair["action"], pair["reason"], reads_sources=reads_sources)
        if end is not None:
            chosen = pc.and_(pc.equal(table["action"], pair["action"]), pc.equal(table["reason"], pair["reason"]))
            yield end, table["id"].filter(chosen)


def _end(stage: str, action: str, reason: str, *, reads_sources: bool) -> End | None:
    if action == "quarantine":
        return End("quarantined", stage, reason)
    if action == "drop":
        return End(reason, stage) if reads_sources and reason in _BY_CHOICE else End("dropped", stage, reason)
    return End("kept", reason=reason) if action == "assign" and stage == "split" else None


@dataclass(frozen=True)
class Move:
    """Rows that ended at one place in A and at another in B."""

    before: End
    after: End
    ids: pa.Array

    @property
    def heading(self) -> str:
        """What happened to them, as a code; exactly one for each pair of ends."""
        return _heading(self.before, self.after)


HEADINGS = {
    "added": "new in the sources",
    "removed": "no longer in the sources",
    "erased": "erased on request",
    "no_longer_erased": "no longer erased",
    "newly_sampled": "newly sampled",
    "no_longer_sampled": "no longer sampled",
    "newly_quarantined": "newly quarantined",
    "no_longer_quarantined": "no longer quarantined",
    "quarantined_otherwise": "quarantined for another reason",
    "newly_dropped": "kept in A, dropped in B",
    "no_longer_dropped": "dropped in A, kept in B",
    "dropped_otherwise": "dropped in both, for another reason",
    "moved": "moved between splits",
}
"""All headings in words, in the order in which they are told."""
_ENTERS = {
    "erased": ("erased", "no_longer_erased"),
    "absent": ("removed", "added"),
    "not_sampled": ("no_longer_sampled", "newly_sampled"),
    "quarantined": ("newly_quarantined", "no_longer_quarantined"),
    "dropped": ("newly_dropped", "no_longer_dropped"),
}
"""What it is called to come to an end of a kind, and to leave it; the first kind that fits names the move."""


def _heading(before: End, after: End) -> str:
    if before.kind == after.kind:
        return "moved" if after.kind == "kept" else f"{after.kind}_otherwise"
    for kind, (coming, leaving) in _ENTERS.items():
        if after.kind == kind:
            return coming
        if before.kind == kind:
            return leaving
    raise AssertionError("two kinds that are not the same are not both `kept`")


@dataclass(frozen=True)
class Moves:
    """All moves, the largest first within a heading, and how many rows ended at the same place in both versions."""

    moves: tuple[Move, ...]
    same: Mapping[End, int]
    shared: int
    """Rows that both versions have seen."""


def moves(a: Ends, b: Ends) -> Moves:
    """Compare two versions row by row."""
    ids = _whole(pc.unique(pa.chunked_array([a.ids, b.ids])))
    (before, names_a), (after, names_b) = _placed(a, ids), _placed(b, ids)
    shared = int(((before > 0) & (after > 0)).sum())
    pairs = before * len(names_b) + after
    found, inverse, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    order, starts = np.argsort(inverse, kind="stable"), np.concatenate([[0], np.cumsum(counts)])
    changed, same = [], Counter[End]()
    for index, pair in enumerate(found.tolist()):
        one, other = names_a[pair // len(names_b)], names_b[pair % len(names_b)]
        if one == other:
            same[one] += int(counts[index])
        else:
            some = ids.take(pa.array(order[starts[index] : starts[index + 1]]))
            changed.append(Move(one, other, pc.take(some, pc.sort_indices(some))))
    places = {heading: place for place, heading in enumerate(HEADINGS)}
    changed.sort(key=lambda move: (places[move.heading], -len(move.ids), move.before, move.after))
    return Moves(tuple(changed), dict(same), shared)


def _placed(version: Ends, ids: pa.Array) -> tuple[Codes, tuple[End, ...]]:
    """The code of each id in a version, 0 where it has no such row."""
    codes = np.zeros(len(ids), np.int64)
    codes[pc.index_in(version.ids, value_set=ids).to_numpy(zero_copy_only=False)] = version.codes + 1
    return codes, (ABSENT, *version.ends)


def _whole(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
