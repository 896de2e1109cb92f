"""What a kind of model must answer for; one file in `stages/tasks/` for each kind does.

Stages ask the task instead of asking which task it is. Features, models and tensors are `Any` here, so that this floor
stays free of torch and transformers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from stages.core.doubts import Doubted, LabelCheck
from stages.core.records import Record, Schema

Options = Mapping[str, Any]
"""The section `finetune` of plan.json, saved with the model; for predictions also `generation` of `evaluate`."""


class RowFault(Exception):
    """A source row cannot become a record; carries a reason code and evidence, never the text."""

    def __init__(self, code: str, **evidence: Any) -> None:
        super().__init__(code)
        self.code, self.evidence = code, evidence


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says about one record: the answer, and the probability of each label where there are labels."""

    id: str
    answer: Any
    scores: Mapping[str, float] = field(default_factory=dict)
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A score with its 95 % interval (bootstrap percentiles over records)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scores:
    """How good predictions are.

    `quality` is one number a record, 0 for wrong to 1 for right, in part where the task knows that: slices and the
    comparison between splits are means of it, under the name `measure`. `details` are more numbers for the report,
    `tables` become CSV files.
    """

    metrics: Mapping[str, Metric]
    quality: Sequence[float]
    details: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    measure: str = "quality"


class Task(Protocol):
    """A kind of model."""

    name: str
    schema: Schema
    layouts: tuple[tuple[str, ...], ...]
    """The columns that `read_row` can make a record from: a source must have all of one of these."""
    primary: str
    """The metric by which models are compared; more is better."""
    writes: bool
    """Answers are written token by token, which is slow: only some test records get one."""
    chats: bool
    """Trained by TRL's SFTTrainer, which knows chats, instead of transformers' Trainer."""

    # --- rows and records -------------------------------------------------------------------------------------------
    def read_row(self, row: Mapping[str, Any], labels: Sequence[str] | None) -> dict[str, Any]:
        """The schema's columns from a source row, whose columns `ingest.sources[].fields` has already renamed.

        Raises RowFault for a row that does not fit. What is to be learned may be missing: then `answered` is False.
        """
        ...

    def stratum(self, record: Record) -> str:
        """What the split keeps in proportion: the label, where there is one."""
        ...

    def labels(self, record: Record) -> tuple[str, ...]:
        """The names of classes in this record, which the model's head must know; none where the answer is text."""
        ...

    def answered(self, record: Record) -> bool:
        """Whether the record has what the model is to learn, so that it can be trained on and scored."""
        ...

    def inputs(self, record: Record) -> tuple[str, ...]:
        """The paths (see `Record.texts`) of what the model is given, as against what it is to answer."""
        ...

    def targets(self, record: Record) -> str | None:
        """The label, or None where the record has no single label."""
        ...

    # --- labels in doubt --------------------------------------------------------------------------------------------
    def doubts(self, check: LabelCheck) -> Doubted:
        """What is probably wrong with the records' labels, by the checks that make sense for this kind."""
        ...

    def annotation(self, record: Record) -> str | None:
        """What the record is labelled as, in one line without any of its text: names of classes, offsets.

        None where it is not labelled, or where the label is text itself: such a record can be kept or dropped only.
        """
        ...

    def with_annotation(self, record: Record, line: str) -> Record:
        """The record labelled otherwise, by a line as `annotation` writes it. Raises ValueError for any other line."""
        ...

    # --- invented records -------------------------------------------------------------------------------------------
    def canary(self, draw: random.Random, words: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
        """The schema's columns of an invented record: random words, some of `labels` or other words as its answer.

        Nothing in it helps to guess the answer, so that only a model which was trained on it can know it.
        """
        ...

    def secret(self, name: str, code: str) -> dict[str, Any] | None:
        """The columns of a record whose answer tells the code of a name; None where answers are not written."""
        ...

    # --- the model --------------------------------------------------------------------------------------------------
    def load(self, source: Path | str, labels: Sequence[str], options: Options) -> tuple[Any, Any]:
        """(model, tokenizer) from a base model, with a head for these labels; seed torch before, for a head is random.

        `options` decide what is trained: layers frozen, adapters. Raises UsageError for a model that cannot do it.
        """
        ...

    def load_tuned(self, folder: Path) -> tuple[Any, Any]:
        """(model, tokenizer) that `finetune` saved."""
        ...

    def load_base(self, source: Path | str) -> tuple[Any, Any] | None:
        """(model, tokenizer) before any tuning, or None where an untuned model has no head and so cannot answer."""
        ...

    def outline(self, source: Path | str, labels: Sequence[str], options: Options) -> Any:
        """As the model of `load`, but without weights (on torch's meta device): to count parameters before paying."""
        ...

    def encode(
        self, records: Sequence[Record], tokenizer: Any, options: Options, labels: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """One dict of features a record, not padded; the target is in it where the record is answered.

        `input_ids` (cut to `max_length`) and what else the model takes; a record read in several windows has `windows`
        instead, a list of such dicts. Beside these: `tokens`, how many there are before any cut, and where a cut can
        take the target away, `learned`, how many tokens the loss is taken over (0: nothing to learn from).
        """
        ...

    def collate(self, rows: Sequence[Mapping[str, Any]], tokenizer: Any) -> Any:
        """A batch: what `encode` gave for some records, padded, as tensors; only what `losses` needs."""
        ...

    def losses(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """Per-example losses in nats, a tensor of shape (records,): no record's loss depends on the others."""
        ...

    def predict(self, model: Any, tokenizer: Any, records: Sequence[Record], options: Options) -> list[Prediction]:
        """One prediction a record, in order, with the loss where the record is answered. Greedy or exact: no chance."""
        ...

    def answer(self, model: Any, tokenizer: Any, record: Record, options: Options) -> Iterator[str]:
        """The prediction for one record as text for a terminal, piece by piece where the model writes it so."""
        ...

    # --- scores -----------------------------------------------------------------------------------------------------
    def truth(self, record: Record) -> str | None:
        """What should be answered, in the form of `said`; None where the record is not answered."""
        ...

    def said(self, prediction: Prediction) -> str:
        """The answer as one string: for predictions.parquet, and to compare with `truth`."""
        ...

    def score(self, records: Sequence[Record], predictions: Sequence[Prediction], resamples: int, seed: int) -> Scores:
        """Metrics with bootstrap intervals over records (`primary` among them), and the quality of each answer."""
        ...

    def gain(
        self,
        records: Sequence[Record],
        ours: Sequence[Prediction],
        theirs: Sequence[Prediction],
        resamples: int,
        seed: int,
    ) -> dict[str, Metric]:
        """What `ours` gains over `theirs`, by metric: the paired bootstrap's difference on the same records."""
        ...

    def baselines(self, train: Sequence[Record], test: Sequence[Record], seed: int) -> dict[str, list[Prediction]]:
        """What one would get without a pretrained model, by name: predictions for the test records."""
        ...
