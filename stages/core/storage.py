"""The files of a stage folder: `records.parquet`, `events.parquet`, `manifest.json`, and whatever an artifact adds.

A folder is written beside its place and swapped in when it is complete, so that a kill at any moment leaves the old
folder or the new one, never half of one.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.errors import DataError, Fault
from stages.core.records import Answer, Column, Kind, Message, Record, Schema, Span
from stages.core.tables import SortedTable

_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "label": pa.string(),
    "labels": pa.list_(pa.string()),
    "spans": pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])),
    "answers": pa.list_(pa.struct([("start", pa.int32()), ("text", pa.string())])),
    "messages": pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
}
_PARTS: dict[Kind, Any] = {"spans": Span, "answers": Answer, "messages": Message}
EVENTS = pa.schema(
    [
        ("id", pa.string()),
        ("seq", pa.int32()),
        ("action", pa.string()),
        ("reason", pa.string()),
        ("evidence", pa.string()),
    ]
)
_FIRST = ("id", "source", "source_row", "subject", "group", "split")
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def records_schema(schema: Schema) -> pa.Schema:
    """Columns of `records.parquet`: identity, then the task's own, then what stages learned about the row."""
    return pa.schema(
        [(name, pa.string()) for name in _FIRST]
        + [(column.name, _TYPES[column.kind]) for column in schema.columns]
        + [("language", pa.string()), ("confidence", pa.float64())]
    )


def row_of(record: Record) -> dict[str, Any]:
    """A record as a row of `records.parquet`."""
    row: dict[str, Any] = {name: getattr(record, name) for name in (*_FIRST, "language", "confidence")}
    for column in record.schema.columns:
        value = record.values[column.name]
        if column.kind in _PARTS:
            value = [{name: getattr(part, name) for name in part.__slots__} for part in value]
        row[column.name] = value
    return row


def record_of(row: Mapping[str, Any], schema: Schema) -> Record:
    """A row of `records.parquet` as a record."""
    values = {column.name: _value_of(row[column.name], column) for column in schema.columns}
    own = {name: row[name] for name in (*_FIRST, "language", "confidence")}
    return Record(schema=schema, values=values, **own)


def _value_of(value: Any, column: Column) -> Any:
    if column.kind in _PARTS:
        return tuple(_PARTS[column.kind](**part) for part in value or ())
    return tuple(value or ()) if column.kind == "labels" else value


