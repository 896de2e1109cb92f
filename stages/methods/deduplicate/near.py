"""Near duplicates: sets of shingles that are compared exactly, and stars around the records that stay.

Two records are as similar as their least similar text, so that a long context in common does not make one of two
questions. A text too short for shingles must be equal: its digest goes into the record's `salt`, and only records of
equal salt meet. The last long text (an answer, a completion, a context) is what MinHash looks at: its similarity is at
least the record's, and what comes first (a system prompt, an instruction) is what rows of one set share anyway.

Similarity is not transitive, so there are no chains: a record leaves only because of a record that stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stages.methods.deduplicate.minhash import Banding, band_keys, signatures
from stages.methods.deduplicate.shingles import Hashes, digest, shingles, words

Indexes: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class LongTexts:
    """A record for comparison: the words of its long texts, and 64 bits of its texts' names and its short texts."""

    salt: int
    documents: tuple[list[str], ...]

    @property
    def size(self) -> int:
        """Words in all documents."""
        return sum(map(len, self.documents))


@dataclass(frozen=True, slots=True)
class Comparable:
    """A record's shingles: one sorted set of hashes for each long text. 8 bytes a word, near enough."""

    salt: int
    sets: tuple[Hashes, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Records that proposals tie together, in the order in which they may stay, and the buckets they share."""

    members: tuple[Comparable, ...]
    buckets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The most similar of the records that stay, out of `compared` that were proposed."""

    member: int
    similarity: float
    compared: int


def long_texts(texts: Mapping[str, str], least: int) -> LongTexts:
    """The words of each text of at least `least` words, and the salt of all others."""
    split = {path: words(text) for path, text in texts.items()}
    salt = hashlib.blake2b(digest_size=8)
    for path, found in split.items():
        salt.update(path.encode() + b"\0" + (b"" if len(found) >= least else digest([texts[path]])))
    long = tuple(found for found in split.values() if len(found) >= least)
    return LongTexts(int.from_bytes(salt.digest(), "little"), long)


def bucket_keys(batch: Sequence[LongTexts], n: int, cut: Banding) -> tuple[list[int], Hashes]:
    """(indexes of the records with a long text, their band keys of shape (records, bands))."""
    chosen = [i for i, texts in enumerate(batch) if texts.documents]
    if not chosen:
        return [], np.empty((0, cut.bands), np.uint64)
    values, starts = shingles([batch[i].documents[-1] for i in chosen], n)
    salts = np.array([batch[i].salt for i in chosen], np.uint64)
    return chosen, band_keys(signatures(values, starts, cut.hashes), cut, salts)


def comparables(batch: Sequence[LongTexts], n: int) -> list[Comparable]:
    """What exact comparison needs of each record."""
    values, starts = shingles([document for texts in batch for document in texts.documents], n)
    sets = iter([np.unique(part) for part in np.split(values, starts[1:])])
    return [Comparable(texts.salt, tuple(next(sets) for _ in texts.documents)) for texts in batch]


def stars(cluster: Cluster, threshold: float) -> list[Nearest | None]:
    """For each member its most similar predecessor among those that stay, if any was proposed.

    A member leaves if and only if that similarity reaches the threshold; of equally similar ones the earliest counts.
    """
    compare = _Comparer(cluster.members)
    buckets_of: list[list[int]] = [[] for _ in cluster.members]
    for number, bucket in enumerate(cluster.buckets):
        for member in bucket:
            buckets_of[member].append(number)
    staying: list[list[int]] = [[] for _ in cluster.buckets]
    found: list[Nearest | None] = []
    for member, shared in enumerate(buckets_of):
        nearest = compare.nearest(member, sorted({other for number in shared for other in staying[number]}))
        found.append(nearest)
        if nearest is None or nearest.similarity < threshold:
            for number in shared:
                staying[number].append(member)
    return found


class _Comparer:
    """Exact similarities within a cluster.

    Hashes are numbered first, so that "is it in this set" is a look-up in an array of flags: a hundred
    times faster than intersecting sorted arrays when a form letter brings thousands of members to compare.
    """

    def __init__(self, members: Sequence[Comparable]) -> None:
        self._salts = [member.salt for member in members]
        every = [part for member in members for part in member.sets]
        vocabulary, numbers = np.unique(np.concatenate(every), return_inverse=True)
        parts = iter(np.split(numbers, np.cumsum([len(part) for part in every])[:-1]))
        self._sets: list[list[Indexes]] = [[next(parts) for _ in member.sets] for member in members]
        self._flags = np.zeros(len(vocabulary), np.bool_)

    def nearest(self, member: int, others: Sequence[int]) -> Nearest | None:
        """The most similar of the others, the first of equals; None when there is none of the same salt."""
        others = [other for other in others if self._salts[other] == self._salts[member]]
        if not others:
            return None
        similarities = np.ones(len(others))
        for text, own in enumerate(self._sets[member]):
            similarities = np.minimum(similarities, self._jaccard(own, [self._sets[other][text] for other in others]))
        best = int(np.argmax(similarities))
        return Nearest(others[best], float(similarities[best]), len(others))

    def _jaccard(self, own: Indexes, theirs: Sequence[Indexes]) -> npt.NDArray[np.float64]:
        sizes = np.fromiter(map(len, theirs), np.intp, len(theirs))
        self._flags[own] = True
        hits = self._flags[np.concatenate(theirs)]
        self._flags[own] = False
        shared = np.add.reduceat(hits, np.cumsum(sizes) - sizes, dtype=np.intp)
        similarities: npt.NDArray[np.float64] = shared / (len(own) + sizes - shared)
        return similarities
