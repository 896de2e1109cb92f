"""Scores of single labels: the metrics, and what stands beside them in the report of `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stages.core.task import Prediction, Scores
from stages.methods.audit.roc import flat
from stages.methods.evaluate import metrics
from stages.methods.evaluate.comparison import class_f1
from stages.methods.evaluate.slices import reliability


def score_labels(truth: Sequence[str], predictions: Sequence[Prediction], resamples: int, seed: int) -> Scores:
    """Metrics of `metrics.score_labels`; `per_class` with intervals of F1, the `confusion` matrix, the `calibration`.

    Quality is 1 for the right label. Tables: `confusion.csv`, a row a record, and `reliability.csv`, a bin of
    confidence. Raises ValueError when there is nothing to score.
    """
    answers = [str(prediction.answer) for prediction in predictions]
    found = metrics.score_labels(truth, answers, [prediction.scores for prediction in predictions], resamples, seed)
    correct = [said == label for said, label in zip(answers, truth, strict=True)]
    bins = reliability([max(prediction.scores.values(), default=1.0) for prediction in predictions], correct)
    intervals = class_f1(truth, answers, resamples, seed)
    return Scores(
        metrics=found["metrics"],
        quality=[float(right) for right in correct],
        details={
            "per_class": {
                label: _class_row(row, flat({"f1": intervals[label]}))
                for label, row in found["per_class"].items()
                if label in intervals
            },
            "confusion": {"labels": found["confusion"]["labels"], "matrix": found["confusion"]["counts"]},
            "calibration": {"ece": flat(found["metrics"])["ece"], "bins": bins},
        },
        tables={
            "confusion.csv": [{"actual": label, "predicted": said} for label, said in zip(truth, answers, strict=True)],
            "reliability.csv": bins,
        },
        measure="accuracy",
    )


def _class_row(row: Mapping[str, Any], f1: Mapping[str, float]) -> dict[str, Any]:
    return {**{name: row[name] for name in ("precision", "recall", "answered")}, **f1, "rows": row["support"]}
