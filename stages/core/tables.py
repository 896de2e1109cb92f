"""Write a parquet file sorted by key without holding all of its rows in memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_ROW_GROUP = 4096
_BUFFER = 65_536
_BUCKETS = "0123456789abcdef"


class SortedTable:
    """Rows come in any order and leave sorted by `keys`, the first of which is an id (hex digits).

    Up to 65,536 rows are sorted in memory. Beyond that they go to one file for each first digit of the id, and those
    are sorted one after the other: ids are hashes, so the sixteen parts are of about the same size.
    """

    def __init__(self, path: Path, schema: pa.Schema, keys: tuple[str, ...]) -> None:
        self.path, self.schema = path, schema
        self._keys = [(key, "ascending") for key in keys]
        self._id = keys[0]
        self._rows: list[dict[str, Any]] = []
        self._spill = path.parent / f".{path.name}.spill"
        self._writers: dict[str, pq.ParquetWriter] = {}

    def add(self, row: dict[str, Any]) -> None:
        """Take one row."""
        self._rows.append(row)
        if len(self._rows) >= _BUFFER:
            self._flush()

    def close(self) -> None:
        """Sort what was taken and write the file."""
        with pq.ParquetWriter(self.path, self.schema, compression="zstd") as out:
            if not self._writers:
                self._write(out, pa.Table.from_pylist(self._rows, schema=self.schema))
            else:
                self._flush()
                for writer in self._writers.values():
                    writer.close()
                for name in _BUCKETS:
                    if name in self._writers:
                        self._write(out, pq.read_table(self._spill / name))
        self._rows.clear()
        shutil.rmtree(self._spill, ignore_errors=True)

    def _write(self, out: pq.ParquetWriter, table: pa.Table) -> None:
        if table.num_rows:
            table = table.sort_by(self._keys).combine_chunks()
            self._refuse_repeats(table)
            out.write_table(table, row_group_size=_ROW_GROUP)

    def _refuse_repeats(self, table: pa.Table) -> None:
        """Two rows of one key would make lineage ambiguous; sorted, they stand side by side."""
        same = pa.array([True] * (table.num_rows - 1), pa.bool_())
        for key, _ in self._keys:
            column = table.column(key)
            same = pc.and_(same, pc.equal(column.slice(1), column.slice(0, table.num_rows - 1)))
        if pc.any(same).as_py():
            names = " and ".join(key for key, _ in self._keys)
            raise ValueError(f"{self.path.name}: two rows have the same {names}")

    def _flush(self) -> None:
        self._spill.mkdir(exist_ok=True)
        parts: dict[str, list[dict[str, Any]]] = {}
        for row in self._rows:
            parts.setdefault(row[self._id][0], []).append(row)
        for name, rows in sorted(parts.items()):
            if name not in self._writers:
                self._writers[name] = pq.ParquetWriter(self._spill / name, self.schema, compression="lz4")
            self._writers[name].write_table(pa.Table.from_pylist(rows, schema=self.schema))
        self._rows.clear()
