"""A record from a source row, or the reason why the row cannot become one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stages.core.params import Source
from stages.core.records import Decision, Label, Record, create, quarantine
from stages.core.rows import FileRow, without_surrogates
from stages.core.stage import Context
from stages.core.task import RowFault
from stages.core.votes import agreed, with_votes
from stages.methods.ingest.row_ids import RowIds

_CODE = 40  # characters of a group's name, or of an annotator's answer
_USUAL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def decide_row(row: FileRow, source: Source, ids: RowIds, context: Context) -> Decision:
    """A record from a row, or what is wrong with the row: its place and a code, never its content.

    The evidence of a created record names the row's place in its file, and a keyed hash of all that the row says.
    """
    id, place, fault = ids.of(row)
    where: dict[str, Any] = {"row": row.place, "file": Label(row.file)} if row.file else {"row": row.place}
    columns, replaced = without_surrogates(row.columns)
    try:
        if fault:
            raise fault
        if replaced and source.on_bad_bytes == "quarantine":
            raise RowFault("bad_encoding", bytes=replaced)
        record = _record(id, place, columns, source, context)
    except RowFault as found:
        return quarantine(id, found.code, source=source.name, **where, **found.evidence)
    evidence = {**where, "content": context.keys.hash("row-content", source.name, row.content())[:32]}
    if replaced:
        evidence["bytes_replaced"] = replaced
    if source.confidence and record.confidence is None and columns.get(source.confidence) is not None:
        evidence["confidence"] = "not_a_number_from_0_to_1"
    return create(record, "created_with_replacements" if replaced else "created", source=source.name, **evidence)


def _record(id: str, place: str, columns: Mapping[str, Any], source: Source, context: Context) -> Record:
    named = {**columns, **{column: columns.get(name) for column, name in source.fields.items()}}
    values = context.task.read_row(named, context.params.labels)
    person = columns.get(source.subject) if source.subject else None
    person = "" if person is None else str(person).strip()
    subject = context.keys.hash("subject", source.name, person)[:32] if person else None
    votes = _codes(columns, "annotators", source.annotators)
    confidence = _share(columns.get(source.confidence)) if source.confidence else agreed(votes)
    place, _ = without_surrogates(place)
    record = Record(
        id, source.name, place, context.task.schema, values, subject=subject, confidence=confidence,
        attributes=with_votes(_codes(columns, "attributes", source.attributes), votes),
    )  # fmt: skip
    if record.length > context.params.max_chars:
        raise RowFault("too_long", chars=record.length)
    return record


def _codes(columns: Mapping[str, Any], key: str, names: Sequence[str]) -> dict[str, str]:
    """What the columns of `attributes` or `annotators` hold; an empty cell is left out.

    Raises RowFault for text, which could hold personal data; a column with an unusual name is told by its number.
    """
    found = {name: str(columns[name]).strip() for name in names if columns.get(name) is not None}
    for name, value in found.items():
        if len(value) > _CODE or not value.isprintable():
            field = name if _USUAL_NAME.fullmatch(name) else f"{key}.{[*names].index(name) + 1}"
            raise RowFault("bad_attribute", field=field, chars=len(value))
    return {name: value for name, value in found.items() if value}


def _share(value: Any) -> float | None:
    """A number from 0 to 1; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number <= 1 else None