class StageFolder:
    """A finished stage folder. Raises DataError, naming the file and the next step, for one that cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The folder's `manifest.json`."""
        file = self.path / "manifest.json"
        try:
            manifest = json.loads(file.read_bytes())
            if not isinstance(manifest["stage"], str):
                raise KeyError("stage")
        except FileNotFoundError:
            problem = "no such file: the stage that writes it has not finished"
            raise DataError(Fault(str(file), problem, "run `dvc repro`, or that stage")) from None
        except (OSError, ValueError, TypeError, KeyError):
            raise DataError(Fault(str(file), "is not a manifest", "run `dvc repro --force` for that stage")) from None
        return dict(manifest)

    @property
    def stage(self) -> str:
        """Name of the stage that wrote the folder."""
        return str(self.manifest["stage"])

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest: the next link of the chain holds on to this."""
        return sha256_of(self.path / "manifest.json")

    def table(self, name: str = "records.parquet", columns: list[str] | None = None) -> pa.Table:
        """A parquet file of the folder, or some of its columns. For what fits in memory: ids, labels, events."""
        with _reading(self.path / name) as file:
            return file.read(columns=columns)

    def json(self, name: str) -> Any:
        """A JSON file of the folder. Raises DataError when it is missing or cannot be parsed."""
        try:
            return json.loads((self.path / name).read_bytes())
        except (OSError, ValueError):
            step = f"run `dvc repro --force {self.stage}`"
            raise DataError(Fault(str(self.path / name), "is missing or is not JSON", step)) from None

    def batches(self, schema: Schema, size: int = 512) -> Iterator[list[Record]]:
        """The records in order of id, `size` at a time: what long work goes through."""
        path = self.path / "records.parquet"
        wanted = [field.name for field in records_schema(schema)]
        with _reading(path) as file:
            missing = sorted(set(wanted) - set(file.schema_arrow.names))
            if missing:
                problem = f"lacks the column {', '.join(missing)}: it was made for another task"
                raise DataError(Fault(str(path), problem, "set `task` as it was, or run `dvc repro` from ingest on"))
            for batch in file.iter_batches(batch_size=size, columns=wanted):
                yield [record_of(row, schema) for row in batch.to_pylist()]

    def records(self, schema: Schema) -> Iterator[Record]:
        """The records in order of id, one at a time."""
        for batch in self.batches(schema):
            yield from batch

    def __len__(self) -> int:
        with _reading(self.path / "records.parquet") as file:
            return int(file.metadata.num_rows)


class _reading:  # noqa: N801 - reads as a word at the call
    """Open a parquet file, and turn what can be wrong with it into a message."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> pq.ParquetFile:
        try:
            self.file = pq.ParquetFile(self.path)
        except (OSError, pa.ArrowException) as error:
            raise self._fault(error) from None
        return self.file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.file.close()
        if isinstance(error, pa.ArrowException | OSError) and not isinstance(error, KeyError):
            raise self._fault(error) from None

    def _fault(self, error: BaseException) -> DataError:
        problem = "no such file" if isinstance(error, FileNotFoundError) else "is not a readable parquet file"
        return DataError(
            Fault(str(self.path), problem, "`dvc checkout` brings back the last good one, or run `dvc repro`")
        )


class FolderWriter:
    """Write a stage folder; used as a context manager, swapped in when the block ends without an error."""

    def __init__(self, path: Path, schema: Schema | None) -> None:
        self.path = path
        self.work = path.parent / f".{path.name}.new"
        self._schema = schema

    def __enter__(self) -> Self:
        recover(self.path)
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self._events = SortedTable(self.work / "events.parquet", EVENTS, ("id", "seq"))
        self._records = None
        if self._schema is not None:
            self._records = SortedTable(self.work / "records.parquet", records_schema(self._schema), ("id",))
        return self

    def add(self, record: Record) -> None:
        """Write one record."""
        assert self._records is not None, "an artifact stage writes no records"
        self._records.add(row_of(record))

    def add_events(self, rows: list[dict[str, Any]]) -> None:
        """Write rows of events."""
        for row in rows:
            self._events.add(row)

    def finish_tables(self) -> None:
        """Sort and close the parquet files; after this they can be read."""
        self._events.close()
        if self._records is not None:
            self._records.close()

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Add the digests of all files to the manifest and write it: the last file, so its presence means complete."""
        files = {name: sha256_of(self.work / name) for name in files_below(self.work)}
        write_json(self.work / "manifest.json", {**manifest, "files": files})

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            swap(self.work, self.path)
        else:
            shutil.rmtree(self.work, ignore_errors=True)


def files_below(folder: Path) -> list[str]:
    """Names of all files below a folder, relative to it, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def swap(new: Path, place: Path) -> None:
    """Put a finished folder in its place in one step and delete the one that stood there."""
    if place.exists() and not _exchange(new, place):
        # Without renameat2 there is a moment with neither; `recover` mends a kill in that moment.
        old = place.parent / f".{place.name}.old"
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    elif new.exists() and not place.exists():
        new.rename(place)
    shutil.rmtree(new, ignore_errors=True)


def recover(place: Path) -> None:
    """Bring back the old folder after a kill between the two renames of `swap`."""
    old = place.parent / f".{place.name}.old"
    if old.exists() and not place.exists():
        old.rename(place)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths atomically (Linux's renameat2); False where the system or file system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    done = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return int(done) == 0


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """JSON with sorted keys and a final newline, swapped in whole; refuses NaN and infinity."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.parent / f".{path.name}.new"
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
