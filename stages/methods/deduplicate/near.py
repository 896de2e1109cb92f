"""What near-duplicate search sees of records: their long texts as shingles, and all else as one salt.

Two records are as similar as their least similar text, so that a long context in common does not make one of two
questions. A text too short for shingles must be equal: its digest goes into the record's `salt`, and only records of
equal salt meet. The last long text (an answer, a completion, a context) is what MinHash looks at: its similarity is at
least the record's, and what comes first (a system prompt, an instruction) is what rows of one set share anyway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import numpy.typing as npt

from stages.methods.deduplicate.minhash import Banding, band_keys, signatures
from stages.methods.deduplicate.shingles import Counts, Hashes, Words, digest, shingles, words


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a batch of records as words."""

    words: Words
    """Of every text, record by record."""
    owner: Counts
    """The record of each text."""
    long: npt.NDArray[np.bool_]
    """Whether a text has words enough to be compared by shingles."""
    salts: Hashes
    """For each record 64 bits of its texts' names and of its short texts."""

    @property
    def sizes(self) -> Counts:
        """Words in the long texts of each record."""
        counts = np.where(self.long, self.words.counts, 0)
        return np.bincount(self.owner, counts, len(self.salts)).astype(np.int64)


def read_texts(batch: Sequence[Mapping[str, str]], least: int) -> Texts:
    """The texts, by path, of each record of a batch; long are those of at least `least` words."""
    found = words([text for texts in batch for text in texts.values()])
    long = found.counts >= least
    owner = np.repeat(np.arange(len(batch)), list(map(len, batch)))
    is_long = iter(long.tolist())
    salts = np.array([_salt(texts, [*islice(is_long, len(texts))]) for texts in batch], np.uint64)
    return Texts(found, owner, long, salts)


def _salt(texts: Mapping[str, str], long: Sequence[bool]) -> int:
    if all(long):
        return _named(tuple(texts))
    parts = zip(texts.items(), long, strict=True)
    return hashed(path.encode() + b"\0" + (b"" if is_long else digest([text])) for (path, text), is_long in parts)


@lru_cache(maxsize=1024)
def _named(paths: tuple[str, ...]) -> int:
    return hashed(path.encode() + b"\0" for path in paths)


def hashed(parts: Iterable[bytes]) -> int:
    """64 bits of the parts, one after the other."""
    return int.from_bytes(hashlib.blake2b(b"".join(parts), digest_size=8).digest(), "little")


def near_keys(texts: Texts, n: int, cut: Banding) -> tuple[Counts, Hashes]:
    """(indexes of the records with a long text, their band keys of shape (records, bands))."""
    long = np.flatnonzero(texts.long)
    owner = texts.owner[long]
    last = long[np.append(owner[1:] != owner[:-1], True)] if len(long) else long
    chosen = texts.owner[last]
    if not len(chosen):
        return chosen, np.empty((0, cut.bands), np.uint64)
    values, starts = shingles(texts.words if len(last) == len(texts.owner) else texts.words.of(last), n)
    return chosen, band_keys(signatures(values, starts, cut.hashes), cut, texts.salts[chosen])


def shingle_sets(texts: Texts, n: int) -> list[tuple[Hashes, ...]]:
    """For each record the sorted set of shingles of each of its long texts."""
    long = np.flatnonzero(texts.long)
    values, starts = shingles(texts.words.of(long), n)
    found: list[list[Hashes]] = [[] for _ in texts.salts]
    for owner, part in zip(texts.owner[long].tolist(), np.split(values, starts[1:]), strict=False):
        found[owner].append(_as_set(part))
    return [tuple(sets) for sets in found]


def _as_set(values: Hashes) -> Hashes:
    """The sorted distinct values; few texts repeat a shingle, so sorting and a look are all it takes."""
    ordered = np.sort(values)
    repeated = ordered[1:] == ordered[:-1]
    return ordered[np.append(True, ~repeated)] if repeated.any() else ordered
