"""Rows of csv and tsv files, also of broken ones: a fault costs the row it stands in, not the rows after it."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.lines import Line, read_lines
from stages.core.rows import FileRow, shown_names, unreadable

Cells = list[str] | None


def read_delimited(
    path: Path, format: str, encoding: str, columns: list[str] | None, longest: int
) -> Iterator[FileRow]:
    """The rows of a csv or tsv file, `columns` naming them where there is no header. An empty cell is None.

    Blank lines hold no row. A row with more or fewer cells than the header, or with misplaced quotes, has a fault.
    Raises DataError for a file without a header or with a column named twice.
    """
    # The module's limit is for the whole process; lines are bounded already, so it only has to be out of the way.
    csv.field_size_limit(max(csv.field_size_limit(), 2 * longest + 2))
    lines = read_lines(path, encoding, longest)
    records = _csv(lines, longest) if format == "csv" else _tsv(lines)
    names = columns or _header(path, records)
    for line, cells in records:
        if not line.whole:
            yield unreadable(line.number, line.text, "too_long")
        elif cells is None:
            yield unreadable(line.number, line.text, "malformed_row", problem="not_csv")
        elif len(cells) != len(names):
            raw = "\x1f".join(cells)
            yield unreadable(line.number, raw, "malformed_row", problem="cells", cells=len(cells), expected=len(names))
        else:
            yield FileRow(line.number, {name: cell or None for name, cell in zip(names, cells, strict=True)})


def _header(path: Path, records: Iterator[tuple[Line, Cells]]) -> list[str]:
    line, names = next(records, (None, None))
    if line is None:
        raise DataError(Fault(path.name, "is empty", "name another file, or leave the source out"))
    if names is None or not line.whole:
        raise DataError(Fault(path.name, "its header cannot be read", "mend line 1, or name the `columns`"))
    names = [name.strip() for name in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problem = f"the header names {shown_names(twice)} more than once"
        raise DataError(Fault(path.name, problem, "rename the columns, so that each has one meaning"))
    return names


def _csv(lines: Iterator[Line], longest: int) -> Iterator[tuple[Line, Cells]]:
    """Records with their first line; None for cells that cannot be told apart.

    A quote that is never closed would swallow the rest of the file, rows and all. Strict parsing notices at the next
    quote or at the end; then only the first line is given up, and reading goes on with the one after it.
    """
    feed = _Feed(lines, longest)
    reader = csv.reader(feed, strict=True)
    while True:
        feed.start()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            first, *rest = feed.taken
            feed.again.extendleft(reversed(rest))
            reader = csv.reader(feed, strict=True)
            yield first, None
            continue
        if cells:
            yield feed.taken[0], cells


class _Feed(Iterator[str]):
    """Lines for the csv module: remembers those of the record under way and can give lines a second time."""

    def __init__(self, lines: Iterator[Line], longest: int) -> None:
        self.lines, self.longest = lines, longest
        self.taken: list[Line] = []
        self.again: deque[Line] = deque()
        self.chars = 0

    def start(self) -> None:
        """The next line begins a record."""
        self.taken.clear()
        self.chars = 0

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else next(self.lines)
        self.taken.append(line)
        self.chars += len(line.text)
        if not line.whole or self.chars > 2 * self.longest:
            raise csv.Error
        return line.text


def _tsv(lines: Iterable[Line]) -> Iterator[tuple[Line, Cells]]:
    """A record a line. Quotes around a cell are taken off where the whole line agrees with that (as pandas writes it).

    Elsewhere a quote is a character like any other, as IANA's text/tab-separated-values has it.
    """
    for line in lines:
        text = line.text.rstrip("\r\n")
        if not line.whole:
            yield line, None
        elif text:
            yield line, _cells(text)


def _cells(text: str) -> list[str]:
    options: dict[str, Any] = {"delimiter": "\t", "strict": True}
    if '"' in text:
        try:
            return next(csv.reader([text], **options))
        except csv.Error:
            pass
    return text.split("\t")
