"""Records as rows of a Hugging Face data set: typed columns, in the field's own layouts where it has one.

Labels become `ClassLabel`, so that their names travel with the file; answers are laid out as in SQuAD, messages as TRL
and chat templates read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.core.records import Column, Record, Schema
from stages.methods.export.data_examples import LeftOut, chat_turns
from stages.methods.export.data_rules import is_blank

_ROLES = ("system", "developer", "user", "assistant", "tool")


class TableRows:
    """Makes rows of the records of one schema. `labels` has the names of the classes of each column that has some."""

    def __init__(self, schema: Schema, labels: Mapping[str, Sequence[str]]) -> None:
        self._columns = schema.columns
        self._names = labels
        self._numbers = {column: {name: i for i, name in enumerate(names)} for column, names in labels.items()}

    def features(self) -> Any:
        """The columns' types, as `datasets.Features`."""
        from datasets import Features, Value

        return Features({"id": Value("string"), **{column.name: self._type(column) for column in self._columns}})

    def of(self, record: Record) -> dict[str, Any]:
        """The record as a row. Raises LeftOut where it has no answer, or no place in a column's layout."""
        if any(record.values[column.name] is None for column in self._columns):
            raise LeftOut("unanswered")
        cells = {column.name: self._cell(column, record.values[column.name]) for column in self._columns}
        return {"id": record.id, **cells}

    def faults(self, row: Mapping[str, Any]) -> list[str]:
        """The codes of what is wrong with a row, each once."""
        return list(dict.fromkeys(code for column in self._columns for code in self._wrong(column, row)))

    def _type(self, column: Column) -> Any:
        from datasets import ClassLabel, List, Value

        text, number = Value("string"), Value("int32")
        names = self._names.get(column.name)
        label = ClassLabel(names=list(names)) if names else text
        types = {
            "text": text,
            "label": label,
            "labels": List(label),
            "spans": List({"start": number, "end": number, "label": label}),
            "answers": {"text": List(text), "answer_start": List(number)},
            "messages": List({"role": text, "content": text}),
        }
        return types[column.kind]

    def _cell(self, column: Column, value: Any) -> Any:
        numbers = self._numbers.get(column.name, {})
        if column.kind == "label":
            return numbers[value]
        if column.kind == "labels":
            return [numbers[label] for label in value]
        if column.kind == "spans":
            return [{"start": one.start, "end": one.end, "label": numbers[one.label]} for one in value]
        if column.kind == "answers":
            return {"text": [one.text for one in value], "answer_start": [one.start for one in value]}
        if column.kind == "messages":
            return [{"role": one.role, "content": one.content} for one in chat_turns(value)]
        return value

    def _wrong(self, column: Column, row: Mapping[str, Any]) -> Iterator[str]:
        cell, about = row[column.name], row.get(column.of, "")
        known = range(len(self._names.get(column.name, ())))
        if column.kind == "text" and is_blank(cell):
            yield "empty_text"
        elif column.kind in ("label", "labels") and any(one not in known for one in _several(cell)):
            yield "unknown_label"
        elif column.kind == "spans":
            yield from ("unknown_label" for one in cell if one["label"] not in known)
            yield from ("misplaced" for one in cell if not 0 <= one["start"] < one["end"] <= len(about))
        elif column.kind == "answers":
            places = zip(cell["text"], cell["answer_start"], strict=True)
            yield from ("misplaced" for text, start in places if about[start : start + len(text)] != text)
        elif column.kind == "messages":
            yield from _wrong_turns(cell)


def _wrong_turns(turns: Sequence[Mapping[str, str]]) -> Iterator[str]:
    yield from ("unknown_role" for turn in turns if turn["role"] not in _ROLES)
    yield from ("empty_text" for turn in turns if is_blank(turn["content"]))
    if not turns or turns[-1]["role"] != "assistant":
        yield "no_reply"


def _several(cell: Any) -> list[Any]:
    return cell if isinstance(cell, list) else [cell]
