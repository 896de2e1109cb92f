"""Scores of predicted sets of labels, with 95 % bootstrap intervals over records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from stages.core.task import Metric, Scores
from stages.methods.audit.roc import flat
from stages.methods.evaluate.metrics import Floats, interval, resampled

NONE = "(none)"
"""Stands where there is no label."""
_DIGITS = 6
_PLACES_AT_ONCE = 2_000_000
Sets = Sequence[Collection[str]]


def score_label_sets(
    truth: Sets, answers: Sets, probabilities: Sequence[Mapping[str, float]], resamples: int, seed: int
) -> Scores:
    """Metrics over all labels and by label. Quality is the Jaccard index of both sets, 1 where both are empty.

    `hamming_loss` is the share of wrong decisions among records times labels: less is better. `exact_match` counts the
    records with all labels right (subset accuracy). The mean of average precisions ranks records by `probabilities`
    and needs no threshold. Macro averages are over the labels that occur in the truth, in a resample over those that it
    holds. Raises ValueError when there is nothing to score.
    """
    if not truth or not len(truth) == len(answers) == len(probabilities):
        raise ValueError(f"{len(truth)} sets of labels, {len(answers)} answers, {len(probabilities)} rows of scores")
    cells = _Cells.of(truth, answers, probabilities)
    parts = [cells.metrics(weights) for weights in _resamples(len(truth), resamples, seed)]
    point = cells.metrics(np.ones((1, len(truth))))
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in point}
    metrics = {name: interval(values[0], drawn[name]) for name, values in point.items() if values.ndim == 1}
    pairs = list(instead(truth, answers))
    details = {"per_class": cells.rows(point, drawn), "confusion": _matrix(pairs)}
    tables = {"confusion.csv": [{"actual": actual, "predicted": predicted} for actual, predicted in pairs]}
    return Scores(metrics, cells.jaccard, details, tables, "jaccard")


def micro_f1_gain(truth: Sets, ours: Sets, theirs: Sets, resamples: int, seed: int) -> Metric:
    """Micro F1 of `ours` minus that of `theirs` on the same resampled records."""
    one, other = (_Cells.of(truth, answers, [{}] * len(truth)) for answers in (ours, theirs))

    def gain(weights: Floats) -> Floats:
        return one.micro(weights)["micro_f1"] - other.micro(weights)["micro_f1"]

    drawn = [gain(weights) for weights in resampled(len(truth), resamples, seed)]
    return interval(gain(np.ones((1, len(truth))))[0], np.concatenate(drawn))


def instead(truth: Sets, answers: Sets) -> Iterator[tuple[str, str]]:
    """Pairs of an actual and a predicted label: what was said, and what was said in the place of what was missed.

    A label that is right pairs with itself. Each one that was missed pairs with each wrong one said of the same record,
    or with `NONE`; so does a wrong one where nothing was missed. With one label a record, in truth and answer, this is
    the usual confusion matrix.
    """
    for actual, said in zip(truth, answers, strict=True):
        yield from ((label, label) for label in sorted({*actual} & {*said}))
        missed, wrong = sorted({*actual} - {*said}), sorted({*said} - {*actual})
        if missed or wrong:
            yield from ((one, other) for one in missed or [NONE] for other in wrong or [NONE])
        elif not actual:
            yield NONE, NONE


def _matrix(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    counts = Counter(pairs)
    labels = [*sorted({label for pair in counts for label in pair} - {NONE}), NONE]
    return {"labels": labels, "matrix": [[counts[one, other] for other in labels] for one in labels]}


def _resamples(size: int, resamples: int, seed: int) -> Iterator[Floats]:
    """As `resampled`, in pieces small enough for the sums that average precision takes along the records."""
    for weights in resampled(size, resamples, seed):
        yield from np.array_split(weights, max(1, weights.size // _PLACES_AT_ONCE))


@dataclass(frozen=True)
class _Cells:
    """Truth and answers as 0 and 1, and the scores: arrays of shape (records, labels)."""

    labels: Sequence[str]
    truth: Floats
    answer: Floats
    score: Floats

    @classmethod
    def of(cls, truth: Sets, answers: Sets, probabilities: Sequence[Mapping[str, float]]) -> _Cells:
        labels = sorted({label for row in (*truth, *answers, *probabilities) for label in row})
        score = np.array([[row.get(label, 0.0) for label in labels] for row in probabilities])
        return cls(labels, _zeros_and_ones(truth, labels), _zeros_and_ones(answers, labels), score)

    @property
    def jaccard(self) -> list[float]:
        """What is in both sets, as a share of what is in either; 1 where both are empty."""
        both, either = (self.truth * self.answer).sum(axis=1), np.maximum(self.truth, self.answer).sum(axis=1)
        shares = np.divide(both, either, out=np.ones_like(both), where=either > 0)
        return [round(float(share), _DIGITS) for share in shares]

    def micro(self, weights: Floats) -> dict[str, Floats]:
        """Precision, recall and F1 over all decisions of each resample, the rows of `weights`; 0/0 counts as 0."""
        hits, true, said = (weights @ cells.sum(axis=1) for cells in self._counts)
        return {
            "micro_f1": _ratio(2 * hits, true + said),
            "micro_precision": _ratio(hits, said),
            "micro_recall": _ratio(hits, true),
        }

    def metrics(self, weights: Floats) -> dict[str, Floats]:
        """Each metric once a row of `weights` (resamples, records); by label, with a second axis, F1 and precision.

        By label NaN stands where a resample has nothing to say of it.
        """
        hits, true, said = (weights @ cells for cells in self._counts)
        total, present = weights.sum(axis=1), true > 0
        wrong = self.truth != self.answer
        f1, precision = _ratio(2 * hits, true + said), self._average_precision(weights)
        return {
            **self.micro(weights),
            "macro_f1": _ratio((f1 * present).sum(axis=1), present.sum(axis=1)),
            "exact_match": weights @ ~wrong.any(axis=1) / total,
            "hamming_loss": weights @ wrong.sum(axis=1) / (total * max(1, len(self.labels))),
            "mean_average_precision": _ratio((precision * present).sum(axis=1), present.sum(axis=1)),
            "f1": np.where(true + said > 0, f1, np.nan),
            "average_precision": np.where(present, precision, np.nan),
        }

    def rows(self, point: Mapping[str, Floats], drawn: Mapping[str, Floats]) -> dict[str, dict[str, float]]:
        """Each label that occurs in the truth: F1 and average precision with intervals, precision and recall."""
        hits, true, said = (cells.sum(axis=0) for cells in self._counts)
        found: dict[str, dict[str, float]] = {}
        for i in np.flatnonzero(true).tolist():
            names = ("f1", "average_precision")
            spans = {name: _known_interval(point[name][:, i], drawn[name][:, i]) for name in names}
            found[self.labels[i]] = {
                "precision": round(float(hits[i] / said[i]), _DIGITS) if said[i] else 0.0,
                "recall": round(float(hits[i] / true[i]), _DIGITS),
                "answered": int(said[i]),
                **flat(spans),
                "rows": int(true[i]),
            }
        return found

    @cached_property
    def _counts(self) -> tuple[Floats, Floats, Floats]:
        return self.truth * self.answer, self.truth, self.answer

    def _average_precision(self, weights: Floats) -> Floats:
        """Average precision of each label in each resample; 0 where the label is absent.

        The sum over the ranks of precision times the gain in recall, without interpolation. Records of equal score
        have one rank, so that their order does not matter.
        """
        found = np.zeros((len(weights), len(self.labels)))
        for i in range(len(self.labels)):
            order = np.argsort(-self.score[:, i], kind="stable")
            ranked = self.score[order, i]
            last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
            some = weights[:, order]
            seen, hits = np.cumsum(some, axis=1)[:, last], np.cumsum(some * self.truth[order, i], axis=1)[:, last]
            gained = np.diff(hits, axis=1, prepend=0)
            found[:, i] = _ratio((gained * _ratio(hits, seen)).sum(axis=1), hits[:, -1])
        return found


def _known_interval(point: Floats, drawn: Floats) -> Metric:
    """From the resamples that say something of the label; the value itself where none does."""
    known = drawn[~np.isnan(drawn)]
    return interval(point[0], known if len(known) else point)


def _zeros_and_ones(rows: Sets, labels: Sequence[str]) -> Floats:
    index = {label: i for i, label in enumerate(labels)}
    cells = np.zeros((len(rows), len(labels)))
    for i, row in enumerate(rows):
        cells[i, [index[label] for label in row]] = 1.0
    return cells


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return ratio
