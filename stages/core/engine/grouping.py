"""Which members share a key, for more (key, member) pairs than fit in memory: cut by the key's high bits, then sort.

Keys are hashes, so that ranges of keys hold about the same number of pairs, and ranges one after the other are all keys
in ascending order. What comes out depends on the set of pairs alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pairs: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.int64]]
"""Keys, and the member that has each; the same pair may come twice."""
Groups: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Members of groups laid end to end, and where each group starts among them."""
_PARTS = 64
_BUFFER = 2**21


def grouped(pairs: Pairs) -> Groups:
    """The groups of two or more distinct members that share a key: in order of key, members ascending."""
    keys, members = _shared(by_key(pairs))  # most keys occur once, and need no second sort
    order = np.lexsort((members, keys))
    keys, members = keys[order], members[order]
    first = np.ones(len(keys), bool)
    first[1:] = (keys[1:] != keys[:-1]) | (members[1:] != members[:-1])
    keys, members = _shared((keys[first], members[first]))
    starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] + np.uint64(1)))
    return members, starts.astype(np.int64)


def _shared(pairs: Pairs) -> Pairs:
    """The pairs, sorted by key, whose key occurs more than once."""
    keys, members = pairs
    same = keys[1:] == keys[:-1]
    shared = np.zeros(len(keys), bool)
    shared[1:] |= same
    shared[:-1] |= same
    return keys[shared], members[shared]


def by_key(pairs: Pairs) -> Pairs:
    """The pairs sorted by key."""
    keys, members = pairs
    order = np.argsort(keys)
    return keys[order], members[order]


def cut(pairs: Pairs, parts: int, within: tuple[int, int] = (0, 1)) -> list[Pairs]:
    """Pairs sorted by key, cut into `parts` ranges of keys of equal width, ascending; views, no copies.

    `within` = (i, n) says that all keys lie in range i of n. Both numbers of parts are powers of two.
    """
    keys, members = pairs
    bounds = [(within[0] * parts + part) * 2**64 // (within[1] * parts) for part in range(1, parts)]
    places = np.searchsorted(keys, np.array(bounds, np.uint64))
    return list(zip(np.split(keys, places), np.split(members, places), strict=True))


def joined(pairs: Iterable[Pairs]) -> Pairs:
    """Pairs one after the other."""
    keys, members = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for some, their in pairs:
        keys.append(some)
        members.append(their)
    return np.concatenate(keys, dtype=np.uint64), np.concatenate(members, dtype=np.int64)


class Spill:
    """Collects pairs, in memory up to two million (32 MiB) and in one file for each range of keys beyond that."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[Pairs] = []
        self._rows = 0
        self._spilled = False

    def add(self, pairs: Pairs) -> None:
        """Take some pairs."""
        self._held.append(pairs)
        self._rows += len(pairs[0])
        if self._rows >= _BUFFER:
            self._flush()

    def groups(self) -> Iterator[Groups]:
        """The groups of all pairs taken, one range of keys after the other."""
        if not self._spilled:
            yield grouped(joined(self._held))
            return
        self._flush()
        for part in range(_PARTS):
            rows = np.fromfile(self._file(part), np.uint64).reshape(-1, 2)
            yield grouped((rows[:, 0], rows[:, 1].view(np.int64)))

    def _flush(self) -> None:
        for part, (keys, members) in enumerate(cut(by_key(joined(self._held)), _PARTS)):
            with self._file(part).open("ab") as file:
                np.column_stack((keys, members.view(np.uint64))).tofile(file)
        self._held, self._rows, self._spilled = [], 0, True

    def _file(self, part: int) -> Path:
        return self._folder / f"{part:02x}"
