"""The tables that `evaluate` writes beside its report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from stages.methods.evaluate.summary import Answered

_DIGITS = 6
_PREDICTIONS = pa.schema(
    [
        ("id", pa.string()),
        ("split", pa.string()),
        ("label", pa.string()),
        ("answer", pa.string()),
        ("correct", pa.bool_()),
        ("quality", pa.float64()),
        ("loss", pa.float64()),
        ("scores", pa.map_(pa.string(), pa.float64())),
    ]
)


def prediction_table(said: Mapping[str, Answered]) -> pa.Table:
    """One row a scored record, in order of id: its split, the label (or what else was to be answered) and the answer.

    `quality` is how good the answer is, 0 to 1; `correct` means 1. All three are null where no answer was written. Then
    the loss in nats, and the score of each label.
    """
    rows = [row for split, answered in said.items() for row in _rows(split, answered)]
    return pa.Table.from_pylist(rows, schema=_PREDICTIONS).sort_by("id")


def _rows(split: str, answered: Answered) -> Iterator[dict[str, Any]]:
    for record, prediction, quality in zip(answered.records, answered.predictions, answered.quality, strict=True):
        yield {
            "id": prediction.id,
            "split": split,
            "label": answered.task.truth(record),
            "answer": None if quality is None else answered.task.said(prediction),
            "correct": None if quality is None else quality == 1.0,
            "quality": None if quality is None else round(quality, _DIGITS),
            "loss": None if prediction.loss is None else round(prediction.loss, _DIGITS),
            "scores": [(name, round(score, _DIGITS)) for name, score in sorted(prediction.scores.items())],
        }


def csv_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows of the same columns as CSV with a header; without rows nothing but a line end."""
    table = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]) if table else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()
