"""What a kind of model must answer for; one file in `stages/tasks/` for each kind does.

Stages ask the task instead of asking which task it is. Features, models and tensors are `Any` here, so that this floor
stays free of torch and transformers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from stages.core.records import Record, Schema


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


class Task(Protocol):
    """A kind of model."""

    name: str
    schema: Schema

    # --- rows and records -------------------------------------------------------------------------------------------
    def read_row(self, row: Mapping[str, Any], labels: Sequence[str] | None) -> dict[str, Any]:
        """The task's columns from a source row already renamed to them. Raises RowFault for a row that does not fit."""
        ...

    def stratum(self, record: Record) -> str:
        """What the split keeps in proportion: the label, where there is one."""
        ...

    def targets(self, record: Record) -> str | None:
        """The label that `check_labels` doubts, or None where the record has none."""
        ...

    def with_target(self, record: Record, label: str) -> Record:
        """The record under another label."""
        ...

    # --- the model --------------------------------------------------------------------------------------------------
    def load(self, source: Path | str, labels: Sequence[str], options: Mapping[str, Any]) -> tuple[Any, Any]:
        """(model, tokenizer) from a base model, with a head for these labels. `options` are plan.json's `finetune`."""
        ...

    def load_tuned(self, folder: Path) -> tuple[Any, Any]:
        """(model, tokenizer) that `finetune` saved."""
        ...

    def outline(self, source: Path | str, labels: Sequence[str], options: Mapping[str, Any]) -> Any:
        """As the model of `load`, but without weights (on torch's meta device): to count parameters before paying."""
        ...

    def encode(
        self, records: Sequence[Record], tokenizer: Any, max_length: int, labels: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """One dict of features a record (`input_ids`, ...), not padded; with `labels` also the model's `labels`."""
        ...

    def losses(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """Per-example losses, a tensor of shape (batch,): the loss of one record does not depend on the others."""
        ...

    def predict(self, model: Any, tokenizer: Any, records: Sequence[Record], max_length: int) -> list[Prediction]:
        """One prediction a record, in order, with the loss where the record has a label."""
        ...

    def score(
        self, records: Sequence[Record], predictions: Sequence[Prediction], resamples: int, seed: int
    ) -> dict[str, Any]:
        """Metrics of the task: `{"name": Metric, ...}` plus tables (per class, confusion) as plain lists and dicts."""
        ...

    def baselines(self, train: Sequence[Record], test: Sequence[Record], seed: int) -> dict[str, list[Prediction]]:
        """What one would get without a pretrained model, by name: predictions for the test records."""
        ...
