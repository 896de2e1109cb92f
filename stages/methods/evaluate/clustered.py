"""Means over pairs of texts that vary a few sentences, with intervals that resample whole sentences.

Pairs of one sentence are not independent: what makes a model stumble over it, it does in most of them. A bootstrap over
pairs would take 3,000 variations of 28 sentences for 3,000 findings; one over sentences does not (Davison and Hinkley
1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.core.task import Metric
from stages.methods.audit.roc import wilson
from stages.methods.evaluate.metrics import Floats, interval, resampled

_ROWS = 1000
"""Resamples that are held together."""


@dataclass(frozen=True, slots=True)
class Clustered:
    """Some means, of all pairs (`point`) and of each resample (`drawn`); `sizes` counts the sentences behind each."""

    point: Mapping[str, float]
    drawn: Mapping[str, Floats]
    sizes: Mapping[str, int]

    @classmethod
    def of(
        cls, frames: Sequence[str], columns: Mapping[str, tuple[NDArray[Any], Floats]], resamples: int, seed: int
    ) -> Clustered:
        """`columns` give for each name which of the pairs the mean is taken over, and the value of every pair."""
        index, size = _numbered(frames)
        sums = np.zeros((2, size, len(columns)))
        for place, (members, values) in enumerate(columns.values()):
            np.add.at(sums[0, :, place], index[members], values[members])
            np.add.at(sums[1, :, place], index[members], 1)
        pieces = _weights(size, resamples, seed)
        drawn = np.concatenate([_ratio(weights @ sums[0], weights @ sums[1]) for weights in pieces])
        point = _ratio(*sums.sum(axis=1))
        return cls(
            {name: float(point[i]) for i, name in enumerate(columns)},
            {name: drawn[:, i] for i, name in enumerate(columns)},
            {name: int((sums[1, :, i] > 0).sum()) for i, name in enumerate(columns)},
        )

    def mean(self, name: str) -> Metric:
        """The mean with its 95 % interval.

        Where all resamples agree (no pair flipped, say), the bootstrap knows no doubt. Then it is Wilson's, with as
        many trials as there are sentences: wider than it need be, for values between 0 and 1.
        """
        value, drawn = self.point[name], self.drawn[name]
        found = interval(value, drawn[~np.isnan(drawn)])
        if found.low < found.high:
            return found
        trials = self.sizes[name]
        return Metric(found.value, *wilson(round(value * trials), trials))

    def difference(self, one: str, other: str) -> Metric:
        """`one - other` with its 95 % interval: both means come from the same sentences in each resample."""
        drawn = self.drawn[one] - self.drawn[other]
        return interval(self.point[one] - self.point[other], drawn[~np.isnan(drawn)])

    def exceeds(self, one: str, other: str, tests: int) -> bool:
        """Whether `one` is larger than `other` beyond doubt, when that is asked of so many things (Bonferroni's)."""
        drawn = self.drawn[one] - self.drawn[other]
        return bool(np.quantile(drawn[~np.isnan(drawn)], 0.025 / tests) > 0)


def largest(
    frames: Sequence[str], columns: NDArray[np.int64], values: Floats, resamples: int, seed: int
) -> tuple[int, int, Metric] | None:
    """The mean farthest from zero: its column, its place in `values`, and an interval that allows for the choice.

    `values` has a row a pair, which belongs to one of the `columns`. The most extreme of many means is extreme by luck,
    too, so all of them get an interval of one width, such that 95 % of the resamples keep within it everywhere (the
    maximum of Westfall and Young 1993). None for a single sentence, of which nothing can be resampled.
    """
    index, size = _numbered(frames)
    if size < 2:
        return None
    sums = np.zeros((size, int(columns.max()) + 1, values.shape[1]))
    counts = np.zeros((size, int(columns.max()) + 1, 1))
    np.add.at(sums, (index, columns), values)
    np.add.at(counts, (index, columns), 1)
    point = _ratio(sums.sum(axis=0), counts.sum(axis=0))
    strays = np.concatenate(
        [
            np.nanmax(np.abs(_ratio(_sum(weights, sums), _sum(weights, counts)) - point), axis=(1, 2))
            for weights in _weights(size, resamples, seed)
        ]
    )
    column, place = divmod(int(np.nanargmax(np.abs(point))), values.shape[1])
    value, half = float(point[column, place]), float(np.quantile(strays, 0.95))
    return column, place, Metric(round(value, 6), round(value - half, 6), round(value + half, 6))


def _numbered(frames: Sequence[str]) -> tuple[NDArray[Any], int]:
    names, index = np.unique(np.array(frames, dtype=object), return_inverse=True)
    return index, len(names)


def _weights(size: int, resamples: int, seed: int) -> Iterator[Floats]:
    for weights in resampled(size, resamples, seed):
        yield from np.array_split(weights, -(-len(weights) // _ROWS))


def _sum(weights: Floats, values: Floats) -> Floats:
    total: Floats = np.tensordot(weights, values, axes=1)
    return total


def _ratio(part: Floats, whole: Floats) -> Floats:
    """NaN where there is nothing to take the mean of."""
    found: Floats = np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)
    return found
