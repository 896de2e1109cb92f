"""What the model is asked, from the command line or from a file, as records without an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stages.commands.use_rows import Look, look_at
from stages.core.errors import Fault, UsageError
from stages.core.formats import ENDINGS, read_rows
from stages.core.params import Source
from stages.core.params.data import BESIDE_FIELDS
from stages.core.records import Record
from stages.core.rows import FileRow, shown_names, without_surrogates
from stages.core.task import RowFault, Task

_LONGEST = 1_000_000
_ALONE = ("instruction", "source_text", "text")
"""Columns that a text by itself can stand for; the first that the task knows: a chat's text is one turn of a user."""
_BESIDE = ("input", "instances")
"""What Alpaca and self-instruct write beside an instruction."""


def row_of(arguments: Sequence[str], task: Task) -> FileRow:
    """A row from the command line: one text, or COLUMN=VALUE for each of the task's columns. Raises UsageError."""
    known = _columns(task)
    pairs = [(column, value) for column, sign, value in (one.partition("=") for one in arguments) if sign]
    if len(pairs) == len(arguments) and all(column in known for column, _ in pairs):
        return FileRow(1, dict(pairs))
    column = _text_column(task)
    if column and len(arguments) == 1:
        return FileRow(1, {column: arguments[0]})
    problem = f"{task.name} is not asked by {'one text' if len(arguments) == 1 else f'{len(arguments)} texts'}"
    example = " ".join(f'{column}="..."' for column in task.layouts[0])
    step = 'put the text in quotes: "..."' if column else f"write {example}"
    raise UsageError(Fault("TEXT", problem, step))


def rows_of(file: Path, written: Mapping[str, Any], task: Task, fields: Mapping[str, str]) -> Iterator[FileRow]:
    """The rows of a file; `fields` has its names for columns. A line of a txt file is a text by itself.

    `written` is what `use_rows.written_as` gives.

    Raises UsageError and DataError; of columns before anything is read, for the same fault in each row helps nobody.
    """
    if written["format"] == "auto" and file.suffix.lower() not in ENDINGS:
        problem = f"cannot tell how to read {file.suffix or 'a file without an ending'}"
        raise UsageError(Fault(str(file), problem, f"say it with --format, or let it end in {', '.join(ENDINGS)}"))
    if not file.is_file():
        raise UsageError(Fault(str(file), "no such file", "check the path"))
    of_task = {column: name for column, name in fields.items() if column not in BESIDE_FIELDS}
    source = Source(name="predict", uri=str(file), license="not a source", fields=of_task, **written)
    look = look_at(file, source, task)
    column = _text_column(task) if look.format == "txt" else None
    if faults := _faults(look, file, {column: "text"} if column else fields, task):
        raise UsageError(*faults)
    return _named(read_rows(file, source, look.format, _LONGEST), {column: "text"} if column else fields)


def _faults(look: Look, file: Path, fields: Mapping[str, str], task: Task) -> list[Fault]:
    """What was named and is not there; else whether there is nothing that the task could be asked."""
    if not look.columns:  # not one sound row, of which each will say what is wrong with it
        return []
    missing = look.missing(file.name, {f"--map {column}={name}": name for column, name in fields.items()})
    if not missing and any({*layout} <= {*look.columns, *fields} for layout in task.layouts):
        return []
    if faults := look.not_apart(file.name) or missing:
        return faults
    wanted = "; or ".join(" and ".join(layout) for layout in task.layouts)
    step = f"say with --map COLUMN=NAME which it is; its columns: {shown_names(look.columns)}"
    return [Fault(file.name, f"{task.name} is asked by {wanted}", step)]


def _named(rows: Iterator[FileRow], fields: Mapping[str, str]) -> Iterator[FileRow]:
    """The rows with the task's names for their columns beside their own."""
    for row in rows:
        own = {column: row.columns.get(name) for column, name in fields.items()}
        yield row if row.fault else replace(row, columns={**row.columns, **own})


def record_of(row: FileRow, task: Task) -> Record | RowFault:
    """The record to ask about, or why the row cannot be asked. What it says of the answer is left out."""
    if row.fault:
        return row.fault
    columns = {name: value for name, value in row.columns.items() if name in _columns(task)}
    columns, replaced = without_surrogates(columns)
    if replaced:
        return RowFault("bad_encoding", bytes=replaced)
    try:
        try:
            values = task.read_row(columns, None)
        except RowFault as fault:
            if fault.code != "no_reply":
                raise
            # A chat that ends with a question is broken as training data, and just what one asks.
            values = task.read_row({"prompt": columns.get("messages") or columns.get("conversations")}, None)
    except RowFault as fault:
        return fault
    return Record(str(row.place), "predict", str(row.place), task.schema, values)


def _columns(task: Task) -> set[str]:
    return {*_BESIDE, *(column for layout in task.layouts for column in layout)}


def _text_column(task: Task) -> str | None:
    return next((column for column in _ALONE if (column,) in task.layouts), None)
