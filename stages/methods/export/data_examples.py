"""A record as a conversation: what a model is told to do, what it is asked, and what it should answer.

Which template fits is a matter of the task's columns, not of its name: a new task with the same columns needs nothing
here. The templates are described in docs/export.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from stages.core.records import Kind, Message, Record, Schema

NO_ANSWER = "no answer"
"""What is said where the context does not answer the question."""


_TELLERS = ("system", "developer")
"""Roles that tell the model what to be, and are no turns."""


_SPEAKERS = {"prompt": "user", "completion": "assistant"}


class LeftOut(Exception):
    """A record that cannot be handed over; carries a code of `RULES`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation that ends with what the model should say.

    `instruction` is the same for every record of a task; it is empty where the record itself says what is to be done.
    `system` is what a conversation itself begins with, before anybody speaks: empty where it has no such beginning,
    None where the task's records never have one.
    """

    instruction: str
    messages: tuple[Message, ...]
    system: str | None = None

    @property
    def told(self) -> str:
        """What the model is told before anybody speaks; what the conversation says itself goes first."""
        return self.system or self.instruction


@dataclass(frozen=True, slots=True)
class _Template:
    """What the model is told, given the labels, and the turns of a record."""

    instruct: Callable[[Sequence[str]], str]
    turns: Callable[[Record, str], tuple[Message, ...]]


class Examples:
    """Makes examples of the records of one schema. `instruction` replaces the template's own."""

    def __init__(self, schema: Schema, labels: Sequence[str] = (), instruction: str | None = None) -> None:
        kinds = {column.kind: column.name for column in reversed(schema.columns)}
        self._kind = next(kind for kind in _TEMPLATES if kind in kinds)
        self._template, self._column = _TEMPLATES[self._kind], kinds[self._kind]
        self.instruction = self._template.instruct(labels) if instruction is None else instruction

    def of(self, record: Record) -> Example:
        """The record as an example. Raises LeftOut where nobody has said what the answer is."""
        if record.values[self._column] is None:
            raise LeftOut("unanswered")
        messages = self._template.turns(record, self._column)
        if self._kind != "messages":
            return Example(self.instruction, messages)
        told = list(takewhile(lambda message: message.role in _TELLERS, messages))
        return Example(self.instruction, messages[len(told) :], "\n".join(message.content for message in told))


def _exchange(asked: str, answer: str | None) -> tuple[Message, ...]:
    if answer is None:
        raise LeftOut("unanswered")
    return Message("user", asked), Message("assistant", answer)


def _text(record: Record, column: str = "") -> str:
    """The text that spans and answers refer to; without a column, the record's one text."""
    columns = record.schema.columns
    name = next((one.of for one in columns if one.name == column), "") or record.schema.of_kind("text")[0].name
    text: str = record.values[name]
    return text


def chat_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The turns under the names that other programs know. Raises LeftOut for a text alone, which is no conversation."""
    if [turn.role for turn in messages] == ["completion"]:
        raise LeftOut("plain_text")
    return tuple(Message(_SPEAKERS.get(turn.role, turn.role), turn.content) for turn in messages)


def _chat(record: Record, column: str) -> tuple[Message, ...]:
    return chat_turns(record.values[column])


def _question(record: Record, column: str) -> tuple[Message, ...]:
    context = next(one.of for one in record.schema.columns if one.name == column)
    question = next(one.name for one in record.schema.of_kind("text") if one.name != context)
    answers = record.values[column]
    asked = f"Context: {record.values[context]}\n\nQuestion: {record.values[question]}"
    return _exchange(asked, answers[0].text if answers else NO_ANSWER)


def _entities(record: Record, column: str) -> tuple[Message, ...]:
    text = _text(record, column)
    spans = sorted(record.values[column], key=lambda span: (span.start, span.end))
    found = [{"text": text[span.start : span.end], "label": span.label} for span in spans]
    return _exchange(text, json.dumps(found, ensure_ascii=False))


def _labels(record: Record, column: str) -> tuple[Message, ...]:
    return _exchange(_text(record), json.dumps(list(record.values[column]), ensure_ascii=False))


def _label(record: Record, column: str) -> tuple[Message, ...]:
    return _exchange(_text(record), record.values[column])


def _pair(record: Record, _: str) -> tuple[Message, ...]:
    source, target = (column.name for column in record.schema.of_kind("text"))
    return _exchange(record.values[source], record.values[target])


def _listed(sentence: str) -> Callable[[Sequence[str]], str]:
    return lambda labels: "\n".join([sentence, *(f"- {label}" for label in labels)])


def _said(sentence: str) -> Callable[[Sequence[str]], str]:
    return lambda _: sentence


_TEMPLATES: dict[Kind, _Template] = {
    "messages": _Template(_said(""), _chat),
    "answers": _Template(
        _said(
            "Answer the question in the words of the context, as briefly as it allows. "
            f"If the context does not answer it, say: {NO_ANSWER}"
        ),
        _question,
    ),
    "spans": _Template(
        _listed(
            "Find the entities in the text. Answer with a JSON list of objects with the keys `text` and `label`, in "
            "the order of the text; [] where there is none. The labels are:"
        ),
        _entities,
    ),
    "labels": _Template(
        _listed("Classify the text. Answer with a JSON list of all labels that apply; [] for none. The labels are:"),
        _labels,
    ),
    "label": _Template(_listed("Classify the text. Answer with one of these labels and nothing else:"), _label),
    "text": _Template(_said(""), _pair),
}
"""By the kind of column that holds what is to be learned; the first that a schema has."""
