"""From predictions to the report of `evaluate`: plain numbers with their intervals, rounded to six digits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.records import Record
from stages.core.task import Prediction, Task
from stages.methods.audit.roc import flat, proportion
from stages.methods.evaluate.comparison import class_f1, macro_f1_gain
from stages.methods.evaluate.fit_check import Part
from stages.methods.evaluate.slices import Scored, reliability, slices


@dataclass(frozen=True, slots=True)
class Answered:
    """Records with their labels and what a model says of them; the four sequences are of one length."""

    task: Task
    records: Sequence[Record]
    predictions: Sequence[Prediction]

    @property
    def truth(self) -> list[str]:
        """The labels; empty for a record without one."""
        return [self.task.targets(record) or "" for record in self.records]

    @property
    def answers(self) -> list[str]:
        """The model's answers."""
        return [str(prediction.answer) for prediction in self.predictions]

    @property
    def correct(self) -> list[bool]:
        """Where the answer is the label."""
        return [said == label for said, label in zip(self.answers, self.truth, strict=True)]

    @property
    def confidences(self) -> list[float]:
        """The probability of each answer."""
        return [max(prediction.scores.values(), default=1.0) for prediction in self.predictions]

    @property
    def part(self) -> Part:
        """For the comparison between the splits."""
        return Part(self.correct, [prediction.loss for prediction in self.predictions])

    def scored(self) -> list[Scored]:
        """For the slices."""
        return [
            Scored(correct, label, record.source, record.language, record.confidence, record.length)
            for correct, label, record in zip(self.correct, self.truth, self.records, strict=True)
        ]


def model_scores(test: Answered, resamples: int, seed: int) -> dict[str, Any]:
    """The task's metrics, F1 by class, the confusion counts and the calibration."""
    found = test.task.score(test.records, test.predictions, resamples, seed)
    intervals = class_f1(test.truth, test.answers, resamples, seed)
    report = flat(found["metrics"])
    bins = reliability(test.confidences, test.correct)
    return {
        **report,
        **({} if test.part.loss is None else {"loss": test.part.loss}),
        "per_class": {
            label: {
                **{name: row[name] for name in ("precision", "recall", "answered")},
                **flat({"f1": intervals[label]}),
                "rows": row["support"],
            }
            for label, row in found["per_class"].items()
            if label in intervals
        },
        "confusion": {"labels": found["confusion"]["labels"], "matrix": found["confusion"]["counts"]},
        "calibration": {"ece": report["ece"], "bins": bins},
    }


def baseline_scores(
    test: Answered, guesses: Mapping[str, Sequence[Prediction]], resamples: int, seed: int
) -> dict[str, Any]:
    """Each baseline's metrics on the same rows, and what the model gains over it in macro F1, paired."""
    baselines, gains = {}, {}
    for name, predictions in guesses.items():
        other = Answered(test.task, test.records, predictions)
        baselines[name] = flat(test.task.score(test.records, predictions, resamples, seed)["metrics"])
        gain = macro_f1_gain(test.truth, test.answers, other.answers, resamples, seed)
        gains[name] = flat({"macro_f1": gain})
    return {"baselines": baselines, "gain": gains}


def without_suspects(test: Answered, suspects: Collection[str]) -> dict[str, Any]:
    """Accuracy on the test rows whose label `check_labels` does not doubt: an upper bound of what disputed labels cost.

    Rows are doubted where a model finds them hard, too, so the accuracy without them is better than the truth.
    """
    right = [ok for ok, record in zip(test.correct, test.records, strict=True) if record.id not in suspects]
    found = {"rows": len(right), "suspects": len(test.records) - len(right)}
    return {**found, **flat({"accuracy": proportion(right)})} if right else found


def slice_scores(test: Answered, least: int) -> dict[str, Any]:
    """Accuracy by slice."""
    return slices(test.scored(), least)
