"""Texts as sets of hashed word n-grams, and texts as one digest, for finding duplicates.

Words are runs of word characters of the lower-cased text; a shingle is n consecutive words. Whole batches of texts go
through numpy at once: a word's hash is a polynomial in its code points modulo 2**64 (Karp and Rabin 1987), read off
running sums; a shingle is a sum of its words' hashes times one odd constant for each place. Both go through the
finaliser of SplitMix64 (Steele, Lea and Flood 2014). Two different words of a corpus meet with a chance of about
2**-64; words of a thousand letters can be built that do. Nothing here depends on the process: the same text gives the
same numbers everywhere, and golden values in the tests hold them in place.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Hashes: TypeAlias = npt.NDArray[np.uint64]
Counts: TypeAlias = npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[Any]
Kept: TypeAlias = npt.NDArray[np.bool_]

GOLDEN = 0x9E3779B97F4A7C15
"""2**64 over the golden ratio, odd: the step of SplitMix64's stream."""
# What `normalised` does to ASCII: lower case, and spaces for what is no word character.
_ASCII = bytes(ord(chr(code).lower()) if chr(code).isalnum() or chr(code) == "_" else 32 for code in range(128)) * 2
_CHARACTERS_AT_ONCE = 2**16
"""Code points that go through numpy together: what is computed for them fits the second-level cache."""


def normalised(text: str) -> str:
    """What exact comparison looks at: NFKC, casefold, and one space for each run of characters outside words.

    A text without any word (emoji, punctuation) keeps its characters: else all such texts would be equal.
    """
    return _normalised([text])[0].decode("utf-8", "surrogatepass")


def digest(texts: Sequence[str]) -> bytes:
    """128 bits over normalised texts, in order: among 10**9 records two different ones meet with chance 1.5e-21.

    The separator is white space, so no normalised text contains it, and ("a b", "") differs from ("a", "b").
    """
    return digests([texts])[0]


def digests(records: Sequence[Sequence[str]]) -> list[bytes]:
    """The `digest` of each record's texts; several times as fast as one by one."""
    found = iter(_normalised([text for texts in records for text in texts]))
    return [hashlib.blake2b(b"\x1f".join(islice(found, len(texts))), digest_size=16).digest() for texts in records]


def _normalised(texts: Sequence[str]) -> list[bytes]:
    folded = [text if text.isascii() else unicodedata.normalize("NFKC", text).casefold() for text in texts]
    narrow = _words_of([text for text in folded if text.isascii()], _ascii_codes)
    wide = _words_of([text for text in folded if not text.isascii()], _codes)
    return [
        next(narrow if text.isascii() else wide) or " ".join(text.split()).encode("utf-8", "surrogatepass")
        for text in folded
    ]


def _words_of(texts: Sequence[str], read: Callable[[str], tuple[Codes, Kept, str]]) -> Iterator[bytes]:
    """The words of each text with one space between them; many texts at once."""
    for some in portions(texts):
        codes, inside, encoding = read(" ".join([*some, ""]))
        kept = inside.copy()
        kept[1:] |= inside[:-1]  # each word, and what stands behind it
        words = np.where(inside, codes, codes.dtype.type(ord(" ")))[kept]
        ends = np.cumsum(kept)[np.cumsum([len(text) + 1 for text in some]) - 1].tolist()
        for start, end in zip([0, *ends], ends, strict=False):
            found = words[start : max(start, end - 1)].tobytes()
            yield (
                found
                if encoding == "ascii"
                else found.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
            )


def _ascii_codes(text: str) -> tuple[Codes, Kept, str]:
    codes = np.frombuffer(text.encode().translate(_ASCII), np.uint8)
    return codes, codes != ord(" "), "ascii"


def _codes(text: str) -> tuple[Codes, Kept, str]:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return codes, _is_kept()[codes], "utf-32-le"


def portions(texts: Sequence[str], characters: int = _CHARACTERS_AT_ONCE) -> Iterator[Sequence[str]]:
    """The texts in lots of so many characters, or little more: memory follows the longest text at worst."""
    start = size = 0
    for end, text in enumerate(texts, 1):
        size += len(text)
        if size > characters or end == len(texts):
            yield texts[start:end]
            start, size = end, 0


def mix(values: Hashes) -> Hashes:
    """The finaliser of SplitMix64, element by element: a bijection in which each input bit reaches each output bit."""
    mixed = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@lru_cache(maxsize=8)
def constants(purpose: int, count: int) -> Hashes:
    """The first `count` odd numbers of a stream of SplitMix64; each purpose has its own, whatever the count."""
    steps = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(purpose << 32)
    found = mix(steps * np.uint64(GOLDEN)) | np.uint64(1)
    found.flags.writeable = False
    return found


