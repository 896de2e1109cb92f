import json
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core.storage import StageFolder


@pytest.fixture
def ids(data):
    rows = StageFolder(data / "ingest").table(columns=["id", "source_row"]).to_pylist()
    return {row["source_row"]: row["id"] for row in rows}


def test_a_dropped_duplicate_names_the_record_that_was_kept_and_the_other_way_round(data, ids, ask):
    events = StageFolder(data / "deduplicate").table("events.parquet").to_pylist()
    (drop,) = [event for event in events if event["action"] == "drop"]
    kept = json.loads(drop["evidence"])["of"]
    assert {drop["id"], kept} == {ids["a1"], ids["a2"]}
    code, told, _ = ask("trace", drop["id"], "--data", data)
    assert code == 0
    assert f"dropped in deduplicate: exact duplicate of {kept}" in told
    assert "split" not in told.split("deduplicate  dropped")[1]
    assert drop["id"] in ask("trace", kept, "--data", data)[1]


def test_a_story_goes_through_all_stages_in_order_with_reasons_in_words(data, ids, ask):
    _, told, _ = ask("trace", ids["a3"], "--data", data)
    stages = [
        line.split()[0]
        for line in told.splitlines()
        if line.split()[:1] and line.split()[0] in ("ingest", "clean", "deduplicate", "split")
    ]
    assert stages[-4:] == ["ingest", "clean", "deduplicate", "split"]
    assert StageFolder(data / "clean").manifest["reason_texts"]["normalised"] in told


def test_json_holds_the_same_story(data, ids, ask):
    story = json.loads(ask("trace", ids["a6"], "--data", data, "--json")[1])
    assert story["id"] == ids["a6"]
    assert [part["stage"] for part in story["chapters"]] == ["ingest", "clean", "deduplicate", "split"]
    assert story["about"]["split"] in story["fate"]


def test_no_text_of_the_record_is_shown(data, ids, ask):
    for row in ("a1", "a3", "a4"):
        told = ask("trace", ids[row], "--data", data)[1]
        assert not any(word in told for word in ("parcel", "router", "invoice", "Thank"))


def test_a_quarantined_row_has_a_story_too(data, ask):
    events = StageFolder(data / "ingest").table("events.parquet").to_pylist()
    (lost,) = [event for event in events if event["action"] == "quarantine"]
    assert "quarantined in ingest" in ask("trace", lost["id"], "--data", data)[1]


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
