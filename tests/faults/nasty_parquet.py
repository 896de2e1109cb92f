"""Nasty parquet files; see `nasty.py`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.nasty import GOOD, MARK, ROW, Nasty, csv_of


def _table(**columns: Any) -> Callable[[Path], None]:
    """A parquet file of these columns, each a list or an Arrow array made by a function."""

    def write(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        made = {name: pa.array(value) if isinstance(value, list) else value(pa) for name, value in columns.items()}
        pq.write_table(pa.table(made), path)

    return write


def _dictionary(chars: int, rows: int, parts: int = 1) -> Callable[[Path], None]:
    """A parquet file whose text is one long value, written once for each group of rows: a few KB that stand for GBs."""

    def write(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        indices = pa.array([0] * rows, pa.int32())
        table = pa.table({"text": pa.DictionaryArray.from_arrays(indices, pa.array([MARK + "x" * chars]))})
        with pq.ParquetWriter(path, table.schema, compression="zstd", dictionary_pagesize_limit=2**30) as file:
            for _ in range(parts):
                file.write_table(table)

    return write


def _nulls(rows: int) -> Callable[[Path], None]:
    """A parquet file of nulls alone, which are a few bytes."""

    def write(path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        one = pa.table({"text": pa.nulls(1_000_000, pa.string())})
        with pq.ParquetWriter(path, one.schema, compression="zstd") as file:
            for _ in range(rows // 1_000_000):
                file.write_table(one, row_group_size=1_000_000)

    return write


def _twice(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table([pa.array([MARK]), pa.array(["b"])], names=["text", "text"]), path)


def _cut(path: Path) -> None:
    _table(text=[GOOD] * 1000)(path)
    path.write_bytes(path.read_bytes()[:-100])


def _flipped(path: Path) -> None:
    _table(text=[f"{GOOD} {n}" for n in range(1000)])(path)
    data = bytearray(path.read_bytes())
    data[60:400] = bytes(340)
    path.write_bytes(data)


PARQUET = [
    Nasty("x.parquet: rows", _table(text=[GOOD, None, ""], label=["a", "b", "c"]), 3, 1),
    Nasty("x.parquet: text of another type", _table(text=[1, 2]), says="wrong_type"),
    Nasty("x.parquet: bytes for text", _table(text=[MARK.encode(), b"\xff"]), says="wrong_type"),
    Nasty(
        "x.parquet: bytes said to be text",
        _table(text=lambda pa: pa.array([b"\xff\xfe", b"a"]).view(pa.string())),
        says="UTF-8",
    ),
    Nasty("x.parquet: a column twice", _twice, says="more than once"),
    Nasty(
        "x.parquet: times that Python has not",
        _table(
            text=[GOOD, GOOD],
            a=lambda pa: pa.array([2**52, 0], pa.timestamp("s")),
            b=lambda pa: pa.array([2**31 - 1, 0], pa.date32()),
            c=lambda pa: pa.array([2**62, 1], pa.duration("s")),
            d=lambda pa: pa.array([1, 2], pa.timestamp("ns")),
        ),
        2,
        2,
    ),
    Nasty(
        "x.parquet: other types",
        _table(
            text=lambda pa: pa.array([GOOD, GOOD], pa.large_string()),
            a=[float("nan"), float("inf")],
            b=[{"x": [b"\xff"]}, None],
            c=lambda pa: pa.array([[("k", MARK)], None], pa.map_(pa.string(), pa.string())),
            d=lambda pa: pa.nulls(2),
            e=lambda pa: pa.array([1, 2], pa.time64("ns")),
            f=lambda pa: pa.array(["1.50", "2.25"]).cast(pa.decimal128(9, 2)),
        ),
        2,
        2,
    ),
    Nasty("x.parquet: 1,000 columns", _table(text=[GOOD] * 20, **{f"c{n}": [1] * 20 for n in range(999)}), 20, 20),
    Nasty("x.parquet: no rows", _table(text=lambda pa: pa.array([], pa.string())), says="has no rows"),
    Nasty("x.parquet: no columns", _table(), says="has no rows"),
    Nasty("x.parquet: cut", _cut, says="parquet"),
    Nasty("x.parquet: bytes flipped", _flipped, says="parquet"),
    Nasty("x.parquet: text", csv_of(ROW).encode(), says="parquet"),
    Nasty("x.parquet: a cell of 10 MB", _table(text=["x" * 10_000_000, GOOD]), 2, 1),
    Nasty("x.parquet: 50 MB that are one value, 100,000 times", _dictionary(50_000_000, 100_000), says="GB", mib=700),
    Nasty(
        "x.parquet: 90,000 characters that are one value, a million times",
        _dictionary(90_000, 100_000, 10),
        says="GB",
        mib=450,
        soak=True,
    ),
    Nasty("x.parquet: a billion nulls", _nulls(100_000_000), says="GB", mib=200),
]
