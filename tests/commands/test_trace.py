import json
import shutil
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core.storage import StageFolder, sha256_of


@pytest.fixture
def ids(data):
    rows = StageFolder(data / "ingest").table(columns=["id", "source_row"]).to_pylist()
    return {row["source_row"]: row["id"] for row in rows}


def events_of(data, stage, action):
    return [row for row in StageFolder(data / stage).table("events.parquet").to_pylist() if row["action"] == action]


def test_a_dropped_duplicate_names_the_record_that_was_kept_and_the_other_way_round(data, ids, ask):
    (drop,) = events_of(data, "deduplicate", "drop")
    kept = json.loads(drop["evidence"])["of"]
    assert {drop["id"], kept} == {ids["a1"], ids["a2"]}
    code, told, _ = ask("trace", drop["id"], "--data", data)
    assert code == 0
    assert f"dropped in deduplicate: exact duplicate of {kept}" in told
    assert "split" not in told.split("deduplicate  dropped")[1]
    assert drop["id"] in ask("trace", kept, "--data", data)[1]


def test_a_dropped_duplicate_tells_on_what_became_of_the_kept_record(data, ask):
    (drop,) = events_of(data, "deduplicate", "drop")
    kept = json.loads(drop["evidence"])["of"]
    onward = json.loads(ask("trace", drop["id"], "--data", data, "--json")[1])["onward"]
    assert onward == {"id": kept, "fate": json.loads(ask("trace", kept, "--data", data, "--json")[1])["fate"]}
    assert f"{kept} in its place: in the " in ask("trace", drop["id"], "--data", data)[1]


def test_a_kept_record_names_its_duplicates_with_the_measure(data, ask):
    (drop,) = events_of(data, "deduplicate", "drop")
    kept = json.loads(drop["evidence"])["of"]
    story = json.loads(ask("trace", kept, "--data", data, "--json")[1])
    (part,) = [part for part in story["chapters"] if part["folded"]]
    assert part["stage"] == "deduplicate"
    assert part["folded"] == [{"id": drop["id"], "reason": "exact_duplicate", "similarity": 1.0}]


def test_a_story_goes_through_all_stages_in_order_with_reasons_in_words(data, ids, ask):
    _, told, _ = ask("trace", ids["a3"], "--data", data)
    stages = [
        line.split()[0]
        for line in told.splitlines()
        if line.split()[:1] and line.split()[0] in ("ingest", "clean", "deduplicate", "split")
    ]
    assert stages[-4:] == ["ingest", "clean", "deduplicate", "split"]
    assert StageFolder(data / "clean").manifest["reason_texts"]["normalised"] in told


def test_a_story_begins_with_the_bytes_of_the_source(data, ids, ask):
    story = json.loads(ask("trace", ids["a3"], "--data", data, "--json")[1])
    file = data.parent / "rows.csv"
    (created,) = [json.loads(row["evidence"]) for row in events_of(data, "ingest", "create") if row["id"] == ids["a3"]]
    assert story["origin"] == {
        "source": "s", "row": 4, "file": str(file), "sha256": sha256_of(file), "content": created["content"],
    }  # fmt: skip
    told = ask("trace", ids["a3"], "--data", data)[1]
    assert sha256_of(file)[:12] in told
    assert "source_row  a3" in told


def test_json_holds_the_same_story(data, ids, ask):
    story = json.loads(ask("trace", ids["a6"], "--data", data, "--json")[1])
    assert story["id"] == ids["a6"]
    assert [part["stage"] for part in story["chapters"]] == ["ingest", "clean", "deduplicate", "split"]
    assert story["about"]["split"] in story["fate"]


def test_json_says_how_each_stage_was_made(data, ids, ask):
    stages = json.loads(ask("trace", ids["a6"], "--data", data, "--json")[1])["stages"]
    assert list(stages) == ["ingest", "clean", "deduplicate", "split"]
    assert stages["clean"]["manifest"] == StageFolder(data / "clean").digest
    assert stages["clean"]["params"]["clean"]["min_chars"] == 3
    assert stages["clean"]["code"] is None


def test_params_are_shown_where_asked_for_and_where_a_record_was_dropped_and_the_reason_names_none(data, ids, ask):
    (drop,) = events_of(data, "deduplicate", "drop")
    assert "threshold 0.8" in ask("trace", drop["id"], "--data", data)[1]
    assert "validation 0.3" not in ask("trace", ids["a3"], "--data", data)[1]
    told = ask("trace", ids["a3"], "--data", data, "--params")[1]
    assert "validation 0.3" in told
    assert "ngram" not in told


def test_no_text_of_the_record_is_shown(data, ids, ask, tmp_path):
    for row in ("a1", "a3", "a4"):
        told = ask("trace", ids[row], "--data", data)[1]
        told += ask("trace", ids[row], "--data", data, "--json", "--html", tmp_path / "page.html")[1]
        told += (tmp_path / "page.html").read_text(encoding="utf-8")
        assert not any(word in told for word in ("parcel", "router", "invoice", "Thank"))


def test_a_quarantined_row_has_a_story_too(data, ask):
    (lost,) = events_of(data, "ingest", "quarantine")
    assert "quarantined in ingest" in ask("trace", lost["id"], "--data", data)[1]


