import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core import placing, storage, tables
from stages.core.errors import DataError
from stages.core.placing import recover
from stages.core.records import Answer, Column, Message, Record, Schema, Span
from stages.core.storage import FolderWriter, Piece, StageFolder
from stages.core.tables import EVENTS, OrderedTable, SortedTable, records_of, records_schema, records_table

EVERYTHING = Schema(
    (
        Column("text", "text"),
        Column("label", "label"),
        Column("labels", "labels"),
        Column("spans", "spans", of="text"),
        Column("answers", "answers", of="text"),
        Column("messages", "messages"),
    )
)


def record(id, text="Ann Lee", confidence=0.5):
    values = {
        "text": text,
        "label": None,
        "labels": ("a", "b"),
        "spans": (Span(0, 3, "PER"),),
        "answers": (Answer(0, "Ann"),),
        "messages": (Message("user", "hi"),),
    }
    return Record(id, "s", "7", EVERYTHING, values, language="en", confidence=confidence)


def write(path, ids, text="Ann Lee"):
    with FolderWriter(path, EVERYTHING) as folder:
        for id in ids:
            folder.add(record(id, text))
        folder.finish_tables()
        folder.finish({"stage": "clean"})


def test_a_record_comes_back_from_parquet_as_it_was(tmp_path):
    write(tmp_path / "clean", ["0b", "0a"])
    assert list(StageFolder(tmp_path / "clean").records(EVERYTHING)) == [record("0a"), record("0b")]
    assert records_of(records_table([record("0c")], EVERYTHING), EVERYTHING) == [record("0c")]


def events(ids, seq=0):
    rows = [{"id": id, "seq": seq, "action": "a", "reason": "r", "evidence": f'{{"of":"{id}"}}'} for id in ids]
    return pa.Table.from_pylist(rows, schema=EVENTS)


def bytes_of(path, table, rows, size):
    """The bytes of a file after `rows` came in portions of some size."""
    out = table(path, EVENTS, ("id", "seq"))
    for start in range(0, rows.num_rows, size):
        out.append(rows.slice(start, size))
    out.close()
    return path.read_bytes()


def test_rows_are_the_same_bytes_whatever_the_order_the_portions_and_the_way_they_took(tmp_path, monkeypatch):
    ids = [f"{n:05x}" for n in range(0, 2**20, 97)]
    whole = bytes_of(tmp_path / "table", OrderedTable, events(ids), len(ids))
    assert all(bytes_of(tmp_path / "table", OrderedTable, events(ids), size) == whole for size in (33, 512, 5000))
    random.Random(1).shuffle(ids)
    assert bytes_of(tmp_path / "table", SortedTable, events(ids), 700) == whole
    monkeypatch.setattr(tables, "_BUFFER", 9000)
    random.Random(2).shuffle(ids)
    assert bytes_of(tmp_path / "table", SortedTable, events(ids), 700) == whole
    assert pq.read_table(tmp_path / "table").column("id").to_pylist() == sorted(ids)
    assert [p.name for p in tmp_path.iterdir()] == ["table"]


def test_row_groups_hold_4096_rows_and_the_last_one_the_rest(tmp_path):
    bytes_of(tmp_path / "table", OrderedTable, events([f"{n:05x}" for n in range(10_000)]), 300)
    found = pq.ParquetFile(tmp_path / "table").metadata
    assert [found.row_group(n).num_rows for n in range(found.num_row_groups)] == [4096, 4096, 1808]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ([], ["0b", "0a"], "not in the order of id and seq"),
        (["0a", "0b"], ["0a", "0c"], "not in the order of id and seq"),
        ([], ["0a", "0b", "0b"], "two rows have the same id and seq"),
        (["0a", "0b"], ["0b", "0c"], "two rows have the same id and seq"),
    ],
)
def test_rows_that_do_not_come_in_order_are_refused(tmp_path, before, after, problem):
    table = OrderedTable(tmp_path / "table", EVENTS, ("id", "seq"))
    table.append(events(before))
    with pytest.raises(ValueError, match=problem):
        table.append(events(after))


