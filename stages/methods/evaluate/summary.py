"""From predictions to the report of `evaluate`: plain numbers with their intervals, rounded to six digits."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from stages.core.records import Record
from stages.core.task import Prediction, Scores, Task
from stages.core.votes import groups_of
from stages.methods.audit.roc import flat
from stages.methods.check_labels.reasons import LABEL_REASONS
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

    def without(self, ids: Collection[str]) -> Answered:
        """The same without some records."""
        pairs = [pair for pair in zip(self.records, self.predictions, strict=True) if pair[0].id not in ids]
        return replace(self, records=[one for one, _ in pairs], predictions=[said for _, said in pairs])

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
        return {**({} if label is None else {"label": label}), **groups_of(record.attributes)}


@dataclass(frozen=True, slots=True)
class CheckedLabels:
    """What the events of `check_labels` say of records: whose label is in doubt, and what people decided.

    `given` has the annotation of each record before a person gave it another one, empty where it had none. `out` are
    the records that a person took out.
    """

    suspects: Collection[str] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    out: Collection[str] = ()

    @classmethod
    def of(cls, events: Iterable[Mapping[str, Any]]) -> Self:
        """From rows of `events.parquet`."""
        suspects, out, given = set(), set(), {}
        for event in events:
            if event["reason"] in LABEL_REASONS:
                suspects.add(event["id"])
            elif event["reason"] == "reviewed_out":
                out.add(event["id"])
            elif event["reason"] == "reviewed_wrong":
                given[event["id"]] = json.loads(event["evidence"])["given"]
        return cls(suspects, given, out)


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


def as_given(test: Answered, labels: CheckedLabels, resamples: int, seed: int) -> dict[str, Any]:
    """The scores of all answered test rows by the labels from before people decided, and what the decisions did.

    `test` has the rows that were taken out, too. Empty where no decision is about a test row.
    """
    ids = {record.id for record in test.records}
    changed, left_out = ids & labels.given.keys(), ids & {*labels.out}
    if not changed | left_out:
        return {}
    earlier = {
        record.id: test.task.with_annotation(record, labels.given[record.id])
        for record in test.records
        if record.id in changed
    }
    unlabelled = {id for id, record in earlier.items() if "" in test.task.labels(record)}
    before = test.without(unlabelled)
    before = replace(before, records=[earlier.get(record.id, record) for record in before.records])
    found = {"rows": len(before.given[0]), "changed": len(changed), "left_out": len(left_out)}
    return {**found, **(flat(before.score(resamples, seed).metrics) if found["rows"] else {})}


def slice_scores(test: Answered, least: int, measure: str) -> dict[str, Any]:
    """The mean quality by slice."""
    return slices(test.scored(), least, measure)
