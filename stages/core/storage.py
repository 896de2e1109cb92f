"""The files of a stage folder: `records.parquet`, `events.parquet`, `manifest.json`, and whatever an artifact adds.

A folder is written beside its place and swapped in when it is complete, so that a kill at any moment leaves the old
folder or the new one, never half of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stages.core.errors import DataError, Fault
from stages.core.exhausted import what_ran_out
from stages.core.placing import new_folder
from stages.core.records import Record, Schema
from stages.core.tables import EVENTS, OrderedTable, SortedTable, records_of, records_schema, records_table

PIECE = 512
"""Records that travel together: enough to spread the cost of a task, few enough to keep all workers busy."""
_EVENTS = 65_536
"""Rows of a table that are looked at together."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring rows of a `records.parquet`, by place: workers read them, and no text travels to them.

    `position` is the row number of its first record in the folder. The rows are `rows` of row group `group`, from its
    row `start` on; `size` is the file's size in bytes.
    """

    path: Path
    size: int
    position: int
    group: int
    start: int
    rows: int

    def __len__(self) -> int:
        return self.rows

    def records(self, schema: Schema, offsets: Sequence[int] | NDArray[np.int64] | None = None) -> list[Record]:
        """The records, or only those at these offsets within the piece. Raises DataError as `StageFolder` does."""
        table = self._table(tuple(records_schema(schema).names))
        return records_of(table if offsets is None else table.take(pa.array(offsets, pa.int64())), schema)

    def ids(self) -> list[str]:
        """Ids of the records."""
        ids: list[str] = self._table(("id",)).column("id").to_pylist()
        return ids

    def _table(self, columns: tuple[str, ...]) -> pa.Table:
        return _row_group(self.path, self._stamp(), self.group, columns).slice(self.start, self.rows)

    def _stamp(self) -> tuple[int, int]:
        """What tells the file from a later one at its place. Raises DataError when it is not the one of the piece."""
        try:
            found = self.path.stat()
        except OSError:
            found = None
        if found is None or found.st_size != self.size:
            problem = f"a worker finds {'no' if found is None else 'another'} file here than the process it works for"
            step = "let every node of the cluster see the same files under the same path, or set engine.kind to local"
            raise DataError(Fault(str(self.path.absolute()), problem, step))
        return found.st_ino, found.st_mtime_ns


@lru_cache(maxsize=2)
def _row_group(path: Path, _: tuple[int, int], group: int, columns: tuple[str, ...]) -> pa.Table:
    """Row groups read last, kept (one for ids, one for records): a worker's pieces mostly follow one another."""
    with _reading(path) as file:
        if missing := sorted(set(columns) - set(file.schema_arrow.names)):
            problem = f"lacks the column {', '.join(missing)}: it was made for another task"
            raise DataError(Fault(str(path), problem, "set `task` as it was, or run `dvc repro` from ingest on"))
        return file.read_row_group(group, columns=list(columns))


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
            raise self._no_manifest() from None
        return dict(manifest)

    @property
    def stage(self) -> str:
        """Name of the stage that wrote the folder."""
        return str(self.manifest["stage"])

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest: the next link of the chain holds on to this."""
        return sha256_of(self.path / "manifest.json")

    def altered(self) -> Iterator[Fault]:
        """What is missing or is not what the stage wrote, by the manifest. Reads every byte. Raises DataError."""
        try:
            listed = {str(name): str(digest) for name, digest in self.manifest["files"].items()}
        except (KeyError, AttributeError):
            raise self._no_manifest() from None
        yield from other_files(self.path, listed, f"`rm -r {self.path}; dvc checkout {self.path}` brings it back")

    def _no_manifest(self) -> DataError:
        step = "run `dvc repro --force` for that stage"
        return DataError(Fault(str(self.path / "manifest.json"), "is not a manifest", step))

    def table(self, name: str = "records.parquet", columns: list[str] | None = None) -> pa.Table:
        """A parquet file of the folder, or some of its columns. For what fits in memory: ids, labels, events."""
        with _reading(self.path / name) as file:
            return file.read(columns=columns)

    def tables(self, name: str, columns: list[str]) -> Iterator[pa.Table]:
        """Some columns of a parquet file, a piece at a time."""
        with _reading(self.path / name) as file:
            for batch in file.iter_batches(columns=columns, batch_size=_EVENTS):
                yield pa.Table.from_batches([batch])

    def json(self, name: str) -> Any:
        """A JSON file of the folder. Raises DataError when it is missing or cannot be parsed."""
        try:
            return json.loads((self.path / name).read_bytes())
        except (OSError, ValueError):
            step = f"run `dvc repro --force {self.stage}`"
            raise DataError(Fault(str(self.path / name), "is missing or is not JSON", step)) from None

    def pieces(self, size: int = PIECE) -> Iterator[Piece]:
        """The records by place, in order of id, at most `size` a piece; a piece lies within one row group."""
        path = self.path / "records.parquet"
        with _reading(path) as file:
            groups = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
            length = path.stat().st_size
        position = 0
        for group, rows in enumerate(groups):
            for start in range(0, rows, size):
                yield Piece(path, length, position + start, group, start, min(size, rows - start))
            position += rows

    def with_evidence(self, pieces: Iterable[Piece]) -> Iterator[tuple[Piece, dict[str, list[dict[str, Any]]]]]:
        """Pieces of this folder or of its input, each with the evidence of this folder's events, in order, by id.

        Both come in order of id, so that only a piece's events are in memory at a time. Ids without an event are left
        out.
        """
        events = groupby(self._evidence(), key=itemgetter(0))
        id, some = next(events, ("", iter(())))
        for piece in pieces:
            last, found = piece.ids()[-1], {}
            while id and id <= last:
                found[id] = [json.loads(evidence) for _, evidence in some]
                id, some = next(events, ("", iter(())))
            yield piece, found

    def _evidence(self) -> Iterator[tuple[str, str]]:
        with _reading(self.path / "events.parquet") as file:
            for batch in file.iter_batches(columns=["id", "evidence"], batch_size=4096):
                yield from zip(batch.column("id").to_pylist(), batch.column("evidence").to_pylist(), strict=True)

    def batches(self, schema: Schema, size: int = PIECE) -> Iterator[list[Record]]:
        """The records of `pieces`: what long work in this process goes through."""
        for piece in self.pieces(size):
            yield piece.records(schema)

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

    def _fault(self, error: Exception) -> Exception:
        if what_ran_out(error):
            return error  # nothing is wrong with the file
        problem = "no such file" if isinstance(error, FileNotFoundError) else "is not a readable parquet file"
        return DataError(
            Fault(str(self.path), problem, "`dvc checkout` brings back the last good one, or run `dvc repro`")
        )


class FolderWriter:
    """Write a stage folder; used as a context manager, swapped in when the block ends without an error.

    Without a `schema` it holds no records. With `in_order`, rows come sorted by id and are written as they come.
    """

    def __init__(self, path: Path, schema: Schema | None, *, in_order: bool = False) -> None:
        self.path = path
        self._in_order = in_order
        self._schema = schema

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.work = stack.enter_context(new_folder(self.path))
            table = OrderedTable if self._in_order else SortedTable
            self._events = table(self.work / "events.parquet", EVENTS, ("id", "seq"))
            self._records = None
            if self._schema is not None:
                self._records = table(self.work / "records.parquet", records_schema(self._schema), ("id",))
            self._stack = stack.pop_all()
        return self

    def append(self, events: pa.Table, records: pa.Table | None = None) -> None:
        """Write rows of events and records."""
        self._events.append(events)
        if records is not None:
            assert self._records is not None, "an artifact stage writes no records"
            self._records.append(records)

    def add(self, record: Record) -> None:
        """Write one record without an event."""
        self.append(EVENTS.empty_table(), records_table([record], record.schema))

    def finish_tables(self) -> None:
        """Sort and close the parquet files; after this they can be read."""
        self._events.close()
        if self._records is not None:
            self._records.close()

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Add the digests of all files to the manifest and write it: the last file, so its presence means complete."""
        files = {name: sha256_of(self.work / name) for name in files_below(self.work)}
        write_json(self.work / "manifest.json", {**manifest, "files": files})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def other_files(folder: Path, listed: Mapping[str, str], step: str) -> Iterator[Fault]:
    """Which of the files that a manifest lists with their SHA-256 are missing, or are others. Raises OSError."""
    for name, digest in listed.items():
        if not (folder / name).is_file():
            yield Fault(str(folder / name), "is missing, and the folder's manifest names it", step)
        elif sha256_of(folder / name) != digest:
            yield Fault(str(folder / name), "was altered: it has other bytes than the folder's manifest says", step)


def files_below(folder: Path) -> list[str]:
    """Names of all files below a folder, relative to it, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


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
