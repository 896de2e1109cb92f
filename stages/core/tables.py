"""Records and events as rows of parquet files, and writing those files sorted, in row groups of a fixed size.

What is in a row group depends on the rows alone, not on the portions in which they came: the same rows are the same
bytes, whoever computed them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.core.records import Answer, Column, Kind, Message, Record, Schema, Span

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
_LAST = {
    "language": pa.string(),
    "confidence": pa.float64(),
    "attributes": pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())])),
}
_ROW_GROUP = 4096
_BUFFER = 2**26


def records_schema(schema: Schema) -> pa.Schema:
    """Columns of `records.parquet`: identity, then the task's own, then what stages learned about the row."""
    return pa.schema(
        [(name, pa.string()) for name in _FIRST]
        + [(column.name, _TYPES[column.kind]) for column in schema.columns]
        + list(_LAST.items())
    )


def records_table(records: Sequence[Record], schema: Schema) -> pa.Table:
    """Records as rows of `records.parquet`, in their order."""
    columns: dict[str, list[Any]] = {name: [getattr(record, name) for record in records] for name in (*_FIRST, *_LAST)}
    columns["attributes"] = [_pairs(record.attributes) for record in records]
    for column in schema.columns:
        columns[column.name] = [_cell(record.values[column.name], column) for record in records]
    return pa.table(columns, records_schema(schema))


def records_of(table: pa.Table, schema: Schema) -> list[Record]:
    """Rows of `records.parquet` as records; turns `records_table` round."""
    columns = {name: table.column(name).to_pylist() for name in records_schema(schema).names}
    values = zip(*([_value(cell, column) for cell in columns[column.name]] for column in schema.columns), strict=True)
    names = [column.name for column in schema.columns]
    first, last = zip(*(columns[n] for n in _FIRST), strict=True), zip(*(columns[n] for n in _LAST), strict=True)
    return [
        Record(
            id,
            source,
            row,
            schema,
            dict(zip(names, some, strict=True)),
            subject,
            group,
            split,
            language,
            sure,
            _named(pairs),
        )
        for (id, source, row, subject, group, split), some, (language, sure, pairs) in zip(
            first, values, last, strict=True
        )
    ]


def _pairs(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": attributes[name]} for name in sorted(attributes)]


def _named(pairs: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {pair["name"]: pair["value"] for pair in pairs or ()}


def _cell(value: Any, column: Column) -> Any:
    if column.kind in _PARTS and value is not None:
        return [{name: getattr(part, name) for name in part.__slots__} for part in value]
    return value


def _value(cell: Any, column: Column) -> Any:
    """A null list stays None: nobody annotated it, while an empty one says that there is nothing."""
    if cell is None:
        return None
    if column.kind in _PARTS:
        return tuple(_PARTS[column.kind](**part) for part in cell)
    return tuple(cell) if column.kind == "labels" else cell


def events_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of `events.parquet`."""
    return pa.Table.from_pylist(rows, schema=EVENTS)


class OrderedTable:
    """A parquet file whose rows come sorted by `keys` and are written as they come, 4,096 a row group.

    Raises ValueError for rows that are out of order and for two of one key, which would make lineage ambiguous.
    """

    def __init__(self, path: Path, schema: pa.Schema, keys: tuple[str, ...]) -> None:
        self.path, self._keys = path, list(keys)
        self._out = pq.ParquetWriter(path, schema, compression="zstd")
        self._waiting: pa.Table = schema.empty_table()
        self._last: pa.Table = self._waiting.select(self._keys)

    def append(self, table: pa.Table) -> None:
        """Take the rows that follow."""
        if not table.num_rows:
            return
        keys = table.select(self._keys)
        self._check_order(pa.concat_tables([self._last, keys]))
        self._last = keys.slice(table.num_rows - 1).combine_chunks()  # a copy: a slice would hold on to the whole
        self._waiting = pa.concat_tables([self._waiting, table])
        whole = self._waiting.num_rows - self._waiting.num_rows % _ROW_GROUP
        self._write(self._waiting.slice(0, whole))
        self._waiting = self._waiting.slice(whole)

    def close(self) -> None:
        """Write what is left; the file is complete."""
        self._write(self._waiting)
        self._out.close()

    def _write(self, table: pa.Table) -> None:
        for start in range(0, table.num_rows, _ROW_GROUP):
            # Pages end where chunks end: in one piece, they do not show how the rows came.
            self._out.write_table(table.slice(start, _ROW_GROUP).combine_chunks())

    def _check_order(self, keys: pa.Table) -> None:
        rows = keys.num_rows - 1
        below, same = pa.repeat(False, rows), pa.repeat(True, rows)
        for name in self._keys:
            one, next_one = keys.column(name).slice(0, rows), keys.column(name).slice(1)
            below = pc.or_(below, pc.and_(same, pc.less(one, next_one)))
            same = pc.and_(same, pc.equal(one, next_one))
        if pc.any(same).as_py():
            raise ValueError(f"{self.path.name}: two rows have the same {' and '.join(self._keys)}")
        if not pc.all(below, min_count=0).as_py():
            raise ValueError(f"{self.path.name}: rows are not in the order of {' and '.join(self._keys)}")


class SortedTable:
    """As `OrderedTable`, for rows that come in any order; the first of the keys is an id (hex digits).

    Up to 64 MiB are sorted in memory. Beyond that rows go to one file for each first digit of the id, and those are
    sorted one after the other: ids are hashes, so the sixteen parts are of about the same size.
    """

    def __init__(self, path: Path, schema: pa.Schema, keys: tuple[str, ...]) -> None:
        self._out = OrderedTable(path, schema, keys)
        self._schema, self._keys = schema, keys
        self._waiting: list[pa.Table] = []
        self._bytes = 0
        self._spill = path.parent / f".{path.name}.spill"
        self._parts: dict[str, pq.ParquetWriter] = {}

    def append(self, table: pa.Table) -> None:
        """Take some rows."""
        self._waiting.append(table)
        self._bytes += table.nbytes
        if self._bytes >= _BUFFER:
            self._flush()

    def close(self) -> None:
        """Sort what was taken and write the file."""
        if self._parts and self._waiting:
            self._flush()
        for writer in self._parts.values():
            writer.close()
        for name in sorted(self._parts):
            self._sorted_out(pq.read_table(self._spill / name))
        if self._waiting:
            self._sorted_out(pa.concat_tables(self._waiting))
        self._out.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def _sorted_out(self, table: pa.Table) -> None:
        self._out.append(table.sort_by([(key, "ascending") for key in self._keys]))

    def _flush(self) -> None:
        self._spill.mkdir(exist_ok=True)
        table = pa.concat_tables(self._waiting)
        self._waiting, self._bytes = [], 0
        first = pc.utf8_slice_codeunits(table.column(self._keys[0]), 0, 1)
        for name in pc.unique(first).to_pylist():
            if name not in self._parts:
                self._parts[name] = pq.ParquetWriter(self._spill / name, self._schema, compression="lz4")
            self._parts[name].write_table(table.filter(pc.equal(first, name)))
