"""MinHash signatures and locality-sensitive hashing: which pairs of sets are worth comparing.

Two sets agree in one MinHash with a chance equal to their Jaccard similarity s (Broder 1997). Signatures are cut into b
bands of r rows; a pair is proposed when it agrees in all rows of some band, with chance 1 - (1 - s**r)**b (Leskovec,
Rajaraman and Ullman, Mining of Massive Datasets, section 3.4). A proposal decides nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.methods.deduplicate.shingles import Hashes, chain, mix

MOST_HASHES = 512
"""Longest signature that is considered: 4 KiB a text while it is made."""
STRAY = 0.05
"""Share of the pairs at half the threshold that may be proposed in vain."""


@dataclass(frozen=True, slots=True)
class Banding:
    """How a signature is cut: `bands` of `rows` hashes each."""

    bands: int
    rows: int

    @property
    def hashes(self) -> int:
        """Length of the signature."""
        return self.bands * self.rows

    def proposes(self, similarity: float) -> float:
        """The chance that a pair of this similarity is proposed."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def banding(threshold: float, recall: float) -> Banding:
    """The shortest signature that proposes a share `recall` of the pairs at the threshold, and few far below it.

    More rows propose fewer pairs in vain and need more bands for the same recall. Taken is the fewest rows with which
    at most `STRAY` of the pairs at half the threshold are proposed; where that would need more than `MOST_HASHES`
    hashes (low thresholds), the most rows that fit.
    """
    best = _with_rows(1, threshold, recall)
    for rows in range(2, MOST_HASHES + 1):
        longer = _with_rows(rows, threshold, recall)
        if best.proposes(threshold / 2) <= STRAY or longer.hashes > MOST_HASHES:
            break
        best = longer
    return best


def _with_rows(rows: int, threshold: float, recall: float) -> Banding:
    """The fewest bands of that many rows that reach the recall at the threshold."""
    agree = threshold**rows
    return Banding(1 if agree >= recall else math.ceil(math.log1p(-recall) / math.log1p(-agree)), rows)


def signatures(values: Hashes, starts: npt.NDArray[np.int64], hashes: int) -> Hashes:
    """MinHash signatures, shape (sets, hashes), of non-empty sets laid end to end.

    Each hash function is x -> a x + b modulo 2**64 with a odd, a bijection of numbers that are well mixed already; the
    constants are SplitMix64's stream, so hash i is the same whatever the length of the signature.
    """
    constants = mix(np.arange(1, 2 * hashes + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    factors, summands = constants[0::2] | np.uint64(1), constants[1::2]
    signature = np.empty((hashes, len(starts)), np.uint64)
    image = np.empty_like(values)
    for i in range(hashes):
        np.multiply(values, factors[i], out=image)
        np.add(image, summands[i], out=image)
        np.minimum.reduceat(image, starts, out=signature[i])
    return signature.T


def band_keys(signature: Hashes, cut: Banding, salts: Hashes) -> Hashes:
    """One key for each set and band, shape (sets, bands): equal for equal bands of sets with equal salts.

    `salts`, one a set, hold what must be equal beside the sets' similarity. Keys of different bands differ.
    """
    rows = signature.reshape(len(signature), cut.bands, cut.rows)
    keys = [chain(np.column_stack((salts ^ np.uint64(band), rows[:, band]))) for band in range(cut.bands)]
    return np.column_stack(keys)
