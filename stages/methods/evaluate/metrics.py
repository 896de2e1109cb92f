"""Scores of label predictions, with 95 % bootstrap intervals over records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.core.task import Metric

_DIGITS = 6
_BINS = 15
_CELLS_AT_ONCE = 4_000_000
Floats = NDArray[np.float64]


def score_labels(
    truth: Sequence[str], answers: Sequence[str], scores: Sequence[Mapping[str, float]], resamples: int, seed: int
) -> dict[str, Any]:
    """Metrics with intervals, a table per class, and the confusion counts (rows: truth, columns: answers).

    Macro averages are plain means over the classes that occur in the truth; 0/0 counts as 0, as is usual. In a
    resample that misses a rare class, the mean is over the classes it holds: counting the absent one as 0 would make
    the interval of a rare class mostly about its absence. Raises ValueError when there is nothing to score.
    """
    if not truth or not len(truth) == len(answers) == len(scores):
        raise ValueError(f"{len(truth)} labels, {len(answers)} answers, {len(scores)} scores")
    labels = sorted({*truth, *answers, *(label for row in scores for label in row)})
    index = {label: i for i, label in enumerate(labels)}
    true, said = np.array([index[label] for label in truth]), np.array([index[label] for label in answers])
    sums = _Summands.of(true, said, np.array([max(row.values(), default=1.0) for row in scores]), len(labels))
    point = sums.metrics(np.ones((1, len(true))))
    spread = [sums.metrics(weights) for weights in resampled(len(true), resamples, seed)]
    metrics = {
        name: interval(values[0], np.concatenate([part[name] for part in spread])) for name, values in point.items()
    }
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    np.add.at(counts, (true, said), 1)
    return {
        "metrics": metrics,
        "per_class": {label: _class_row(counts, i) for i, label in enumerate(labels)},
        "confusion": {"labels": labels, "counts": counts.tolist()},
    }


def interval(value: float, resampled_values: Floats) -> Metric:
    """A value with the 2.5th and 97.5th percentile of its bootstrap values (Efron and Tibshirani 1993, ch. 13)."""
    low, high = np.percentile(resampled_values, [2.5, 97.5])
    return Metric(round(float(value), _DIGITS), round(float(low), _DIGITS), round(float(high), _DIGITS))


def resampled(size: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each of `size` records occurs in each resample with replacement: arrays of shape (some, size).

    In pieces, so that memory stays bounded; all pieces together have `resamples` rows.
    """
    draw = np.random.default_rng(seed)
    rows = max(1, _CELLS_AT_ONCE // size)
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        picks = draw.integers(0, size, (count, size)) + size * np.arange(count)[:, None]
        yield np.bincount(picks.ravel(), minlength=count * size).reshape(count, size).astype(float)


@dataclass(frozen=True)
class _Summands:
    """What each record adds to the sums that all metrics are made of: `weights @ array` sums it over a resample."""

    truth: Floats  # (records, classes), one-hot
    answer: Floats  # (records, classes), one-hot
    hit: Floats  # (records, classes), one-hot where the answer is right
    gap: Floats  # (records, bins): right minus confidence, in the bin of the confidence

    @classmethod
    def of(cls, true: NDArray[Any], said: NDArray[Any], confidence: Floats, classes: int) -> _Summands:
        right = (true == said).astype(float)
        one = np.eye(classes)
        bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
        return cls(
            one[true], one[said], one[true] * right[:, None], np.eye(_BINS)[bins] * (right - confidence)[:, None]
        )

    def metrics(self, weights: Floats) -> dict[str, Floats]:
        """Each metric once a row of `weights` (resamples, records).

        `ece` is the expected calibration error over 15 equal bins of the top probability (Guo et al. 2017, eq. 3).
        """
        hits, truth, answers = weights @ self.hit, weights @ self.truth, weights @ self.answer
        total = weights.sum(axis=1)
        present = truth > 0
        by_class = {
            "macro_precision": _ratio(hits, answers),
            "macro_recall": _ratio(hits, truth),
            "macro_f1": _ratio(2 * hits, truth + answers),
        }
        means = {name: (values * present).sum(axis=1) / present.sum(axis=1) for name, values in by_class.items()}
        return {
            "accuracy": hits.sum(axis=1) / total,
            **means,
            "ece": np.abs(weights @ self.gap).sum(axis=1) / total,
        }


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _class_row(counts: NDArray[Any], i: int) -> dict[str, float]:
    """Precision, recall and F1 of one class, and how often it is the truth (`support`) and the answer."""
    hits, support, answered = int(counts[i, i]), int(counts[i].sum()), int(counts[:, i].sum())
    return {
        "precision": round(hits / answered, _DIGITS) if answered else 0.0,
        "recall": round(hits / support, _DIGITS) if support else 0.0,
        "f1": round(2 * hits / (support + answered), _DIGITS) if support + answered else 0.0,
        "support": support,
        "answered": answered,
    }
