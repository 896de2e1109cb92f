"""From facts about records to verdicts on duplicates: who stays, and who leaves because of whom.

Records go by their position in the order of ids, so that no result depends on the order in which facts came in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from stages.core.engine import Engine
from stages.methods.deduplicate.near import Cluster, Comparable, Nearest, stars
from stages.methods.deduplicate.union_find import UnionFind

PORTION = 64
"""Clusters that travel to a worker together."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is remembered of a record, never its text: about 400 bytes, of which the id takes a third."""

    id: str
    digest: bytes
    """128 bits of the normalised texts."""
    length: int
    """Characters in all texts."""
    words: int
    """Words to compare; 0 where all texts are too short for that."""
    label: str | None


@dataclass(frozen=True, slots=True)
class Tied:
    """Positions that proposals tie together, in survivor order, and the buckets they share (as indexes into them)."""

    positions: tuple[int, ...]
    buckets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a record that has duplicates or was compared; without `of`, it stays.

    `of` is the kept record because of which it leaves. `nearest` is the closest of the `compared` kept records where
    that was not close enough, `similarity` how close either was. `size` counts the records a kept one stands for.
    """

    of: str | None = None
    kind: Literal["exact", "near"] | None = None
    similarity: float = 0.0
    label_conflict: bool = False
    size: int = 1
    nearest: str | None = None
    compared: int = 0


def exact_survivors(facts: Sequence[Fact]) -> list[int]:
    """For each position the first one of equal digest: the smallest id, if facts are sorted by id."""
    digests = np.frombuffer(b"".join(fact.digest for fact in facts), "S16")
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    survivors: list[int] = first[group].tolist()
    return survivors


def tied(facts: Sequence[Fact], survivors: Sequence[int], buckets: Iterable[Sequence[str]]) -> list[Tied]:
    """The buckets' connected components, of exact survivors only, ordered within by length (longest first), then id.

    That order is the survivor rule: total, over content alone. Components are compared apart from each other; within
    one, only records that share a bucket are compared, and being tied together means nothing by itself.
    """
    position = {fact.id: i for i, fact in enumerate(facts)}
    proposed = {tuple(sorted({i for i in map(position.__getitem__, ids) if survivors[i] == i})) for ids in buckets}
    sets: UnionFind[int] = UnionFind()
    shared = sorted(bucket for bucket in proposed if len(bucket) > 1)
    for bucket in shared:
        for other in bucket[1:]:
            sets.join(bucket[0], other)
    buckets_of: dict[int, list[tuple[int, ...]]] = {}
    for bucket in shared:
        buckets_of.setdefault(sets.find(bucket[0]), []).append(bucket)
    return [_in_order(facts, members, buckets_of[sets.find(members[0])]) for members in sets.components()]


def _in_order(facts: Sequence[Fact], members: Sequence[int], buckets: Iterable[tuple[int, ...]]) -> Tied:
    ordered = sorted(members, key=lambda i: (-facts[i].length, i))
    index = {position: i for i, position in enumerate(ordered)}
    return Tied(tuple(ordered), tuple(tuple(index[position] for position in bucket) for bucket in buckets))


def blocks(facts: Sequence[Fact], components: Iterable[Tied], limit: int) -> Iterator[list[Tied]]:
    """Components in portions of at most `limit` words together, or of one component that has more by itself."""
    block: list[Tied] = []
    weight = 0
    for component in components:
        words = sum(facts[i].words for i in component.positions)
        if block and weight + words > limit:
            yield block
            block, weight = [], 0
        block.append(component)
        weight += words
    if block:
        yield block


def closest(
    facts: Sequence[Fact], block: Sequence[Tied], held: Mapping[str, Comparable], threshold: float, engine: Engine
) -> Iterator[tuple[int, Nearest]]:
    """The closest kept record of each record in a block that was compared, both by position. `held` goes by id."""
    clusters = [Cluster(tuple(held[facts[i].id] for i in tie.positions), tie.buckets) for tie in block]
    portions = (clusters[i : i + PORTION] for i in range(0, len(clusters), PORTION))
    results = engine.map(partial(_stars, threshold=threshold), portions)
    for tie, found in zip(block, (found for portion in results for found in portion), strict=True):
        for position, nearest in zip(tie.positions, found, strict=True):
            if nearest is not None:
                yield position, replace(nearest, member=tie.positions[nearest.member])


def _stars(clusters: Sequence[Cluster], threshold: float) -> list[list[Nearest | None]]:
    return [stars(cluster, threshold) for cluster in clusters]


def verdicts(
    facts: Sequence[Fact], survivors: Sequence[int], nearest: Mapping[int, Nearest], threshold: float
) -> dict[str, Verdict]:
    """Verdicts by id, for all records but those that are alone and were compared with none.

    `nearest` gives, by position, the closest kept record (its `member` is a position). When an exact survivor leaves
    as a near duplicate, its copies leave with it, for the same kept record and with the survivor's similarity: the
    record that `of` names is always a kept one.
    """
    near = {i: found for i, found in nearest.items() if found.similarity >= threshold}
    keeper = [near[first].member if first in near else first for first in survivors]
    sizes = Counter(keeper)
    result: dict[str, Verdict] = {}
    for i, (fact, first, kept) in enumerate(zip(facts, survivors, keeper, strict=True)):
        found = nearest.get(i)
        compared = found.compared if found else 0
        if kept != i:
            similarity = near[first].similarity if first in near else 1.0
            conflict = fact.label != facts[kept].label
            kind: Literal["exact", "near"] = "near" if first in near else "exact"
            result[fact.id] = Verdict(facts[kept].id, kind, similarity, conflict, compared=compared)
        elif found:
            result[fact.id] = Verdict(None, None, found.similarity, False, sizes[i], facts[found.member].id, compared)
        elif sizes[i] > 1:
            result[fact.id] = Verdict(size=sizes[i])
    return result
