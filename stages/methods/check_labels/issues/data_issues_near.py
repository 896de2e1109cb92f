"""Which records are far from all others, and which say almost the same.

Two records say almost the same when their embeddings are alike (cosine) and so are their words: the share of words and
word pairs that both have (Jaccard). Neither is enough. Short questions about one thing lie close in any embedding; of
banking77's test rows, a third has a training row at a cosine of 0.95 and means something else by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.core.doubts import Vectors
from stages.methods.check_labels.views import Codes, Floats, Mask, single_threaded
from stages.methods.evaluate.text_traits import words

Likenesses: TypeAlias = NDArray[np.float32]
Candidates: TypeAlias = Mapping[int, Sequence[tuple[int, float]]]
"""By a record's position, those of the records most like it and how like they are, the most like first."""

ALIKE, OVERLAP = 0.95, 0.6
"""Least cosine and least overlap of words for texts that are almost the same."""
NEIGHBOURS = 10
_FAR = 3.5
"""Deviations above the median that make an outlier (Iglewicz and Hoaglin 1993), counted in median absolute deviations,
which many outliers do not stretch as they would a standard deviation."""
_TO_NORMAL = 1.4826  # the MAD of a normal distribution times this is its standard deviation
_FEW = 100  # records below which being far from ten of them says little
_BLOCK = 256
_LOOKED_AT = 10  # candidates whose words are compared, for each record


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The mean cosine distance of each record to its nearest ones, and who is like it in two ways.

    `leaks` are, for a record that is not reserved for the test split, those that are; `twins` are of another class.
    """

    distances: Floats
    leaks: Candidates
    twins: Candidates


def neighbourhood(vectors: Vectors, classes: Codes, reserved: Mask) -> Neighbourhood:
    """Compares every record with every other, some hundred at a time; the time grows with the square of the records.

    `classes` number what records are labelled as, -1 for those without; they are nobody's twins.
    """
    count = min(NEIGHBOURS, len(vectors) - 1)
    distances = np.zeros(len(vectors))
    leaks: dict[int, Sequence[tuple[int, float]]] = {}
    twins: dict[int, Sequence[tuple[int, float]]] = {}
    with single_threaded():
        for start in range(0, len(vectors), _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, len(vectors)))
            likeness = np.round(vectors[rows] @ vectors.T, 5)
            likeness[np.arange(len(rows)), rows] = -np.inf
            if count:
                near = np.partition(likeness, -count, axis=1)[:, -count:]
                distances[rows] = 1 - np.sort(near, axis=1).mean(axis=1, dtype=np.float64)
            crossing = ~reserved[rows][:, None] & reserved[None, :]
            contrary = (classes[rows][:, None] != classes[None, :]) & (classes[rows][:, None] >= 0) & (classes >= 0)
            leaks.update(_most_like(rows, np.where(crossing, likeness, -np.inf)))
            twins.update(_most_like(rows, np.where(contrary, likeness, -np.inf)))
    return Neighbourhood(distances, leaks, twins)


def _most_like(rows: Codes, likeness: Likenesses) -> Iterator[tuple[int, Sequence[tuple[int, float]]]]:
    """The few most like of each row that has any, equal ones in their order."""
    for place in np.flatnonzero(likeness.max(axis=1) >= ALIKE):
        near = np.flatnonzero(likeness[place] >= ALIKE)
        order = near[np.argsort(-likeness[place, near], kind="stable")[:_LOOKED_AT]]
        yield int(rows[place]), [(int(other), float(likeness[place, other])) for other in order]


def outlier_bound(distances: Floats) -> tuple[float, float] | None:
    """(median, the distance above which a record is an outlier); None for few records.

    Whose neighbours say almost the same is none, however near the others are to theirs.
    """
    if len(distances) < _FEW:
        return None
    median = float(np.median(distances))
    spread = _TO_NORMAL * float(np.median(np.abs(distances - median)))
    return median, max(median + _FAR * spread, 1 - ALIKE)


def overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """Words and word pairs that two records share, as a share of all that either has; of their least similar texts."""
    found = [_jaccard(_terms(a), _terms(b)) for a, b in zip(one, other, strict=True)]
    return min(found, default=0.0)


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0


def _terms(text: str) -> set[str]:
    some = words(text)
    return {*some, *map(" ".join, pairwise(some))}