@pytest.mark.parametrize(("row", "key"), [("s:a3", "a3"), ("a3", "a3"), ("s:4", "a3"), ("7", "a6")])
def test_a_source_row_is_found_by_its_key_and_by_its_line(data, ids, ask, row, key):
    (story,) = json.loads(ask("trace", "--source-row", row, "--data", data, "--json")[1])["records"]
    assert story["id"] == ids[key]
    assert story["chapters"][0]["stage"] == "ingest"


@pytest.mark.parametrize("named", ["line", "key"])
def test_a_row_that_never_was_a_record_is_found_by_its_line_and_by_its_key(data, ask, named):
    (lost,) = events_of(data, "ingest", "quarantine")
    row = json.loads(lost["evidence"])["row"] if named == "line" else "a5"
    code, told, _ = ask("trace", "--source-row", f"s:{row}", "--data", data)
    assert code == 0
    assert lost["id"] in told
    assert "quarantined in ingest: missing field" in told or "quarantined in ingest: empty text" in told


@pytest.mark.parametrize(
    ("row", "code", "word"),
    [("s:99", 3, "no such row"), ("s:4:5", 3, "no such row"), ("s:other.csv:4", 3, "no such row"), ("", 2, "sources")],
)
def test_a_source_row_that_is_not_there_is_answered_with_the_next_step(data, ask, row, code, word):
    got, _, error = ask("trace", "--source-row", row, "--data", data)
    assert got == code
    assert word in error
    assert "next:" in error


@pytest.mark.parametrize("asked", [(), ("0a", "--subject", "x"), ("--value-hash", "0" * 32, "--source-row", "s:1")])
def test_exactly_one_way_in_is_taken(data, ask, asked):
    code, _, error = ask("trace", *asked, "--data", data)
    assert code == 2
    assert "--source-row, --value-hash, --subject" in error


def test_a_stage_that_was_not_run_cannot_be_asked(data, ask):
    code, _, error = ask("trace", "--value-hash", "0" * 32, "--data", data)
    assert code == 3
    assert "scrub_pii" in error


def test_a_unique_beginning_of_the_id_is_enough_and_an_ambiguous_one_is_refused(data, ids, ask):
    assert ask("trace", ids["a7"][:10], "--data", data)[0] == 0
    shared = next(d for d in "0123456789abcdef" if sum(id.startswith(d) for id in ids.values()) > 1)
    code, _, error = ask("trace", shared, "--data", data)
    assert code == 2
    assert "records start with these digits" in error


@pytest.mark.parametrize(
    ("id", "code", "word"), [("fffffffffffffffffff0", 3, "no record"), ("not-hex", 2, "hex digits")]
)
def test_an_unknown_id_is_answered_with_the_next_step(data, ask, id, code, word):
    got, _, error = ask("trace", id, "--data", data)
    assert got == code
    assert word in error
    assert "next:" in error


def test_a_file_that_is_no_parquet_file_is_named(data, ids, ask, tmp_path):
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean/manifest.json").write_text(json.dumps({"stage": "clean", "inputs": {}}))
    (tmp_path / "clean/events.parquet").write_bytes(b"not a table")
    code, _, error = ask("trace", ids["a3"], "--data", tmp_path)
    assert code == 3
    assert "events.parquet: is not a parquet file that a stage wrote" in error


def test_a_trace_in_half_a_million_records_is_quick(tmp_path, ask):
    ids = pa.array([f"{n * 8191:020x}" for n in range(500_000)])
    empty = pa.nulls(len(ids), pa.string())
    columns = dict.fromkeys(("source", "source_row", "subject", "group", "split", "text", "label", "language"), empty)
    (tmp_path / "ingest").mkdir()
    table = pa.table({"id": ids, **columns, "confidence": pa.nulls(len(ids), pa.float64())})
    pq.write_table(table, tmp_path / "ingest/records.parquet", row_group_size=4096)
    events = {"id": ids, "seq": pa.array([0] * len(ids), pa.int32())}
    events |= {
        name: pa.array([text] * len(ids))
        for name, text in (("action", "create"), ("reason", "created"), ("evidence", "{}"))
    }
    pq.write_table(pa.table(events), tmp_path / "ingest/events.parquet", row_group_size=4096)
    (tmp_path / "ingest/manifest.json").write_text(json.dumps({"stage": "ingest", "inputs": {}}))
    started = time.monotonic()
    assert ask("trace", f"{300_000 * 8191:020x}", "--data", tmp_path)[0] == 0
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("row", [{"foo": 1}, {"id": 1}, {"id": "0a"}])
@pytest.mark.parametrize("asked", [("0a",), ("--source-row", "s:a3"), ("--subject", "f" * 32)])
def test_a_table_with_other_columns_is_bad_data_and_no_crash(data, ask, tmp_path, row, asked):
    shutil.copytree(data, tmp_path / "data")
    for name in ("records.parquet", "events.parquet"):
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "data/ingest" / name)
    code, _, error = ask("trace", *asked, "--data", tmp_path / "data")
    assert code == 3
    assert "unexpected" not in error
