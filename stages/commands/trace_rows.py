"""Rows of large parquet files without reading all of them: by id, or by what one column holds.

Stage files are sorted by id in row groups of 4,096, and the footer names each group's first and last id. A search reads
one column, a row group at a time: memory does not grow with the file.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, reduce
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.core.errors import DataError, Fault

Row = dict[str, Any]


def rows_of(path: Path, ids: Sequence[str], columns: Sequence[str]) -> dict[str, list[Row]]:
    """Rows by id, in the file's order. Columns that the file lacks are left out; without a file there are no rows."""
    found: dict[str, list[Row]] = defaultdict(list)
    with _opened(path) as file:
        for group, some in _holding(file, ids) if file else ():
            for row in _chosen(file, group, "id", partial(pc.is_in, value_set=_strings(some)), columns):
                found[row["id"]].append(row)
    return dict(found)


def ids_from(path: Path, prefix: str) -> set[str]:
    """All ids of the file that start with these hex digits."""
    with _opened(path) as file:
        # "g" comes right after the hex digits, so this is the range of all ids with the prefix.
        groups = _between(file, prefix, prefix + "g") if file else ()
        rows = (_chosen(file, group, "id", partial(pc.starts_with, pattern=prefix), ()) for group in groups)
        return {row["id"] for some in rows for row in some}


def search(
    path: Path, column: str, words: Sequence[str], columns: Sequence[str] = (), *, whole: bool = False
) -> Iterator[Row]:
    """Rows (`id` and `columns`) whose column holds one of the words, or with `whole` is one; reads the whole column."""

    def mask(values: pa.ChunkedArray) -> Any:
        # A look into the bytes of a row group is many times faster than one into each row, and most hold nothing.
        if not any(word.encode() in chunk for word in words for chunk in _bytes(values)):
            return None
        return pc.is_in(values, _strings(words)) if whole else _holding_one(values, words)

    with _opened(path) as file:
        for group in range(file.metadata.num_row_groups) if file else ():
            yield from _chosen(file, group, column, mask, columns)


def _chosen(
    file: pq.ParquetFile, group: int, column: str, mask: Callable[[pa.ChunkedArray], Any], columns: Sequence[str]
) -> list[Row]:
    """The rows of a row group that the mask of one column chooses; the other columns are read only where there are."""
    values = _read(file, group, [column])
    chosen = mask(values[column])
    if chosen is None or not pc.any(chosen).as_py():
        return []
    others = [name for name in dict.fromkeys(["id", *columns]) if name != column]
    table = _read(file, group, others).append_column(column, values[column]) if others else values
    rows: list[Row] = table.filter(chosen).to_pylist()
    return rows


def _strings(words: Sequence[str]) -> pa.Array:
    """As `pa.array`, which imports pandas to see whether it was given something of it: a fifth of a second."""
    encoded = [word.encode() for word in words]
    offsets = array("i", accumulate(map(len, encoded), initial=0))
    return pa.StringArray.from_buffers(len(words), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def _holding_one(values: pa.ChunkedArray, words: Sequence[str]) -> Any:
    return reduce(pc.or_, (pc.match_substring(values, word) for word in words))


def _bytes(values: pa.ChunkedArray) -> list[bytes]:
    buffers = (chunk.buffers()[2] for chunk in values.chunks)
    return [buffer.to_pybytes() for buffer in buffers if buffer is not None]


def _read(file: pq.ParquetFile, group: int, columns: Sequence[str]) -> pa.Table:
    names = [name for name in columns if name in file.schema_arrow.names]
    return file.read_row_group(group, columns=names, use_threads=False)


def _holding(file: pq.ParquetFile, ids: Sequence[str]) -> list[tuple[int, list[str]]]:
    """The row groups that can hold some of the ids, each with those."""
    found: dict[int, list[str]] = defaultdict(list)
    for id in sorted(set(ids)):
        for group in _between(file, id, id):
            found[group].append(id)
    return sorted(found.items())


def _between(file: pq.ParquetFile, first: str, last: str) -> Iterator[int]:
    """The row groups that can hold ids from `first` to `last`, by the footer's bounds."""
    count = file.metadata.num_row_groups
    group = bisect_left(range(count), first, key=lambda at: _bounds(file, at).max)
    while group < count and _bounds(file, group).min <= last:
        yield group
        group += 1


def _bounds(file: pq.ParquetFile, group: int) -> Any:
    return file.metadata.row_group(group).column(0).statistics  # the id comes first in every file


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile | None]:
    """The file, or None where there is none. Raises DataError when it cannot be read."""
    if not path.exists():
        yield None
        return
    try:
        with pq.ParquetFile(path, pre_buffer=True) as file:
            yield file
    except (OSError, pa.ArrowException, KeyError, TypeError, AttributeError):
        # The last three: it is parquet, with other columns, or columns of other types, than a stage writes.
        step = "`dvc checkout` brings back the last good one, or run `dvc repro`"
        raise DataError(Fault(str(path), "is not a parquet file that a stage wrote", step)) from None
