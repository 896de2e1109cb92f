"""Rows of parquet files, also of those made to fill a memory: a few bytes there can stand for any number of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.rows import FileRow, shown_names

_BATCH = 1024
_AT_ONCE = 2**26
"""Bytes that are turned into Python's values at once, about; `_ROW` is the least that a row takes there."""
_ROW = 64
_PLAUSIBLE = 2**30
"""Bytes that any file may come to, and how many times its own size a larger one."""
_TIMES = 1000


def read_parquet(path: Path) -> Iterator[FileRow]:
    """The rows of a parquet file. A date that Python has no value for is given as text.

    Raises DataError for a file that is broken, names a column twice or comes to more than 1 GB and a thousand times its
    own size: text is packed to a tenth, and what is packed so much better is no data but a trap.
    """
    import pyarrow as pa

    try:
        yield from _rows(path)
    except (pa.ArrowException, UnicodeDecodeError, OSError):
        problem = "is not a readable parquet file with UTF-8 strings"
        raise DataError(Fault(path.name, problem, "write it again")) from None


def _rows(path: Path) -> Iterator[FileRow]:
    import pyarrow.parquet as pq

    budget = _Budget(path)
    with pq.ParquetFile(path) as file:
        _refuse_repeated(path, file.schema_arrow.names)
        budget.spend(_ROW * file.metadata.num_rows, path)
        groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
        chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
        budget.allow(max((chunk.total_uncompressed_size for chunk in chunks), default=0), path)
        # A text that many rows have in common is held once, and the others are numbers.
        texts = {chunk.path_in_schema for chunk in chunks if chunk.physical_type == "BYTE_ARRAY"}
    place = 0
    with pq.ParquetFile(path, read_dictionary=sorted(texts)) as file:
        for batch in file.iter_batches(batch_size=_BATCH):
            size = sum(map(_unpacked, batch.columns))
            budget.spend(size, path)
            step = max(1, _BATCH * _AT_ONCE // max(size, _AT_ONCE))
            for start in range(0, batch.num_rows, step):
                cells = map(_cells, batch.slice(start, step).columns)
                for values in zip(*cells, strict=True):
                    place += 1
                    yield FileRow(place, dict(zip(batch.schema.names, values, strict=True)))


class _Budget:
    """How many bytes a file may come to."""

    def __init__(self, path: Path) -> None:
        self.left = max(_PLAUSIBLE, _TIMES * path.stat().st_size)

    def allow(self, size: int, path: Path) -> None:
        """Raises DataError when so much is not left."""
        if size > self.left:
            problem = f"comes to more than {_PLAUSIBLE >> 30} GB and {_TIMES} times its own size when it is unpacked"
            raise DataError(Fault(path.name, problem, "if it is what you mean, write it as several files, or as jsonl"))

    def spend(self, size: int, path: Path) -> None:
        """Raises DataError when so much is not left."""
        self.allow(size, path)
        self.left -= size


def _refuse_repeated(path: Path, names: list[str]) -> None:
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        problem = f"names {shown_names(twice)} more than once"
        raise DataError(Fault(path.name, problem, "rename the columns, so that each has one meaning"))


def _unpacked(array: Any) -> int:
    """Bytes of a column when each text is written out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        lengths = pc.binary_length(array.dictionary).cast(pa.int64())
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    if pa.types.is_struct(array.type):
        return sum(map(_unpacked, array.flatten()))
    if pa.types.is_map(array.type):
        return _unpacked(array.keys) + _unpacked(array.items)
    if pa.types.is_nested(array.type):
        return _unpacked(array.flatten())
    return int(array.nbytes)


def _cells(column: Any) -> list[Any]:
    """A column's values; as text where one is a time before the year 1 or after 9999."""
    import pyarrow as pa

    try:
        cells: list[Any] = column.to_pylist()
    except (OverflowError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        cells = column.cast(pa.string()).to_pylist()
    return cells
