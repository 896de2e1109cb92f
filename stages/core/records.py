"""A record, its schema, and the decisions a stage may take about it.

The only way out of a stage is a `Decision`. The runner refuses a stage that takes none, or two, for a record it was
given, so a row cannot get lost by accident.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from stages.core.spans import TextEdit, apply_edits, move_span, ordered

Kind: TypeAlias = Literal["text", "label", "labels", "spans", "answers", "messages"]
Outcome: TypeAlias = Literal["created", "kept", "dropped", "quarantined"]
Evidence: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One of a task's own columns. `of` names the text that the offsets of `spans` and `answers` refer to.

    Records may have a `shared` text in common by design, as questions have a context: these stay on one side of a
    split, for what is learned from one question about a text helps with the others.
    """

    name: str
    kind: Kind
    of: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """The task's own columns, in the order in which they stand in `records.parquet`."""

    columns: tuple[Column, ...]

    def of_kind(self, *kinds: Kind) -> tuple[Column, ...]:
        """The columns of some kinds, in order."""
        return tuple(column for column in self.columns if column.kind in kinds)


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled stretch of a text, offsets in code points, end exclusive."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An extractive answer: where it starts in the context, and its text."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Record:
    """One row on its way through the pipeline.

    `values` maps the task's columns to `str` (text), `str | None` (label), `tuple[str, ...]` (labels), tuples of
    `Span`, `Answer` or `Message`; labels, spans and answers are None where nobody annotated them. `subject` is a keyed
    hash, `group` the id of the record that stands for the duplicate group, `language` an ISO 639-1 code, `confidence`
    the annotators' agreement in 0..1, `attributes` the groups that the row belongs to, by name.
    """

    id: str
    source: str
    source_row: str
    schema: Schema
    values: Mapping[str, Any]
    subject: str | None = None
    group: str | None = None
    split: str | None = None
    language: str | None = None
    confidence: float | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def texts(self) -> dict[str, str]:
        """Every text of the record by its path: a column's name, or `column.index` for a message."""
        found: dict[str, str] = {}
        for column in self.schema.columns:
            if column.kind == "text":
                found[column.name] = self.values[column.name]
            elif column.kind == "messages":
                turns = enumerate(self.values[column.name])
                found.update({f"{column.name}.{i}": message.content for i, message in turns})
        return found

    def texts_by_column(self) -> list[str]:
        """One text for each column that holds any; the messages of a conversation joined by newlines."""
        texts = self.texts()
        return [
            "\n".join(text for path, text in texts.items() if path.partition(".")[0] == column.name)
            for column in self.schema.of_kind("text", "messages")
        ]

    def shared_texts(self) -> list[str]:
        """The texts that other records may have, too, by design."""
        return [self.values[column.name] for column in self.schema.columns if column.shared]

    def binding_texts(self) -> list[str]:
        """The texts that bind records to one side of a split when they are equal: shared ones, or else all together."""
        return self.shared_texts() or [*self.texts().values()]

    @property
    def text(self) -> str:
        """All texts of the record, joined by newlines: what whole-record measures (length, language) look at."""
        return "\n".join(self.texts().values())

    @property
    def length(self) -> int:
        """Characters in all texts together."""
        return sum(len(text) for text in self.texts().values())

    def with_edits(self, edits: Mapping[str, Sequence[TextEdit]]) -> Record:
        """The record after edits of its texts (by path), label spans and answers moved along.

        Raises SpanCut when an edit would cut a span, ValueError when edits overlap or a path is unknown.
        """
        texts = self.texts()
        unknown = set(edits) - set(texts)
        if unknown:
            raise ValueError(f"no such text: {sorted(unknown)}")
        sorted_edits = {path: ordered(texts[path], some) for path, some in edits.items() if some}
        values = dict(self.values)
        for column in self.schema.columns:
            values[column.name] = _edited(column, values, texts, sorted_edits)
        return replace(self, values=values)

    def with_texts(self, texts: Mapping[str, str]) -> Record:
        """The record with whole texts replaced; only for columns without spans, whose offsets would be lost."""
        return self.with_edits({path: [TextEdit(0, len(self.texts()[path]), new)] for path, new in texts.items()})

    def with_values(self, **values: Any) -> Record:
        """The record with other values in the task's columns (a label, say). Texts change through edits only."""
        return replace(self, values={**self.values, **values})


def _edited(
    column: Column, values: Mapping[str, Any], texts: Mapping[str, str], edits: Mapping[str, list[TextEdit]]
) -> Any:
    """One column's value after the edits; `texts` are the texts before them."""
    value = values[column.name]
    if value is None:
        return None
    mine = edits.get(column.of or column.name, [])
    if column.kind == "text":
        return apply_edits(value, mine) if mine else value
    if column.kind == "messages":
        return tuple(
            replace(message, content=apply_edits(message.content, edits.get(f"{column.name}.{i}", [])))
            for i, message in enumerate(value)
        )
    if column.kind == "spans" and mine:
        return tuple(Span(*move_span((span.start, span.end), mine), span.label) for span in value)
    if column.kind == "answers" and mine:
        after = apply_edits(texts[column.of], mine)
        bounds = [move_span((answer.start, answer.start + len(answer.text)), mine) for answer in value]
        return tuple(Answer(start, after[start:end]) for start, end in bounds)
    return value


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a record's story: what was done, the reason's code, and evidence without any text."""

    action: str
    reason: str
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a stage decided about one record. Made by the functions below, never by hand."""

    id: str
    outcome: Outcome
    record: Record | None
    events: tuple[Event, ...] = ()


class Label(str):
    """Marks a string in evidence as a label of the declared set, so that it may hold spaces."""

    __slots__ = ()


def create(record: Record, reason: str = "created", **evidence: Any) -> Decision:
    """A record that did not exist before (`ingest` alone does this)."""
    return Decision(record.id, "created", record, (Event("create", reason, evidence),))


def keep(record: Record, reason: str = "", **evidence: Any) -> Decision:
    """Go on with the record. If its values were changed, the runner writes an `edit` event with this reason."""
    return Decision(record.id, "kept", record, (Event("edit", reason, evidence),) if reason else ())


def edit(record: Record, events: Sequence[Event]) -> Decision:
    """Go on with the changed record; one event for each place that was changed."""
    return Decision(record.id, "kept", record, tuple(events))


def flag(record: Record, reason: str, **evidence: Any) -> Decision:
    """Go on with the record as it is, but say something about it: a `keep` event that is always written."""
    return Decision(record.id, "kept", record, (Event("keep", reason, evidence),))


def drop(record: Record, reason: str, **evidence: Any) -> Decision:
    """Do not go on with the record."""
    return Decision(record.id, "dropped", None, (Event("drop", reason, evidence),))


def drop_row(id: str, reason: str, **evidence: Any) -> Decision:
    """Leave a source row out before it becomes a record (sampling, erasure)."""
    return Decision(id, "dropped", None, (Event("drop", reason, evidence),))


def relabel(record: Record, reason: str, **evidence: Any) -> Decision:
    """Go on with the record under another label."""
    return Decision(record.id, "kept", record, (Event("relabel", reason, evidence),))


def assign(record: Record, reason: str, **evidence: Any) -> Decision:
    """Go on with the record in a split or a role."""
    return Decision(record.id, "kept", record, (Event("assign", reason, evidence),))


def quarantine(id: str, reason: str, **evidence: Any) -> Decision:
    """Set a source row aside that cannot become a record; it is counted, and its place is kept."""
    return Decision(id, "quarantined", None, (Event("quarantine", reason, evidence),))
