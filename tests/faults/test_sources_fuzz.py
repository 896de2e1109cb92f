"""Bytes and rows by chance through every reader and every task: each row is a record or quarantined, nothing else."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from stages.core.errors import DataError
from stages.core.formats import read_rows
from stages.core.keys import Keys
from stages.core.ledger import Tally
from stages.core.params import IngestParams, Source
from stages.core.rows import FileRow
from stages.core.stage import Context
from stages.core.tables import events_table, records_of, records_table
from stages.ingest import REASONS
from stages.methods.ingest.row_ids import RowIds
from stages.methods.ingest.row_record import decide_row
from stages.tasks import TASKS, load_task

FORMATS = ["csv", "tsv", "jsonl", "json", "parquet", "txt", "conll", "squad"]
LONGEST = 200
# What readers stumble over, far more often than chance would bring it.
TOKENS = st.sampled_from(
    [b'"', b",", b"\n", b"\r", b"\t", b"\\", b"{", b"}", b"[", b"]", b":", b"\0", b"\xff", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b" ", b"-",
     b"text", b"label", b'"text":', b"\\ud800", b"NaN", b"1e999", b"null", b" O\n", b" B-A\n", b"\n\n", b"x" * 150,
     b"\xe2\x80\xa8", b'"data":']
)  # fmt: skip
BYTES = st.binary(max_size=40) | st.lists(TOKENS, max_size=40).map(b"".join)
TEXT = st.text(st.characters(), max_size=20)  # surrogates and NULs too
CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
COLUMNS = sorted(
    {"text", "label", "labels", "spans", "tokens", "tags", "ner_tags", "question", "context", "answers",
    "source_text", "target_text",
     "translation", "messages", "conversations", "prompt", "completion", "instruction", "input", "output",
     "instances", "history",
     "system", "id", "who", "sure", "group", "anna", "ben"}
)  # fmt: skip
PARTS = st.dictionaries(
    st.sampled_from(["role", "content", "from", "value", "start", "end", "label", "text", "answer_start", "en", "de"]),
    CELLS,
    max_size=4,
)
ROWS = st.dictionaries(st.sampled_from(COLUMNS), CELLS | PARTS | st.lists(PARTS, max_size=3), max_size=8)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "rows"


@pytest.fixture
def often(request):
    """Try a function on values drawn by chance, more often when asked; the same ones every time."""

    def decorated(examples, *strategies):
        times = request.config.getoption("times")
        chance = settings(max_examples=examples * times, deadline=None, database=None)
        return lambda check: seed(times)(chance(given(*strategies)(check)))()

    return decorated


def source(**more) -> Source:
    return Source(name="s", uri="rows", license="MIT", public=True, **more)


def context(task: str, one: Source) -> Context:
    params = IngestParams(sources=[one], max_chars=100)
    return Context("ingest", params, {"seed": 13}, load_task(task), Keys(None, frozenset({"s"})), ())


def rows_in(path: Path, format: str, one: Source) -> list[FileRow] | None:
    """The rows of a file, or None where it is refused."""
    try:
        return list(read_rows(path, one, format, LONGEST))
    except DataError as error:
        refused = error
    assert all(fault.next_step for fault in refused.faults)
    return None


def decided(rows, one: Source, given: Context) -> None:
    """Each row is decided once, under an id of its own and a declared reason, and what is written can be read again."""
    ids, tally = RowIds(given.keys, "s", one.id), Tally("ingest", REASONS)
    decisions = [decide_row(row, one, ids, given) for row in rows]
    assert len({decision.id for decision in decisions}) == len(decisions)
    events = [event for decision in decisions for event in tally.count(decision, None)]
    events_table(events).validate(full=True)
    counts = tally.counts()
    assert counts["in"] == counts["created"] + counts["quarantined"] == len(decisions)
    records = [decision.record for decision in decisions if decision.record]
    schema = given.task.schema
    assert [one.values for one in records_of(records_table(records, schema), schema)] == [one.values for one in records]


@pytest.mark.parametrize("format", FORMATS)
def test_bytes_by_chance_are_rows_or_refused(often, path, format):
    @often(50, BYTES, st.sampled_from(["utf-8", "utf-16", "cp1252", "utf-8-sig", "utf-7"]))
    def check(data, encoding):
        path.write_bytes(data)
        one = source(format=format, encoding=encoding)
        if rows := rows_in(path, format, one):
            assert [row.place for row in rows] == sorted(row.place for row in rows)
            decided(rows, one, context("classification", one))


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_rows_that_a_writer_of_csv_wrote_come_back_as_they_were(often, path, format):
    cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=30)

    @often(
        150,
        st.lists(st.lists(cell, min_size=2, max_size=2), max_size=6),
        st.sampled_from([None, ";", "|", "\x1f", "\u00a7"]),
    )
    def check(rows, delimiter):
        held = io.StringIO()
        separator = delimiter or {"csv": ",", "tsv": "\t"}[format]
        quoting = csv.QUOTE_ALL  # a tsv is unquoted only where a whole line is quoted
        csv.writer(held, delimiter=separator, lineterminator="\n", quoting=quoting).writerows([["a", "b"], *rows])
        path.write_text(held.getvalue(), encoding="utf-8", newline="")
        found = rows_in(path, format, source(delimiter=delimiter))
        assert found is not None
        assert [[row.columns["a"] or "", row.columns["b"] or ""] for row in found] == rows


@pytest.mark.parametrize("task", sorted(TASKS))
def test_rows_by_chance_become_records_or_are_quarantined(often, task):
    fields = source(id="id", subject="who", confidence="sure", attributes=["group"], annotators=["anna", "ben"])

    @often(50, st.lists(ROWS, max_size=6), st.booleans(), st.booleans(), st.booleans())
    def check(rows, with_fields, replaced, as_text):
        if as_text:  # as a csv has them: what is no text is JSON in a cell
            rows = [{k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()} for row in rows]
        one = (fields if with_fields else source()).model_copy(update={"on_bad_bytes": "replace"} if replaced else {})
        decided([FileRow(number, row) for number, row in enumerate(rows, 1)], one, context(task, one))


@pytest.mark.parametrize("format", ["jsonl", "json"])
def test_rows_of_json_are_counted_as_they_were_written(often, path, format):
    @often(40, st.lists(ROWS | CELLS, max_size=6), st.sampled_from([None, "data", "rows"]))
    def check(rows, key):
        if format == "jsonl":
            text = "".join(json.dumps(row) + "\n" for row in rows)
        else:
            text = json.dumps(rows if key is None else {"version": 1, key: rows})
        path.write_text(text, encoding="utf-8")
        found = rows_in(path, format, source())
        assert found is not None
        assert len(found) == len(rows)
        for row, written in zip(found, rows, strict=True):
            assert row.fault or json.dumps(row.columns) == json.dumps(written)


def test_a_long_json_file_is_the_same_in_pieces_of_any_length(often, path, monkeypatch):
    from stages.core import json_list

    @often(30, st.lists(ROWS, max_size=6), st.integers(1, 40), st.booleans())
    def check(rows, piece, cut):
        monkeypatch.setattr(json_list, "_PIECE", piece)
        text = json.dumps({"a": [1, {"b": "]"}], "data": rows}, allow_nan=True, indent=piece % 3 or None)
        path.write_text(text[:-1] if cut else text, encoding="utf-8")
        found = rows_in(path, "json", source())
        assert found is None if cut else len(found or ()) == len(rows)


def test_tables_by_chance_are_rows_or_refused(often, path):
    kinds = st.sampled_from(
        [pa.int8(), pa.uint64(), pa.float16(), pa.bool_(), pa.date32(), pa.date64(), pa.timestamp("s"),
        pa.timestamp("ns", "UTC"),
         pa.duration("us"), pa.time32("ms"), pa.string(), pa.large_string(), pa.binary(), pa.binary(3),
         pa.decimal128(20, 3),
         pa.list_(pa.string()), pa.struct({"a": pa.string(), "b": pa.timestamp("s")}), pa.dictionary(pa.int8(),
         pa.string()),
         pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})), pa.map_(pa.string(), pa.int64())]
    )  # fmt: skip

    @often(30, st.lists(kinds, min_size=1, max_size=4), st.integers(0, 5), st.randoms(use_true_random=False))
    def check(types, rows, draw):
        columns = {f"c{n}": _array(kind, rows, draw) for n, kind in enumerate(types)}
        table = pa.table({"text": pa.array(["x"] * rows, pa.string()), **columns})
        try:
            pq.write_table(table, path)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return  # not every value of every type can be written
        found = rows_in(path, "parquet", source())
        assert found is not None
        assert len(found) == rows
        decided(found, source(), context("classification", source()))


def _array(kind, rows: int, draw):
    """Nulls and any bits for what is a number inside; for the others, short values."""
    if pa.types.is_primitive(kind) and kind.bit_width in (8, 16, 32, 64):
        data = draw.randbytes(rows * kind.bit_width // 8)
        return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(data)])
    return pa.nulls(rows, kind)
