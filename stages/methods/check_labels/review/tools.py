"""What the tools that people label in have in common: two questions about each case, and how the answers are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from stages.core.label_decisions import LABEL_VERDICTS, LabelVerdict
from stages.core.records import Column, Record, Schema
from stages.methods.check_labels.review.answers import Answers, Given
from stages.methods.check_labels.review.cases import Case, texts_in_words

DECISION, LABEL, AGENT = "decision", "label", "rowtrail"
NEED = "keep: the label is right. relabel: it should be the one that you choose below. drop: the record is of no use."
_KINDS = ("label", "labels", "spans")


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody said about one record; `place` is that of the record in the file, from 1."""

    place: int
    id: str
    version: str
    decision: str
    value: Any
    marked: tuple[str | None, ...] = ()


Reader = Callable[[Any, Column], Iterator[Reply]]


def label_column(schema: Schema) -> Column:
    """The column that the tools can show and ask about. Raises ValueError for a task that has none."""
    for column in schema.columns:
        if column.kind in _KINDS:
            return column
    raise ValueError("what is learned here is text, not a label")


def shown_text(record: Record, column: Column) -> str:
    """The text that the label's places refer to, as it is; else all texts."""
    return str(record.values[column.of]) if column.of else texts_in_words(record)


def suggestion(case: Case, column: Column) -> Any:
    """The suggested label as the record's column holds it, None where there is none."""
    return None if case.better is None else case.better.values[column.name]


def read_replies(content: Any, column: Column, reader: Reader, reviewer: str) -> Answers:
    """The answers in what a tool wrote, parsed from JSON. Raises ValueError when it is of another shape."""
    answers = Answers()
    try:
        replies = [*reader(content, column)]
        answers.unanswered = len(content) - len({one.place for one in replies})
        for one in replies:
            if one.decision not in LABEL_VERDICTS:
                answers.problems.append((one.place, "has no decision"))
                continue
            asked = one.decision == "relabel"  # beside other decisions the suggestion may still stand there
            value, marked = (one.value, one.marked) if asked else (None, ())
            if not all(isinstance(name, str) for name in _classes(value)):
                raise TypeError("a class is no name")
            verdict = cast("LabelVerdict", one.decision)
            answers.given.append(Given(one.place, str(one.id), one.version, verdict, "", reviewer, value, marked))
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise ValueError("is not of the shape that the tool writes") from error
    return answers


def _classes(value: Any) -> list[Any]:
    """The names of classes in a column's value."""
    if value is None:
        return []
    return [getattr(one, "label", one) for one in value] if isinstance(value, tuple) else [value]


def stands_there(record: Record, column: Column, given: Given) -> bool:
    """Whether each span holds the text that the tool says it does, where it says so: some count characters otherwise.

    White space does not matter, which tools trim and replace.
    """
    if not given.marked:
        return True
    text, pairs = record.values[column.of], zip(given.value, given.marked, strict=True)
    return all(words is None or text[span.start : span.end].split() == words.split() for span, words in pairs)
