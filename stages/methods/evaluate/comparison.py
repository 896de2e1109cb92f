"""F1 by class and its macro average under resampling: intervals, and paired differences between two models.

Paired means that both models are scored on the same resampled records: what makes a resample easy or hard cancels out,
so the interval of the difference is narrower than the two models' own intervals suggest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.core.task import Metric
from stages.methods.evaluate.metrics import Floats, interval, resampled


def class_f1(truth: Sequence[str], answers: Sequence[str], resamples: int, seed: int) -> dict[str, Metric]:
    """F1 of each class that occurs in the truth, with 95 % bootstrap intervals.

    A resample without the class, in truth and answers both, says nothing of it and is left out; where all are, the
    interval is the value alone.
    """
    labels = sorted(set(truth))
    point = _f1(truth, answers, labels, np.ones((1, len(truth))))[0]
    drawn = np.concatenate([_f1(truth, answers, labels, weights) for weights in resampled(len(truth), resamples, seed)])
    known = [drawn[~np.isnan(drawn[:, i]), i] for i in range(len(labels))]
    return {label: interval(point[i], known[i] if len(known[i]) else point[i]) for i, label in enumerate(labels)}


def macro_f1_gain(
    truth: Sequence[str], ours: Sequence[str], theirs: Sequence[str], resamples: int, seed: int
) -> Metric:
    """Macro F1 of `ours` minus that of `theirs`, with the paired bootstrap's 95 % interval."""
    labels = sorted(set(truth))

    def gain(weights: Floats) -> Floats:
        present = weights @ _one_hot(truth, labels) > 0
        both = [np.nan_to_num(_f1(truth, answers, labels, weights)) for answers in (ours, theirs)]
        change: Floats = ((both[0] - both[1]) * present).sum(axis=1) / present.sum(axis=1)
        return change

    drawn = [gain(weights) for weights in resampled(len(truth), resamples, seed)]
    return interval(gain(np.ones((1, len(truth))))[0], np.concatenate(drawn))


def _f1(truth: Sequence[str], answers: Sequence[str], labels: Sequence[str], weights: Floats) -> Floats:
    """F1 of each class in each resample, shape (resamples, classes); NaN for a class that is in neither."""
    true, said = _one_hot(truth, labels), _one_hot(answers, labels)
    hits, total = weights @ (true * said), weights @ (true + said)
    return np.divide(2 * hits, total, out=np.full_like(hits, np.nan), where=total > 0)


def _one_hot(values: Sequence[str], labels: Sequence[str]) -> Floats:
    equal: Floats = (np.array(values, dtype=object)[:, None] == np.array(labels, dtype=object)[None, :]).astype(float)
    return equal
