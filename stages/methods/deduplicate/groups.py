"""From proposals to clusters: who is compared with whom, and in which order they may stay.

Records go by their position in the input, whose rows are sorted by id, so that no result depends on the order in which
facts came in. Nothing here is a Python object a record: arrays hold what is known of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from stages.methods.deduplicate.shingles import Counts, Hashes, mix, ranges


@dataclass(frozen=True, slots=True)
class Facts:
    """What is remembered of records, never their text: 40 bytes each, in order of position."""

    digests: npt.NDArray[np.bytes_]
    """128 bits of the normalised texts."""
    lengths: Counts
    """Characters in all texts."""
    words: Counts
    """Words to compare; 0 where all texts are too short for that."""
    labels: Hashes
    """64 bits of the label."""

    @classmethod
    def joined(cls, parts: Sequence[Facts]) -> Facts:
        """The facts of several batches, one after the other."""
        parts = parts or [cls(np.empty(0, "S16"), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint64))]
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True, slots=True)
class Tied:
    """Positions that proposals tie together, in survivor order, and the buckets they share (as indexes into them)."""

    positions: tuple[int, ...]
    buckets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Buckets:
    """Groups of positions, end to end; the positions of each ascend."""

    members: Counts
    starts: Counts

    @classmethod
    def joined(cls, parts: Iterable[tuple[Counts, Counts]]) -> Buckets:
        """Several lots of (members, starts) as one."""
        members, sizes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for some, starts in parts:
            members.append(some)
            sizes.append(np.diff(starts, append=len(some)))
        counts = np.concatenate(sizes)
        return cls(np.concatenate(members), np.cumsum(counts) - counts)

    @property
    def sizes(self) -> Counts:
        """Members of each group."""
        return np.diff(self.starts, append=len(self.members))

    def only(self, wanted: npt.NDArray[np.bool_]) -> Buckets:
        """The groups reduced to wanted positions; those left with one or none are gone, and so is each repetition."""
        numbers = np.repeat(np.arange(len(self.starts)), self.sizes)
        inside = wanted[self.members]
        sizes = np.bincount(numbers[inside], minlength=len(self.starts))
        kept = inside & (sizes > 1)[numbers]
        members, sizes = self.members[kept], sizes[sizes > 1]
        return Buckets(members, np.cumsum(sizes) - sizes).once()

    def once(self) -> Buckets:
        """Each group once: a pair of close records shares most of its bands."""
        if not len(self.starts):
            return self
        hashed = np.add.reduceat(mix(self.members.astype(np.uint64) + np.uint64(1)), self.starts)
        _, first = np.unique(hashed, return_index=True)
        first.sort()
        sizes = self.sizes[first]
        return Buckets(self.members[ranges(self.starts[first], sizes)], np.cumsum(sizes) - sizes)


def exact_survivors(facts: Facts, usable: npt.NDArray[np.bool_]) -> Counts:
    """For each position the first usable one of equal digest, which has the smallest id; itself if not usable."""
    survivors = np.arange(len(facts))
    places = survivors[usable]
    _, first, group = np.unique(facts.digests[usable], return_index=True, return_inverse=True)
    survivors[usable] = places[first[group]]
    return survivors


def tied(facts: Facts, buckets: Buckets) -> Iterator[Tied]:
    """The buckets' connected components, ordered within by length (longest first), then position.

    That order is the survivor rule: total, over content alone. Components are compared apart from each other; within
    one, only records that share a bucket are compared, and being tied together means nothing by itself.
    """
    if not len(buckets.starts):
        return
    involved, members = np.unique(buckets.members, return_inverse=True)
    component = _components(members, buckets, len(involved))
    order = np.lexsort((involved, -facts.lengths[involved], component))
    starts = np.flatnonzero(np.diff(component[order], prepend=-1))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    by_component = np.argsort(component[members[buckets.starts]], kind="stable")
    lots = np.bincount(component[members[buckets.starts]], minlength=len(starts))
    positions = involved[order].tolist()
    locals_ = place[members].tolist()
    bounds = [*buckets.starts.tolist(), len(buckets.members)]
    groups = iter(by_component.tolist())
    for start, end, lot in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], lots.tolist(), strict=True):
        numbers = [next(groups) for _ in range(lot)]
        shared = tuple(tuple(sorted(locals_[bounds[number] : bounds[number + 1]])) for number in numbers)
        yield Tied(tuple(positions[start:end]), shared)


def _components(members: Counts, buckets: Buckets, nodes: int) -> Counts:
    """The number of each node's component, counted in the order of their smallest nodes."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = np.repeat(members[buckets.starts], buckets.sizes)
    graph = coo_array((np.ones(len(members), np.int8), (first, members)), (nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    _, smallest, numbers = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(smallest))[numbers].astype(np.int64)


def blocks(weights: Counts, components: Iterable[Tied], limit: int) -> Iterator[list[Tied]]:
    """Components in portions of at most `limit` in weight together, or of one that weighs more by itself."""
    block: list[Tied] = []
    total = 0
    for component in components:
        weight = int(weights[list(component.positions)].sum())
        if block and total + weight > limit:
            yield block
            block, total = [], 0
        block.append(component)
        total += weight
    if block:
        yield block
