"""How many elements one set shares with each of many others, where most of them are mostly the same.

A form letter brings thousands of sets that differ in a few elements. What more than half of the sets hold is their
core; a set is kept as what it lacks of the core and what it has beside it. With these differences, usually few,

    |A and B| = |core| - |A lacks| - |B lacks| + |both lack| + |both have beside the core|

and the last two come from lists of who has which difference. Without a core it is an ordinary inverted index.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.methods.deduplicate.shingles import Counts, Hashes, ranges


class Overlaps:
    """The sets of a cluster, by index."""

    def __init__(self, sets: Sequence[Hashes]) -> None:
        self.sizes: Counts = np.array([*map(len, sets)], np.int64)
        vocabulary, numbers = np.unique(np.concatenate(sets), return_inverse=True)
        owner = np.repeat(np.arange(len(sets)), self.sizes)
        core = np.bincount(numbers, minlength=len(vocabulary)) * 2 > len(sets)
        held = core[numbers]
        # At most two bytes for each element: a core element is in more than half of the sets.
        present = np.zeros((len(sets), int(core.sum())), np.bool_)
        present[owner[held], np.cumsum(core)[numbers[held]] - 1] = True
        lacking, lacked = np.nonzero(~present)
        self._base: Counts = present.sum(axis=1) - present.shape[1] / 2
        owners = np.concatenate((owner[~held], lacking))
        differences = np.concatenate((numbers[~held], len(vocabulary) + lacked))
        self._own, self._starts = _by(owners, differences, len(sets))
        self._having, self._lists = _by(differences, owners, len(vocabulary) + present.shape[1])

    def shared(self, one: int, others: Counts) -> Counts:
        """Elements that a set shares with each of the others."""
        own = self._own[self._starts[one] : self._starts[one + 1]]
        having = self._having[ranges(self._lists[own], self._lists[own + 1] - self._lists[own])]
        common = np.bincount(having, minlength=len(self.sizes))[others]
        found: Counts = (self._base[one] + self._base[others] + common).astype(np.int64)
        return found


def _by(keys: Counts, values: Counts, count: int) -> tuple[Counts, Counts]:
    """(values sorted by key, where each key's values start; one more start at the end)."""
    order = np.argsort(keys, kind="stable")
    return values[order], np.searchsorted(keys[order], np.arange(count + 1))
