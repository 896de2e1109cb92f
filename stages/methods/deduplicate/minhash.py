"""MinHash signatures and locality-sensitive hashing: which pairs of sets are worth comparing.

Two sets agree in one MinHash with a chance equal to their Jaccard similarity s (Broder 1997). Signatures are cut into b
bands of r rows; a pair is proposed when it agrees in all rows of some band, with chance 1 - (1 - s**r)**b (Leskovec,
Rajaraman and Ullman, Mining of Massive Datasets, section 3.4). A proposal decides nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stages.methods.deduplicate.shingles import Counts, Hashes, chain, constants, mix

Signatures: TypeAlias = npt.NDArray[np.uint32]

_MINHASH, _BAND = 101, 102  # purposes of constants, beside the shingles' lengths
MOST_HASHES = 512
"""Longest signature that is considered: 2 KiB a text while it is made."""
STRAY = 0.06
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


def signatures(values: Hashes, starts: Counts, hashes: int) -> Signatures:
    """MinHash signatures, shape (hashes, sets), of non-empty sets laid end to end.

    Each hash function is x -> a x + b modulo 2**32 with a odd, a bijection of the upper half of values that are well
    mixed already. Hash i is the same whatever the length of the signature.
    """
    upper = (values >> np.uint64(32)).astype(np.uint32)
    drawn = constants(_MINHASH, hashes)
    factors, summands = drawn.astype(np.uint32), (drawn >> np.uint64(32)).astype(np.uint32)
    signature = np.empty((hashes, len(starts)), np.uint32)
    image = np.empty_like(upper)
    for i in range(hashes):
        np.multiply(upper, factors[i], out=image)
        np.add(image, summands[i], out=image)
        np.minimum.reduceat(image, starts, out=signature[i])
    return signature


def band_keys(signature: Signatures, cut: Banding, salts: Hashes) -> Hashes:
    """One key for each set and band, shape (sets, bands): equal for equal bands of sets with equal salts.

    `salts`, one a set, hold what must be equal beside the sets' similarity. Keys of different bands differ.
    """
    rows = signature.T.astype(np.uint64).reshape(-1, cut.bands, cut.rows)
    bands = mix(salts[:, None] + constants(_BAND, cut.bands))
    return chain(np.concatenate((rows, bands[:, :, None]), axis=2), _BAND)
