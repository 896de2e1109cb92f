"""Rows of csv and tsv files, also of broken ones: a fault costs the row it stands in, not the rows after it."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from stages.core.errors import DataError, Fault
from stages.core.lines import Line, read_lines
from stages.core.params import Source
from stages.core.rows import FileRow, shown_names, unreadable

Cells = list[str] | None
_SHORT = 4096
"""Characters of a record that may always be read again."""


def read_delimited(path: Path, format: str, source: Source, longest: int) -> Iterator[FileRow]:
    """The rows of a csv or tsv file; the source's `columns` name them where it has no header. An empty cell is None.

    Blank lines hold no row. A row with more or fewer cells than the header, or with misplaced quotes, has a fault.
    Raises DataError for a file without a header or with a column named twice.
    """
    # The module's limit is for the whole process; lines are bounded already, so it only has to be out of the way.
    csv.field_size_limit(max(csv.field_size_limit(), 2 * longest + 2))
    lines = read_lines(path, source.encoding, longest)
    if format == "csv":
        records = _csv(lines, longest, source.delimiter or ",")
    else:
        records = _tsv(lines, source.delimiter or "\t")
    names = source.columns or _header(path, records)
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
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        problem = f"the header names {shown_names(twice)} more than once"
        raise DataError(Fault(path.name, problem, "rename the columns, so that each has one meaning"))
    return names


def _csv(lines: Iterator[Line], longest: int, delimiter: str) -> Iterator[tuple[Line, Cells]]:
    """Records with their first line; None for cells that cannot be told apart.

    A quote that is never closed would swallow the rest of the file, rows and all. Strict parsing notices at the next
    quote or at the end; then only the first line is given up, and reading goes on with the one after it.
    """
    feed = _Feed(lines, 2 * longest)
    reader = csv.reader(feed, strict=True, delimiter=delimiter)
    while True:
        feed.start()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            reader = csv.reader(feed, strict=True, delimiter=delimiter)
            yield feed.give_up(), None
            continue
        feed.done()
        if cells:
            yield feed.taken[0], cells


class _Feed(Iterator[str]):
    """Lines for the csv module: remembers those of the record under way and can give lines a second time.

    A file can be such that every line opens a quote which no line closes, and to read on to the limit after each of
    them would take days. So a long record that comes to nothing halves how far the next ones are followed, and a long
    one that ends well doubles it again.
    """

    def __init__(self, lines: Iterator[Line], most: int) -> None:
        self.lines, self.most = lines, most
        self.taken: list[Line] = []
        self.again: deque[Line] = deque()
        self.chars = 0
        self.patience = most

    def start(self) -> None:
        """The next line begins a record."""
        self.taken.clear()
        self.chars = 0

    def done(self) -> None:
        """The record is complete."""
        if self.chars > self.patience // 2:
            self.patience = min(self.most, 2 * self.patience)

    def give_up(self) -> Line:
        """The first line of a record that comes to nothing; those after it are given again."""
        if self.chars > _SHORT:
            self.patience = max(_SHORT, self.patience // 2)
        first, *rest = self.taken
        self.again.extendleft(reversed(rest))
        return first

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else next(self.lines)
        self.taken.append(line)
        self.chars += len(line.text)
        if not line.whole or (self.chars > self.patience and len(self.taken) > 1):
            raise csv.Error
        return line.text


def _tsv(lines: Iterable[Line], delimiter: str) -> Iterator[tuple[Line, Cells]]:
    """A record a line. Quotes around a cell are taken off where the whole line agrees with that (as pandas writes it).

    Elsewhere a quote is a character like any other, as IANA's text/tab-separated-values has it.
    """
    for line in lines:
        text = line.text.rstrip("\r\n")
        if not line.whole:
            yield line, None
        elif text:
            yield line, _cells(text, delimiter)


def _cells(text: str, delimiter: str) -> list[str]:
    if '"' in text:
        try:
            return next(csv.reader([text], strict=True, delimiter=delimiter))
        except csv.Error:
            pass
    return text.split(delimiter)
