"""The search for duplicates among records that were looked at: read the candidates again, compare, decide who stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.core.engine import Engine
from stages.core.params import DeduplicateParams
from stages.core.progress import track
from stages.core.task import Task
from stages.methods.deduplicate.contamination import EvaluationIndex, Leak
from stages.methods.deduplicate.groups import Buckets, Facts, Tied, blocks, exact_survivors, tied
from stages.methods.deduplicate.look import Batch, Look, Pairs, Read
from stages.methods.deduplicate.minhash import Banding
from stages.methods.deduplicate.semantic import Vectors, cosine_banding, semantic_keys
from stages.methods.deduplicate.shingles import Counts
from stages.methods.deduplicate.stars import Cluster, Comparable, Nearest, Rule, stars

BLOCK = 2**26
"""Words held for comparison at once: 512 MiB of shingles, 8 bytes each. More candidates take more passes."""
_OVERHEAD = 16
"""What a candidate weighs beside its words."""
_LOT = 4096
_PORTION = 64
"""Clusters that travel to a worker together."""


@dataclass(frozen=True, slots=True)
class Found:
    """For each position the first of equal texts, and for each that was compared the closest that stays."""

    survivors: Counts
    nearest: dict[int, Nearest]

    def leaves(self, position: int) -> bool:
        """Whether the record at a position leaves for another."""
        found = self.nearest.get(position)
        return bool(self.survivors[position] != position) or (found is not None and found.close)

    def leaves_for(self, one: int, other: int) -> bool:
        """Whether either of two records that are not equal leaves for the other."""
        found, back = self.nearest.get(one), self.nearest.get(other)
        return bool(found and found.close and found.member == other) or bool(back and back.close and back.member == one)


@dataclass(frozen=True)
class Search:
    """Where records are read, and what they are compared by. `vectors` are their embeddings, by position."""

    engine: Engine
    task: Task
    params: DeduplicateParams
    batches: Sequence[Batch]
    vectors: Vectors | None = None

    @property
    def least(self) -> int:
        """Words from which a text is long."""
        return max(self.params.min_words, self.params.ngram)

    @property
    def rule(self) -> Rule:
        """From when on two records are duplicates."""
        return Rule(self.params.threshold, self.params.edits, self.params.edit_chars, self.params.semantic)

    def look(self, index: EvaluationIndex | None, scratch: Path) -> tuple[Facts, dict[int, Leak], Buckets]:
        """Facts about all records, leaks by position, and the groups of records that share a bucket."""
        seen: list[tuple[Facts, dict[int, Leak]]] = []
        work = Look(self.task, self.params, index)
        batches = track(self.batches, "deduplicate: batches of texts read", len(self.batches))
        groups = [*self.engine.group(work, batches, seen.append, scratch)]
        if self.vectors is not None and self.params.semantic is not None:
            cut = cosine_banding(self.params.semantic, self.params.recall)
            groups += self.engine.group(partial(_semantic_pairs, cut=cut), _lots(self.vectors), lambda _: None, scratch)
        leaks = {position: leak for _, some in seen for position, leak in some.items()}
        return Facts.joined([facts for facts, _ in seen]), leaks, Buckets.joined(groups)

    def run(self, facts: Facts, buckets: Buckets, usable: npt.NDArray[np.bool_], around: int | None = None) -> Found:
        """Compare the usable records that share a bucket; with `around`, only clusters with a record from there on."""
        survivors = exact_survivors(facts, usable) if self.params.exact else np.arange(len(facts))
        ties = tied(facts, buckets.only(usable & (survivors == np.arange(len(facts)))))
        if around is not None:
            ties = (tie for tie in ties if max(tie.positions) >= around)
        nearest: dict[int, Nearest] = {}
        for block in blocks(facts.words + _OVERHEAD, ties, BLOCK):
            held = self.read_at(sorted({position for tie in block for position in tie.positions}))
            nearest.update(self._closest(block, held))
        return Found(survivors, nearest)

    def read_at(self, positions: Sequence[int]) -> dict[int, Comparable]:
        """The candidates by position, read by the workers."""
        wanted = list(at(self.batches, positions))
        found = (comparable for some in self.engine.map(Read(self.task, self.params), wanted) for comparable in some)
        held = dict(zip(positions, found, strict=True))
        if self.vectors is not None:
            held = {position: replace(one, vector=self.vectors[position]) for position, one in held.items()}
        return held

    def _closest(self, block: Sequence[Tied], held: dict[int, Comparable]) -> Iterator[tuple[int, Nearest]]:
        clusters = [Cluster(tuple(held[position] for position in tie.positions), tie.buckets) for tie in block]
        portions = (clusters[i : i + _PORTION] for i in range(0, len(clusters), _PORTION))
        results = self.engine.map(partial(_stars, rule=self.rule), portions)
        for tie, found in zip(block, (found for portion in results for found in portion), strict=True):
            for position, nearest in zip(tie.positions, found, strict=True):
                if nearest is not None:
                    yield position, replace(nearest, member=tie.positions[nearest.member])


def _lots(vectors: Vectors) -> Iterator[tuple[int, Vectors]]:
    """(position of the first, vectors) a few thousand at a time."""
    for start in range(0, len(vectors), _LOT):
        yield start, vectors[start : start + _LOT]


def _semantic_pairs(lot: tuple[int, Vectors], cut: Banding) -> tuple[None, Pairs]:
    start, vectors = lot
    keys = semantic_keys(vectors.reshape(len(vectors), -1), cut)  # the mean cosine is at least the smallest
    return None, (keys.ravel(), np.repeat(np.arange(start, start + len(vectors)), keys.shape[1]))


def _stars(clusters: Sequence[Cluster], rule: Rule) -> list[list[Nearest | None]]:
    return [stars(cluster, rule) for cluster in clusters]


def at(batches: Iterable[Batch], positions: Sequence[int]) -> Iterator[tuple[Batch, list[int]]]:
    """(batch, offsets in it) for the batches that hold any of the positions, which ascend."""
    batches = list(batches)
    cuts = np.searchsorted(positions, [batch.position for batch in batches]).tolist()
    for batch, start, end in zip(batches, cuts, [*cuts[1:], len(positions)], strict=True):
        if end > start:
            yield batch, [position - batch.position for position in positions[start:end]]
