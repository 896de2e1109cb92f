"""From predictions to the report of `evaluate`: plain numbers with their intervals, rounded to six digits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stages.core.records import Record
from stages.core.task import Prediction, Scores, Task
from stages.methods.audit.roc import flat
from stages.methods.evaluate.fit_check import Part
from stages.methods.evaluate.slices import Scored, mean_quality, slices


@dataclass(frozen=True)
class Answered:
    """Records and what a model says of them, in the same order.

    A prediction whose answer is None only has a loss: where answers are written word by word, few records get one.
    """

    task: Task
    records: Sequence[Record]
    predictions: Sequence[Prediction]

    @cached_property
    def quality(self) -> list[float | None]:
        """How good each answer is, 0 to 1; None where there is none."""
        records, predictions = self.given
        found = iter(self.task.score(records, predictions, 1, 0).quality if records else ())
        return [None if prediction.answer is None else next(found) for prediction in self.predictions]

    @property
    def given(self) -> tuple[list[Record], list[Prediction]]:
        """The records that were answered, and their answers."""
        pairs = [pair for pair in zip(self.records, self.predictions, strict=True) if pair[1].answer is not None]
        return [record for record, _ in pairs], [prediction for _, prediction in pairs]

    @property
    def part(self) -> Part:
        """For the comparison between the splits."""
        known = [value for value in self.quality if value is not None]
        return Part(known, [prediction.loss for prediction in self.predictions])

    def score(self, resamples: int, seed: int) -> Scores:
        """The task's metrics with their intervals. Raises ValueError when nothing was answered."""
        return self.task.score(*self.given, resamples, seed)

    def scored(self) -> list[Scored]:
        """For the slices."""
        return [
            Scored(value, record.source, record.language, record.confidence, record.length, self._classes(record))
            for value, record in zip(self.quality, self.records, strict=True)
            if value is not None
        ]

    def _classes(self, record: Record) -> dict[str, str]:
        """The label, where there is a single one, and the groups that the row belongs to."""
        label = self.task.targets(record)
        return {**({} if label is None else {"label": label}), **record.attributes}


def model_scores(test: Answered, scores: Scores) -> dict[str, Any]:
    """The task's metrics and its details, with the mean loss."""
    loss = test.part.loss
    return {**flat(scores.metrics), **({} if loss is None else {"loss": loss}), **scores.details}


def baseline_scores(
    test: Answered, guesses: Mapping[str, Sequence[Prediction]], resamples: int, seed: int
) -> dict[str, Any]:
    """Each baseline's metrics on the same rows, and what the model gains over it, paired."""
    baselines: dict[str, Any] = {}
    gains: dict[str, Any] = {}
    records, ours = test.given
    for name, predictions in guesses.items():
        by_id = {prediction.id: prediction for prediction in predictions}
        theirs = [by_id[record.id] for record in records]
        scores = test.task.score(records, theirs, resamples, seed)
        loss = Answered(test.task, records, theirs).part.loss
        quality = round(sum(scores.quality) / len(scores.quality), 6)
        baselines[name] = {**flat(scores.metrics), **({} if loss is None else {"loss": loss}), "quality": quality}
        gains[name] = flat(test.task.gain(records, ours, theirs, resamples, seed))
    return {"baselines": baselines, "gain": gains}


def without_suspects(test: Answered, suspects: Collection[str], measure: str) -> dict[str, Any]:
    """The mean quality of the test rows whose label `check_labels` does not doubt: a bound of what disputes cost.

    Rows are doubted where a model finds them hard, too, so the quality without them is better than the truth.
    """
    left = [
        value
        for value, record in zip(test.quality, test.records, strict=True)
        if value is not None and record.id not in suspects
    ]
    found = {"rows": len(left), "suspects": sum(record.id in suspects for record in test.records)}
    return {**found, **flat({measure: mean_quality(left)})} if left else found


def slice_scores(test: Answered, least: int, measure: str) -> dict[str, Any]:
    """The mean quality by slice."""
    return slices(test.scored(), least, measure)
