"""What workers see of records, and what they let go: facts, hashes and bucket keys, never a text of a long record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeAlias

import numpy as np

from stages.core.params import DeduplicateParams
from stages.core.records import Record, Schema
from stages.core.task import Task
from stages.methods.deduplicate.contamination import EvaluationIndex, Leak
from stages.methods.deduplicate.edits import edit_keys
from stages.methods.deduplicate.groups import Facts
from stages.methods.deduplicate.minhash import banding
from stages.methods.deduplicate.near import Texts, hashed, near_keys, read_texts, shingle_sets
from stages.methods.deduplicate.shingles import Counts, Hashes, digests, normalised, shingles
from stages.methods.deduplicate.stars import Comparable

Pairs: TypeAlias = tuple[Hashes, Counts]


class Batch(Protocol):
    """Some records and where they stand: rows of a folder, or made-up ones behind its end."""

    @property
    def position(self) -> int:
        """Of the first record."""
        ...

    def records(self, schema: Schema, offsets: Sequence[int] | None = None) -> list[Record]:
        """All of them, or those at some offsets."""
        ...


@dataclass(frozen=True, slots=True)
class HeldRecords:
    """Records in memory, standing where `position` says."""

    position: int
    held: tuple[Record, ...]

    def records(self, _: Schema, offsets: Sequence[int] | None = None) -> list[Record]:
        """See `Batch`."""
        return [*self.held] if offsets is None else [self.held[offset] for offset in offsets]


@dataclass(frozen=True)
class Look:
    """Facts about a batch, leaks from evaluation sets by position, and the pairs (bucket key, position)."""

    task: Task
    params: DeduplicateParams
    index: EvaluationIndex | None = None

    def __call__(self, batch: Batch) -> tuple[tuple[Facts, dict[int, Leak]], Pairs]:
        """No text leaves this function."""
        records = batch.records(self.task.schema)
        every = [record.texts() for record in records]
        texts = read_texts(every, max(self.params.min_words, self.params.ngram))
        facts = Facts(
            np.array(digests([[*some.values()] for some in every]), "S16"),
            np.array([sum(map(len, some.values())) for some in every], np.int64),
            texts.sizes,
            np.array([_label(self.task.targets(record)) for record in records], np.uint64),
        )
        leaks = {} if self.index is None else find_leaks(self.index, texts, facts, self.params.against_ngram)
        keys, owners = self._keys(every, texts)
        return (facts, {batch.position + i: leak for i, leak in leaks.items()}), (keys, owners + batch.position)

    def _keys(self, every: Sequence[dict[str, str]], texts: Texts) -> Pairs:
        keys, owners = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        if self.params.near:
            chosen, found = near_keys(texts, self.params.ngram, banding(self.params.threshold, self.params.recall))
            keys.append(found.ravel())
            owners.append(np.repeat(chosen, found.shape[1]))
        if self.params.edits:
            short = np.flatnonzero(texts.sizes == 0)
            joined = [short_text(every[i]) for i in short.tolist()]
            some, of = edit_keys(joined, self.params.edits, self.params.edit_chars)
            keys.append(some)
            owners.append(short[of])
        return np.concatenate(keys), np.concatenate(owners)


@dataclass(frozen=True)
class Read:
    """What exact comparison needs of some records of a batch."""

    task: Task
    params: DeduplicateParams

    def __call__(self, wanted: tuple[Batch, Sequence[int]]) -> list[Comparable]:
        """One for each offset of (batch, offsets)."""
        batch, offsets = wanted
        every = [record.texts() for record in batch.records(self.task.schema, offsets)]
        texts = read_texts(every, max(self.params.min_words, self.params.ngram))
        sets = shingle_sets(texts, self.params.ngram) if self.params.near else [()] * len(every)
        return [
            Comparable(salt, own, short_text(some) if self.params.edits and not size else None)
            for salt, own, some, size in zip(texts.salts.tolist(), sets, every, texts.sizes.tolist(), strict=True)
        ]


def short_text(texts: dict[str, str]) -> str:
    """The texts of a record that has no long one, normalised, as one."""
    return "\x1f".join(map(normalised, texts.values()))


def find_leaks(index: EvaluationIndex, texts: Texts, facts: Facts, n: int) -> dict[int, Leak]:
    """The records of a batch that an evaluation set holds, by index."""
    enough = np.flatnonzero(texts.words.counts >= n)
    values, starts = shingles(texts.words.of(enough), n)
    found = index.find(values, starts, texts.owner[enough], facts.digests)
    return {i: leak for i, leak in enumerate(found) if leak is not None}


@lru_cache(maxsize=2**14)
def _label(label: str | None) -> int:
    return 0 if label is None else hashed([label.encode("utf-8", "surrogatepass")])
