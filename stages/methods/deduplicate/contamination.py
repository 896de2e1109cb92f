"""Leaks from evaluation sets: which records equal one of their rows, or hold enough of its word n-grams.

A record that holds a share t of a row's m n-grams holds at least one of any m - ceil(t m) + 1 of them (Chaudhuri, Ganti
and Kaushik 2006, "prefix filter"). So only a row's rarest n-grams propose it, and phrases that all rows share (a task's
instruction) cost nothing; a proposed row is compared in full. A row without n-grams must be equal as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from stages.methods.deduplicate.shingles import Counts, Hashes, ranges

Indexes: TypeAlias = npt.NDArray[np.int32]
Digests: TypeAlias = npt.NDArray[np.bytes_]
Bits: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Leak:
    """The row that a record equals or contains. `overlap` is the share of the row's distinct n-grams it holds."""

    set_name: str
    kind: Literal["equal", "contains"]
    overlap: float
    row: int


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists of whole numbers end to end; list i begins at `starts[i]`, and `starts` ends with the end of the last."""

    values: Indexes
    starts: Counts

    def of(self, chosen: npt.NDArray[np.integer]) -> Indexes:
        """Some of the lists, end to end."""
        starts = self.starts[chosen]
        found: Indexes = self.values[ranges(starts, self.starts[chosen + 1] - starts)]
        return found

    @property
    def lengths(self) -> Counts:
        """Of all lists."""
        return np.diff(self.starts)


@dataclass(frozen=True, slots=True)
class EvaluationIndex:
    """Rows of evaluation sets, ready for look-ups: arrays, about 25 bytes for each of their n-grams."""

    rows: tuple[tuple[str, int], ...]
    """(set's name, place in it) of each row; of equally good rows the first counts."""
    overlap: float
    """Share of a row's n-grams from which it counts as held."""
    digests: Digests
    digest_rows: Indexes
    """Sorted digests of the rows, and the first row of each."""
    ngrams: Hashes
    """All n-grams of the rows, sorted."""
    beginnings: Bits
    """Which first bits n-grams have, eight times as many as there are n-grams: turns most others away at once."""
    held: Lists
    """For each row its distinct n-grams (as indexes)."""
    proposed: Lists
    """For each n-gram the rows that it proposes."""

    @classmethod
    def build(
        cls,
        rows: Sequence[tuple[str, int]],
        digests: Digests,
        ngrams: tuple[Hashes, Counts, Counts],
        overlap: float,
    ) -> EvaluationIndex:
        """The index of rows given by name and place, the digests of their texts, and their n-grams.

        `ngrams` are (values end to end, where each text's start, the row of each text): the `shingles` of all texts
        that have enough words.
        """
        known, first = np.unique(digests, return_index=True)
        values, owner = _by_owner(*ngrams)
        vocabulary, numbers = np.unique(values, return_inverse=True)
        held = _lists(owner, numbers, len(rows), len(vocabulary))
        proposed = _proposed(held, len(vocabulary), overlap)
        beginnings = _beginnings(vocabulary)
        return cls(tuple(rows), overlap, known, first.astype(np.int32), vocabulary, beginnings, held, proposed)

    def find(self, values: Hashes, starts: Counts, owner: Counts, digests: Digests) -> list[Leak | None]:
        """For each record of a batch the row that it equals, or else the one of which it holds most, if enough.

        `digests` has one entry for each record; values, starts and owner are as for `build`, in order of the records.
        """
        found: list[Leak | None] = [None] * len(digests)
        known, place = _look_up(self.digests, digests)
        for record, row in zip(known.tolist(), self.digest_rows[place].tolist(), strict=True):
            found[record] = Leak(self.rows[row][0], "equal", 1.0, self.rows[row][1])
        every, of = _by_owner(values, starts, owner)
        likely = _may_hold(self.beginnings, every)
        hits, numbers = _look_up(self.ngrams, every[likely])
        of = of[likely[hits]]
        proposing = self.proposed.lengths[numbers] > 0
        flags = np.zeros(len(self.ngrams), np.bool_)
        records = np.unique(of[proposing])
        bounds = np.searchsorted(of, records), np.searchsorted(of, records, side="right")
        for record, first, end in zip(records.tolist(), *map(np.ndarray.tolist, bounds), strict=True):
            found[record] = found[record] or self._contained(numbers[first:end], flags)
        return found

    def _contained(self, numbers: Counts, flags: npt.NDArray[np.bool_]) -> Leak | None:
        """The row of which a record with these n-grams holds most, if enough. `flags` are all False, also after."""
        numbers = np.unique(numbers)
        rows = np.unique(self.proposed.of(numbers))
        sizes = self.held.lengths[rows]
        flags[numbers] = True
        shared = np.add.reduceat(flags[self.held.of(rows)], np.cumsum(sizes) - sizes, dtype=np.int64)
        flags[numbers] = False
        best = int(np.argmax(shared / sizes))
        share = float(shared[best] / sizes[best])
        name, place = self.rows[int(rows[best])]
        return Leak(name, "contains", round(share, 6), place) if share >= self.overlap else None


def _by_owner(values: Hashes, starts: Counts, owner: Counts) -> tuple[Hashes, Counts]:
    """(n-grams, owner of each), from those of texts end to end."""
    return values, np.repeat(owner, np.diff(starts, append=len(values)))


def _beginnings(values: Hashes) -> Bits:
    """The set of the values' first bits, as bits."""
    width = (8 * max(len(values), 1)).bit_length()
    table = np.zeros(1 << width, np.bool_)
    table[values >> np.uint64(64 - width)] = True
    return np.packbits(table, bitorder="little")


def _may_hold(beginnings: Bits, asked: Hashes) -> Counts:
    """Indexes of those whose first bits are in the set: all that are known, and one in eight of the others at most."""
    width = (8 * len(beginnings)).bit_length() - 1
    first = asked >> np.uint64(64 - width)
    bit = np.uint8(1) << (first & np.uint64(7)).astype(np.uint8)
    return np.flatnonzero(beginnings[first >> np.uint64(3)] & bit)


def _look_up(known: npt.NDArray[np.generic], asked: npt.NDArray[np.generic]) -> tuple[Counts, Counts]:
    """(indexes of what is known among the asked, its place among the known, which are sorted)."""
    if not len(known):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    hits = np.flatnonzero(known[place] == asked)
    return hits, place[hits]


def _lists(keys: Counts, values: Counts, count: int, bound: int) -> Lists:
    """For each of `count` keys its distinct values (below `bound`), ascending."""
    pairs = np.unique(keys * max(bound, 1) + values)
    keys, values = np.divmod(pairs, max(bound, 1))
    return Lists(values.astype(np.int32), np.searchsorted(keys, np.arange(count + 1)))


def _proposed(held: Lists, ngrams: int, overlap: float) -> Lists:
    """For each n-gram the rows among whose rarest it is; of rows that hold the same n-grams only the first."""
    sizes = held.lengths
    owner = np.repeat(np.arange(len(sizes)), sizes)
    spread = np.bincount(held.values, minlength=ngrams)[held.values]
    order = np.lexsort((held.values, spread, owner))
    rank = np.arange(len(order)) - np.repeat(held.starts[:-1], sizes)
    # A little less than the share: a rounding error here must not cost a row; `find` decides.
    needed = np.ceil((overlap - 1e-9) * sizes).astype(np.int64)
    rarest = order[rank <= np.repeat(sizes - needed, sizes)]
    chosen = rarest[~_repeats(held)[owner[rarest]]]
    return _lists(held.values[chosen].astype(np.int64), owner[chosen], ngrams, len(sizes))


def _repeats(held: Lists) -> npt.NDArray[np.bool_]:
    """For each row whether an earlier one holds the same n-grams."""
    seen: set[bytes] = set()
    repeats = np.zeros(len(held.lengths), np.bool_)
    for row, (start, end) in enumerate(zip(held.starts[:-1].tolist(), held.starts[1:].tolist(), strict=True)):
        own = hashlib.blake2b(held.values[start:end].tobytes(), digest_size=16).digest()
        repeats[row] = own in seen
        seen.add(own)
    return repeats