def chain(values: Hashes, purpose: int) -> Hashes:
    """One number for each row of an array (..., length), dependent on the order in the row."""
    mixed: Hashes = mix((values * constants(purpose, values.shape[-1])).sum(axis=-1, dtype=np.uint64))
    return mixed


@dataclass(frozen=True, slots=True)
class Words:
    """The words of several texts: their hashes end to end, and how many each text has."""

    hashes: Hashes
    counts: Counts

    def of(self, texts: npt.ArrayLike) -> Words:
        """The words of some of the texts, in that order."""
        starts = np.cumsum(self.counts) - self.counts
        chosen = np.asarray(texts, np.int64)
        return Words(self.hashes[ranges(starts[chosen], self.counts[chosen])], self.counts[chosen])


def ranges(starts: Counts, lengths: Counts) -> Counts:
    """Indexes of several ranges end to end: starts[0], starts[0] + 1, ..., starts[1], ..."""
    before = np.cumsum(lengths) - lengths
    indexes: Counts = np.arange(lengths.sum(), dtype=np.int64) + np.repeat(starts - before, lengths)
    return indexes


def words(texts: Sequence[str]) -> Words:
    """The hashed words of each text."""
    parts = [_words(some) for some in portions(texts)]
    hashes = [part.hashes for part in parts] or [np.empty(0, np.uint64)]
    counts = [part.counts for part in parts] or [np.empty(0, np.int64)]
    return Words(np.concatenate(hashes), np.concatenate(counts))


def _words(texts: Sequence[str]) -> Words:
    lowered = [text.lower() for text in texts]
    codes = np.frombuffer("\n".join([*lowered, ""]).encode("utf-32-le", "surrogatepass"), np.uint32)
    inside = _is_word()[codes]
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    if inside[0]:
        edges = np.concatenate(([0], edges))
    starts, ends = edges[::2], edges[1::2]  # the last code point is a line break, so that each word ends
    powers, inverses = _powers(len(codes))
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * powers, out=sums[1:])
    hashes = mix((sums[ends] - sums[starts]) * inverses[starts])
    bounds = np.cumsum([0, *(len(text) + 1 for text in lowered)])
    return Words(hashes, np.diff(np.searchsorted(starts, bounds)).astype(np.int64))


@lru_cache(maxsize=1)
def _is_kept() -> Kept:
    """For each code point whether a normalised text keeps it: word characters and marks.

    Vowel signs of Devanagari, Tamil, Thai and others are marks, which Python does not count as word characters; without
    them different words would be equal. Variation selectors, which only choose how an emoji looks, stay out.
    """
    found = _is_word().copy()
    marks = [point for point in range(0x300, 0x1F000) if unicodedata.category(chr(point)).startswith("M")]
    found[marks] = True
    found[0xFE00:0xFE10] = False
    return found


@lru_cache(maxsize=1)
def _is_word() -> Kept:
    r"""For each code point whether it is a word character, as `\w` of a regular expression has it."""
    every = np.arange(0x110000, dtype=np.uint32).tobytes().decode("utf-32-le", "surrogatepass")
    found = np.zeros(0x110000, np.bool_)
    for run in re.finditer(r"\w+", every):
        found[run.start() : run.end()] = True
    return found


def _powers(count: int) -> tuple[Hashes, Hashes]:
    """Powers 0 to count - 1 of an odd number modulo 2**64, and of its inverse."""
    powers, inverses = _power_tables(max(1 << (count - 1).bit_length(), 2 * _CHARACTERS_AT_ONCE))
    return powers[:count], inverses[:count]


@lru_cache(maxsize=2)
def _power_tables(count: int) -> tuple[Hashes, Hashes]:
    tables = [np.full(count, base, np.uint64) for base in (GOLDEN, pow(GOLDEN, -1, 2**64))]
    for table in tables:
        table[0] = 1
        np.multiply.accumulate(table, out=table)
    return tables[0], tables[1]


def shingles(found: Words, n: int) -> tuple[Hashes, Counts]:
    """Hashed shingles of texts that have n words at least: (values end to end, where each text's start).

    A shingle that a text repeats appears repeatedly: a minimum does not mind; `np.unique` makes the set. Raises
    ValueError for a text that is too short.
    """
    if not len(found.counts):
        return found.hashes, found.counts
    if found.counts.min() < n:
        raise ValueError(f"a text has fewer than {n} words")
    factors = constants(n, n)
    windows = len(found.hashes) - n + 1
    every = found.hashes[:windows] * factors[0]
    for place in range(1, n):
        every += found.hashes[place : place + windows] * factors[place]
    # Windows that reach into the next text are no shingles: the last n - 1 that start in each text.
    sizes = found.counts - n + 1
    starts = np.cumsum(found.counts) - found.counts
    return mix(every)[ranges(starts, sizes)], np.cumsum(sizes) - sizes
