"""Texts as sets of hashed word n-grams, and texts as one digest, for finding duplicates.

Words are runs of word characters of the lower-cased text; a shingle is n consecutive words. A word is hashed with
BLAKE2b, a shingle by chaining its words' hashes through the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
Nothing here depends on the process: the same text gives the same numbers everywhere, and golden values in the tests
hold them in place.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_WORD = re.compile(r"\w+")
# Vowel signs of Devanagari, Tamil, Thai and others are marks, which Python does not count as word characters; without
# them different words would be equal. Variation selectors, which only choose how an emoji looks, stay out.
_MARKS = "".join(
    chr(point)
    for point in range(0x300, 0x1F000)
    if unicodedata.category(chr(point)).startswith("M") and not 0xFE00 <= point <= 0xFE0F
)
_BETWEEN = re.compile(rf"[^\w{_MARKS}]+")
_SEED = b"rowtrail shingle"
_START = np.uint64(0x9E3779B97F4A7C15)


def normalised(text: str) -> str:
    """What exact comparison looks at: NFKC, casefold, and one space for each run of characters outside words.

    A text without any word (emoji, punctuation) keeps its characters: else all such texts would be equal.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _BETWEEN.sub(" ", folded).strip() or " ".join(folded.split())


def digest(texts: Sequence[str]) -> bytes:
    """128 bits over normalised texts, in order: among 10**9 records two different ones meet with chance 1.5e-21.

    The separator is white space, so no normalised text contains it, and ("a b", "") differs from ("a", "b").
    """
    joined = "\x1f".join(map(normalised, texts))
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def words(text: str) -> list[str]:
    """The words that shingles are made of."""
    return _WORD.findall(text.lower())


@lru_cache(maxsize=2**17)
def word_hash(word: str) -> int:
    """64 bits of keyed BLAKE2b. The cache saves most of the time: texts repeat words."""
    hashed = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8, key=_SEED)
    return int.from_bytes(hashed.digest(), "little")


def mix(values: Hashes) -> Hashes:
    """The finaliser of SplitMix64, element by element: a bijection in which each input bit reaches each output bit."""
    mixed = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def chain(values: Hashes) -> Hashes:
    """One number for each row of a matrix (rows, length), dependent on the order in the row."""
    state = np.full(len(values), _START)
    for column in range(values.shape[1]):
        state = mix(state ^ values[:, column]) + _START
    return state


def shingles(documents: Sequence[Sequence[str]], n: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """Hashed shingles of documents given as words, each of at least n: (values end to end, where each one starts).

    A shingle that a document repeats appears repeatedly: a minimum does not mind; `np.unique` makes the set.
    """
    hashed = np.fromiter((word_hash(word) for document in documents for word in document), np.uint64)
    lengths = np.fromiter(map(len, documents), np.int64, len(documents))
    if not len(documents):
        return hashed, lengths
    if lengths.min() < n:
        raise ValueError(f"a document has fewer than {n} words")
    every = chain(np.lib.stride_tricks.sliding_window_view(hashed, n))
    # Windows that reach into the next document are no shingles: the last n - 1 that start in each document.
    ends = np.cumsum(lengths)
    inside = np.ones(len(hashed), np.bool_)
    for back in range(1, n):
        inside[ends - back] = False
    counts = lengths - n + 1
    return every[inside[: len(every)]], np.cumsum(counts) - counts
