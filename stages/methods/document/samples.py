"""What the page shows of texts: some written answers beside what was asked, and words that the tokenizer takes apart.

None of it stands in the figures, nor in any report: those hold numbers and codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.records import Record

_LONGEST = 2000
"""Characters of a text that are shown: who wants all of it reads the record."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A test record with the answer that the model wrote. `given` has the texts before it, each with what it is."""

    id: str
    given: tuple[tuple[str, str], ...]
    reference: str
    answer: str
    quality: float


@dataclass(frozen=True, slots=True)
class Texts:
    """Samples, and the words of `terms.csv`, which come with `records` and `pieces`."""

    samples: Sequence[Sample] = ()
    terms: Sequence[Mapping[str, Any]] = ()


def samples(records: Iterable[Record], answers: Sequence[Mapping[str, Any]]) -> Iterator[Sample]:
    """The samples that `answers` are of, rows of `predictions.parquet`; in order of id."""
    by_id = {row["id"]: row for row in answers}
    for record in records:
        if record.id in by_id:
            row = by_id[record.id]
            given = tuple((name, shortened(text)) for name, text in _given(record, row["label"] or ""))
            reference, answer = shortened(row["label"] or ""), shortened(row["answer"])
            yield Sample(record.id, given, reference, answer, row["quality"])


def _given(record: Record, reference: str) -> Iterator[tuple[str, str]]:
    """All texts of a record but the reference, which stands at the end of the last one."""
    *before, (name, last) = _parts(record)
    yield from before
    if rest := last.rstrip().removesuffix(reference).rstrip():
        yield name, rest


def _parts(record: Record) -> Iterator[tuple[str, str]]:
    """Every text with its column, or with the role of who speaks."""
    for column in record.schema.columns:
        if column.kind == "text":
            yield column.name, record.values[column.name]
        elif column.kind == "messages":
            yield from ((message.role, message.content) for message in record.values[column.name])


def shortened(text: str) -> str:
    """A text, or its beginning with a note of how much more there is."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\u2026 ({len(text) - _LONGEST:,} characters more)"