def test_events_of_one_record_come_in_the_order_of_their_numbers(tmp_path):
    table = OrderedTable(tmp_path / "table", EVENTS, ("id", "seq"))
    for seq in range(3):
        table.append(events(["0a"], seq))
    table.append(events(["0b"], 0))
    table.close()
    assert pq.read_table(tmp_path / "table").column("seq").to_pylist() == [0, 1, 2, 0]


@pytest.mark.parametrize("size", [100, 512, 9999])
def test_pieces_are_the_records_by_place(tmp_path, size):
    ids = [f"{n:04x}" for n in range(5000)]
    with FolderWriter(tmp_path / "clean", EVERYTHING, in_order=True) as folder:
        folder.append(EVENTS.empty_table(), records_table([record(id) for id in ids], EVERYTHING))
        folder.finish_tables()
        folder.finish({"stage": "clean"})
    pieces = list(StageFolder(tmp_path / "clean").pieces(size))
    assert [piece.position for piece in pieces] == [sum(map(len, pieces[:n])) for n in range(len(pieces))]
    assert all(len(piece) <= size for piece in pieces)
    assert [id for piece in pieces for id in piece.ids()] == ids
    assert [found.id for piece in pieces for found in piece.records(EVERYTHING)] == ids
    one = pieces[1]
    assert one.records(EVERYTHING, [7, 3]) == [record(ids[one.position + 7]), record(ids[one.position + 3])]
    assert one.records(EVERYTHING, []) == []


@pytest.mark.parametrize("size", [1, 2, 512])
def test_pieces_come_with_the_evidence_of_their_records_events(tmp_path, size):
    ids = [f"0{n}" for n in range(5)]
    with FolderWriter(tmp_path / "clean", EVERYTHING, in_order=True) as folder:
        folder.append(EVENTS.empty_table(), records_table([record(id) for id in ids], EVERYTHING))
        for id, seq in (("01", 0), ("01", 1), ("04", 0)):
            folder.append(events([id], seq))
        folder.finish_tables()
        folder.finish({"stage": "clean"})
    written = StageFolder(tmp_path / "clean")
    found = list(written.with_evidence(written.pieces(size)))
    assert [id for piece, _ in found for id in piece.ids()] == ids
    assert [(id, rows) for _, some in found for id, rows in some.items()] == [
        ("01", [{"of": "01"}, {"of": "01"}]),
        ("04", [{"of": "04"}]),
    ]
    assert all(set(some) <= set(piece.ids()) for piece, some in found)


def test_a_piece_of_a_file_that_is_gone_or_another_one_is_refused(tmp_path):
    write(tmp_path / "clean", ["0a", "0b"])
    (piece,) = StageFolder(tmp_path / "clean").pieces()
    assert len(piece.records(EVERYTHING)) == 2
    write(tmp_path / "clean", ["0a", "0b", "0c"])
    with pytest.raises(DataError, match="finds another file here"):
        piece.records(EVERYTHING)
    gone = Piece(tmp_path / "none" / "records.parquet", 100, 0, 0, 0, 2)
    with pytest.raises(DataError, match=r"none/records.parquet: a worker finds no file.*\n.*next: let every node"):
        gone.records(EVERYTHING)


def test_a_piece_of_a_file_written_again_is_read_again(tmp_path):
    for text in ("one", "two"):
        write(tmp_path / "clean", ["0a", "0b"], text=text)
        (piece,) = StageFolder(tmp_path / "clean").pieces()
        assert [found.values["text"] for found in piece.records(EVERYTHING)] == [text, text]


