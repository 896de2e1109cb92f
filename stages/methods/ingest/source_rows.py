"""The rows of a source, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stages.core.params import Source
from stages.core.rows import FileRow
from stages.core.sources import SourceFile, file_rows, is_hub, require_columns
from stages.methods.ingest.hub_dataset import hub_rows


def source_rows(
    source: Source, files: Sequence[SourceFile], max_chars: int, layouts: Sequence[set[str]]
) -> Iterator[FileRow]:
    """The rows of one source; `files` are those of all sources. Raises DataError when its columns fit no layout."""
    if is_hub(source):
        rows = (FileRow(place, columns) for place, columns in enumerate(hub_rows(source.uri), 1))
        return require_columns(rows, layouts, source.uri, at_once=True)
    return file_rows(source, [file for file in files if file.source.name == source.name], max_chars, layouts)
