import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core import storage, tables
from stages.core.errors import DataError
from stages.core.records import Answer, Column, Message, Record, Schema, Span
from stages.core.storage import EVENTS, FolderWriter, StageFolder, record_of, recover, row_of
from stages.core.tables import SortedTable

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
    assert record_of(row_of(record("0c")), EVERYTHING) == record("0c")


def test_rows_are_sorted_whatever_the_order_and_the_way_they_took(tmp_path, monkeypatch):
    rows = [{"id": f"{n:05x}", "seq": 0, "action": "a", "reason": "r", "evidence": "{}"} for n in range(0, 2**20, 997)]
    random.Random(1).shuffle(rows)

    def file_of(name):
        table = SortedTable(tmp_path / name, EVENTS, ("id", "seq"))
        for row in rows:
            table.add(row)
        table.close()
        return pq.read_table(tmp_path / name).to_pylist()

    in_memory = file_of("memory")
    monkeypatch.setattr(tables, "_BUFFER", 50)
    random.Random(2).shuffle(rows)
    assert in_memory == file_of("spilled") == sorted(rows, key=lambda row: row["id"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["memory", "spilled"]


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
        monkeypatch.setattr(storage, "_exchange", lambda *_: False)
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
    names = storage.records_schema(Schema((Column("text", "text"), Column("label", "label")))).names
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
    ]
    assert pa.schema(EVENTS).names == ["id", "seq", "action", "reason", "evidence"]
