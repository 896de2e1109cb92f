"""Semantic duplicates: which pairs of embeddings are worth comparing, and their exact cosine.

Two vectors at an angle of a lie on the same side of a random plane with chance 1 - a / pi (Charikar 2002). Sides are
cut into bands as MinHash signatures are. A proposal decides nothing.

No processor, thread or batch changes a bit of what comes out: vectors and planes are whole numbers, and sums of their
products stay far below 2**53, so float64 holds each of them exactly, in whatever order they are added up.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stages.methods.deduplicate.minhash import Banding
from stages.methods.deduplicate.shingles import GOLDEN, Hashes, constants, mix

Vectors: TypeAlias = npt.NDArray[np.int16]
Floats: TypeAlias = npt.NDArray[np.float64]

_PLANES = 104  # purpose of constants
MOST_BANDS, MOST_ROWS = 128, 32
"""Most keys a vector may get, 1 KiB of them, and bits in one."""
STRAY = 0.005
"""Share of the pairs at half the threshold that may be proposed in vain."""


def agreement(similarity: float) -> float:
    """The chance that two vectors of this cosine lie on the same side of a plane (Charikar 2002)."""
    return 1 - math.acos(min(1.0, max(-1.0, similarity))) / math.pi


def cosine_banding(threshold: float, recall: float) -> Banding:
    """The fewest bands that propose a share `recall` of the pairs at this cosine, and few far below it.

    Taken is the fewest rows with which at most `STRAY` of the pairs at half the threshold are proposed; where that
    would need more than `MOST_BANDS` (low thresholds), the most rows that fit. What share of the pairs of any cosine
    is proposed, `proposes(agreement(cosine))` of the result says.
    """
    best = Banding(1, 1)
    for rows in range(1, MOST_ROWS + 1):
        agree = agreement(threshold) ** rows
        bands = 1 if agree >= recall else math.ceil(math.log1p(-recall) / math.log1p(-agree))
        if bands > MOST_BANDS:
            break
        best = Banding(bands, rows)
        if best.proposes(agreement(threshold / 2)) <= STRAY:
            break
    return best


def semantic_keys(vectors: Vectors, cut: Banding) -> Hashes:
    """One key for each vector and band, shape (n, bands), from vectors of shape (n, dimensions)."""
    sides = vectors.astype(np.float64) @ _planes(vectors.shape[1], cut.hashes) > 0
    bits = np.uint64(1) << np.arange(cut.rows, dtype=np.uint64)
    bands = np.where(sides.reshape(-1, cut.bands, cut.rows), bits, np.uint64(0)).sum(axis=2, dtype=np.uint64)
    return mix(bands ^ constants(_PLANES, cut.bands))


@lru_cache(maxsize=2)
def _planes(dimensions: int, count: int) -> Floats:
    """Normals of planes, shape (dimensions, count): whole numbers that are close to normally distributed.

    Each is the number of ones among 64 random bits, less 32. A plane is the same however many there are.
    """
    numbers = np.arange(1, dimensions * count + 1, dtype=np.uint64) + np.uint64(_PLANES << 32)
    planes = np.bitwise_count(mix(numbers * np.uint64(GOLDEN))).astype(np.float64) - 32
    planes = np.ascontiguousarray(planes.reshape(count, dimensions).T)
    planes.flags.writeable = False
    return planes


def cosine(own: Vectors, others: Vectors) -> Floats:
    """Cosine of one vector (dimensions) and others (n, dimensions), to six decimals; 0 where a vector is all zeros.

    Of records with several vectors, (columns, dimensions) and (n, columns, dimensions), the least similar counts.
    """
    one, many = own.astype(np.float64), others.astype(np.float64)
    products = (many * one).sum(axis=-1)
    norms = np.sqrt((many * many).sum(axis=-1) * (one * one).sum(axis=-1))
    similarities: Floats = np.round(products / np.where(norms > 0, norms, 1), 6)
    least: Floats = similarities.min(axis=1) if similarities.ndim > 1 else similarities
    return least
