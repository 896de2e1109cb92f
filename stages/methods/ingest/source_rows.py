"""The rows of a source, wherever they come from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stages.core.hub import is_hub
from stages.core.params import Source
from stages.core.rows import FileRow
from stages.core.sources import SourceFile, file_rows, require_columns
from stages.methods.ingest.hub_dataset import hub_rows


def source_rows(
    source: Source, files: Sequence[SourceFile], max_chars: int, layouts: Sequence[set[str]]
) -> Iterator[FileRow]:
    """The rows of one source; `files` are those of all sources. Raises DataError when its columns fit no layout.

    A name in the source's `fields` such as `translation.de` is `de` in the column `translation`, unless a column is
    named so; the row has it as a column of its own.
    """
    dotted = {name for name in source.fields.values() if "." in name}
    if not dotted:
        return _rows(source, files, max_chars, layouts)
    around = {name.partition(".")[0] for name in dotted}
    rows = _rows(source, files, max_chars, [*layouts, *(layout - dotted | around for layout in layouts)])
    # Its content stays what the file says, so that ids do not depend on what is looked for.
    return (replace(row, columns={**_inside(row.columns, dotted), **row.columns}, raw=row.content()) for row in rows)


def _rows(
    source: Source, files: Sequence[SourceFile], max_chars: int, layouts: Sequence[set[str]]
) -> Iterator[FileRow]:
    if is_hub(source.uri):
        rows = (FileRow(place, columns) for place, columns in enumerate(hub_rows(source.uri), 1))
        return require_columns(rows, layouts, source.uri, at_once=True)
    return file_rows(source, [file for file in files if file.source.name == source.name], max_chars, layouts)


def _inside(columns: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """What stands under each dotted name; those are left out that lead nowhere."""
    found = {}
    for name in names:
        value: Any = columns
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            found[name] = value
    return found