def test_the_same_rows_are_the_same_bytes(tmp_path):
    write(tmp_path / "one", ["0a", "0b", "0c"])
    write(tmp_path / "two", ["0c", "0a", "0b"])
    names = storage.files_below(tmp_path / "one")
    assert names == ["events.parquet", "manifest.json", "records.parquet"]
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "two" / n).read_bytes() for n in names)


def test_a_failure_while_writing_leaves_the_old_folder_and_no_rest(tmp_path):
    write(tmp_path / "clean", ["0a"])
    before = StageFolder(tmp_path / "clean").digest
    with pytest.raises(KeyError), FolderWriter(tmp_path / "clean", EVERYTHING) as folder:
        folder.add(Record("0b", "s", "1", EVERYTHING, {}))
    assert StageFolder(tmp_path / "clean").digest == before
    assert [p.name for p in tmp_path.iterdir()] == ["clean"]


@pytest.mark.parametrize("exchange", [True, False])
def test_a_new_folder_takes_the_place_of_the_old_one(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(placing, "_exchange", lambda *_: False)
    write(tmp_path / "clean", ["0a"])
    write(tmp_path / "clean", ["0b"])
    assert [r.id for r in StageFolder(tmp_path / "clean").records(EVERYTHING)] == ["0b"]
    assert [p.name for p in tmp_path.iterdir()] == ["clean"]


def test_a_kill_between_the_two_renames_is_mended(tmp_path):
    write(tmp_path / "clean", ["0a"])
    (tmp_path / "clean").rename(tmp_path / ".clean.old")
    recover(tmp_path / "clean")
    assert len(StageFolder(tmp_path / "clean")) == 1


def test_the_manifest_holds_the_digest_of_every_file(tmp_path):
    write(tmp_path / "clean", ["0a"])
    manifest = json.loads((tmp_path / "clean" / "manifest.json").read_text())
    assert set(manifest["files"]) == {"events.parquet", "records.parquet"}
    assert manifest["files"]["records.parquet"] == storage.sha256_of(tmp_path / "clean" / "records.parquet")


def test_two_records_of_one_id_are_refused(tmp_path):
    with pytest.raises(ValueError, match="two rows have the same id"):
        write(tmp_path / "clean", ["0a", "0b", "0a"])


def test_a_missing_manifest_names_the_file_and_the_next_step(tmp_path):
    with pytest.raises(DataError, match=r"manifest.json: no such file.*\n.*next: run"):
        _ = StageFolder(tmp_path / "none").manifest


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_an_unreadable_parquet_file_is_a_clear_error(tmp_path, content):
    write(tmp_path / "clean", ["0a"])
    (tmp_path / "clean" / "records.parquet").write_bytes(content)
    with pytest.raises(DataError, match="not a readable parquet file"):
        list(StageFolder(tmp_path / "clean").records(EVERYTHING))


def test_a_damaged_page_is_a_clear_error(tmp_path):
    write(tmp_path / "clean", [f"{n:04x}" for n in range(2000)], text="some words to fill the page " * 3)
    file = tmp_path / "clean" / "records.parquet"
    damaged = bytearray(file.read_bytes())
    damaged[60:400] = bytes(340)
    file.write_bytes(bytes(damaged))
    with pytest.raises(DataError, match="not a readable parquet file"):
        list(StageFolder(tmp_path / "clean").records(EVERYTHING))


def test_records_of_another_task_are_refused_with_the_missing_column(tmp_path):
    write(tmp_path / "clean", ["0a"])
    other = Schema((Column("question", "text"),))
    with pytest.raises(DataError, match="lacks the column question"):
        list(StageFolder(tmp_path / "clean").records(other))


def test_parquet_columns_follow_the_contract():
    names = records_schema(Schema((Column("text", "text"), Column("label", "label")))).names
    assert names == [
        "id",
        "source",
        "source_row",
        "subject",
        "group",
        "split",
        "text",
        "label",
        "language",
        "confidence",
        "attributes",
    ]
    assert pa.schema(EVENTS).names == ["id", "seq", "action", "reason", "evidence"]
