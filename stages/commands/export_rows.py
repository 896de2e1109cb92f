"""Writing the rows of an export, and reading back what was written to check it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from stages.commands.export_source import Source
from stages.core.errors import CheckFailed, Fault
from stages.core.ledger import IdSet
from stages.core.progress import track
from stages.core.records import Record
from stages.core.storage import PIECE
from stages.methods.export.data_examples import Examples, LeftOut
from stages.methods.export.data_rules import RULES, LineFault, row_faults, validate
from stages.methods.export.data_table import TableRows
from stages.methods.export.formats import LINE_FORMATS, line_of, row_of

FORMATS = (*LINE_FORMATS, "datasets")
LINEAGE = "lineage.csv"
_ROW_GROUP = 1024
_SHOWN = 20


class Rows(Protocol):
    """Makes the rows of a format, and knows its rules."""

    def of(self, record: Record) -> dict[str, Any]:
        """The record as a row. Raises LeftOut."""
        ...

    def faults(self, row: dict[str, Any]) -> list[str]:
        """The codes of what is wrong with a row."""
        ...


class _LineRows:
    def __init__(self, format: str, examples: Examples) -> None:
        self._format, self._examples = format, examples

    def of(self, record: Record) -> dict[str, Any]:
        return row_of(self._format, self._examples.of(record))

    def faults(self, row: dict[str, Any]) -> list[str]:
        return row_faults(self._format, row)


class _LineFile:
    """One JSON object a line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def add(self, row: dict[str, Any]) -> None:
        self._file.write(line_of(row))

    def close(self) -> None:
        self._file.close()


class _TableFile:
    """A parquet file with the types of `datasets` in its schema."""

    def __init__(self, path: Path, features: Any) -> None:
        path.parent.mkdir(exist_ok=True)
        self._schema = features.arrow_schema
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._waiting.append(row)
        if len(self._waiting) == _ROW_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
            self._waiting = []


@dataclass
class Part:
    """What became of the records of one split. `file` is relative to the folder."""

    file: str
    given: IdSet = field(default_factory=IdSet)
    rows: IdSet = field(default_factory=IdSet)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Writing:
    """An export on its way: what to write and where."""

    source: Source
    format: str
    splits: Sequence[str]
    instruction: str | None
    folder: Path


class Export:
    """Writes the rows of some splits into a folder, with the record behind each, and checks the files."""

    def __init__(self, writing: Writing) -> None:
        self.writing, labels = writing, writing.source.labels()
        every = sorted({label for names in labels.values() for label in names})
        self.examples = Examples(writing.source.schema, every, writing.instruction)
        self._table = TableRows(writing.source.schema, labels) if writing.format == "datasets" else None
        self._rows: Rows = self._table or _LineRows(writing.format, self.examples)
        name = "data/{}-00000-of-00001.parquet" if self._table else "{}.jsonl"
        self.parts = {split: Part(name.format(split)) for split in writing.splits}

    def write(self) -> None:
        """Write all rows and `lineage.csv`. What breaks a rule of the format is left out, and counted."""
        source, folder = self.writing.source, self.writing.folder
        with ExitStack() as stack:
            file = stack.enter_context((folder / LINEAGE).open("w", encoding="utf-8", newline=""))
            lineage = csv.writer(file, lineterminator="\n")
            lineage.writerow(("id", "split", "file", "row", "left_out"))
            files = {split: self._open(part) for split, part in self.parts.items()}
            for rows in files.values():
                stack.callback(rows.close)
            pieces = -(-len(source.folder) // PIECE)
            for batch in track(source.folder.batches(source.schema), "export", pieces):
                for record in batch:
                    if record.split in files:
                        lineage.writerow(self._put(record, record.split, files[record.split]))

    def _open(self, part: Part) -> _LineFile | _TableFile:
        path = self.writing.folder / part.file
        return _TableFile(path, self._table.features()) if self._table else _LineFile(path)

    def _put(self, record: Record, split: str, file: _LineFile | _TableFile) -> tuple[str, str, str, int | str, str]:
        """Write a record; gives its line of lineage: where it stands, or why it does not."""
        part = self.parts[split]
        part.given.add(record.id)
        try:
            row = self._rows.of(record)
            if codes := self._rows.faults(row):
                raise LeftOut(codes[0])
        except LeftOut as left:
            part.left_out[left.code] += 1
            return record.id, split, "", "", left.code
        file.add(row)
        part.rows.add(record.id)
        return record.id, split, part.file, part.rows.count, ""

    def check(self) -> None:
        """Read every file back. Raises CheckFailed with what breaks the rules of the format."""
        faults = [
            _fault(part, one) for split, part in self.parts.items() for one in self._file_faults(split, part)[:_SHOWN]
        ]
        if faults:
            raise CheckFailed(*faults)

    def _file_faults(self, split: str, part: Part) -> list[LineFault]:
        path = self.writing.folder / part.file
        if not part.rows.count:
            return [LineFault(0, "nothing_left")]
        if self._table:
            return [
                LineFault(number, code)
                for number, row in enumerate(_table_rows(path), 1)
                for code in self._table.faults(row)
            ]
        with path.open("rb") as lines:
            return validate(self.writing.format, lines, training=split == "train")


_STEPS = {
    "nothing_left": "name the other splits with --split",
    "too_few": "add rows, or train with another program",
    "too_large": "take fewer rows: `ingest.limit` in params.yaml",
}


def _fault(part: Part, one: LineFault) -> Fault:
    """In words; what was left out before may be the reason."""
    left = ", ".join(f"{count:,} {code}" for code, count in sorted(part.left_out.items()))
    problem = RULES[one.code] + (f" (left out: {left})" if left and not one.line else "")
    return Fault(f"{part.file}:{one.line}" if one.line else part.file, problem, _STEPS.get(one.code, ""))


def _table_rows(path: Path) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROW_GROUP):
            yield from batch.to_pylist()
