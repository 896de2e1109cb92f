"""The rules of `rowtrail verify`, each on a few values."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.commands.verify_checks import Check, Note, run_group, some
from stages.commands.verify_decisions import _rewritten
from stages.commands.verify_events import _Reader
from stages.commands.verify_origin import environment_checks
from stages.commands.verify_project import id_set
from stages.commands.verify_records import changed_ids
from stages.core.errors import DataError, Fault
from stages.core.ledger import IdSet
from stages.core.tables import EVENTS


def test_the_digest_of_many_ids_is_that_of_the_ledger():
    ids = [f"{i:020x}" for i in range(70_000)]
    one_by_one = IdSet()
    for id in ids:
        one_by_one.add(id)
    assert id_set(pa.array(ids)) == one_by_one
    assert id_set(pa.array([], pa.string())) == IdSet()


def test_a_check_that_fails_is_a_fault_with_its_place_and_the_next_ones_are_done():
    def broken():
        raise KeyError("some text of a record")

    def refused():
        yield Note("so far so good")
        raise DataError(Fault("a", "bad"), Fault("b", "bad"))

    done = run_group("g", [Check("here", broken), Check("there", refused), Check("last", lambda: [Fault("a", "bad")])])
    assert done.checked == 3
    assert [fault.place for fault in done.faults] == ["here", "a", "b"]
    assert done.notes == ["so far so good"]
    assert "some text" not in str(done.faults)


def test_a_group_whose_checks_cannot_be_listed_is_a_fault_of_the_group():
    def checks():
        yield Check("one", lambda: ())
        raise ValueError("text")

    assert [fault.place for fault in run_group("g", checks()).faults] == ["g"]


def test_a_few_ids_stand_for_many():
    assert some(["b", "a"]) == "a, b"
    assert some(str(i) for i in range(8)) == "0, 1, 2, 3, 4 and 3 more"


def events(*rows):
    names = EVENTS.names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], EVENTS).to_batches()[0]


def wrong(*batches, labels=(), reasons=("why",)):
    reader = _Reader(frozenset(reasons), frozenset(labels))
    for batch in batches:
        reader.read(batch)
    return {kind: sorted(ids) for kind, ids in reader.wrong.items() if ids}


def evidence(**said):
    return json.dumps(said, sort_keys=True, ensure_ascii=False)


def test_events_in_order_with_codes_and_numbers_are_right_also_across_batches():
    first = events(("a", 0, "keep", "why", "{}"), ("a", 1, "keep", "why", evidence(n=1, share=0.25, of="0a1b")))
    second = events(
        ("a", 2, "drop", "why", evidence(flag=True, none=None)), ("b", 0, "edit", "why", evidence(l=[1, "x"]))
    )
    assert wrong(first, second) == {}


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([("a", 0), ("a", 2)], "order"),
        ([("a", 1)], "order"),
        ([("b", 0), ("a", 0)], "order"),
        ([("a", 0), ("a", 0)], "order"),
    ],
)
def test_a_gap_or_a_wrong_order_of_events_is_found(rows, kind):
    found = wrong(events(*((id, seq, "keep", "why", "{}") for id, seq in rows)))
    assert list(found) == [kind]


def test_a_gap_between_two_batches_is_found():
    assert wrong(events(("a", 0, "keep", "why", "{}")), events(("a", 2, "keep", "why", "{}"))) == {"order": ["a"]}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('{"note": "two words"}', "text"),
        ('{"note": ["two words"]}', "text"),
        ('{"note": {"a": 1}}', "text"),
        ('{"n": 0.12345678}', "text"),
        ('{"n": NaN}', "text"),
        ('{"b": [1], "a": 1}', "json"),
        ('{"note": "' + "a" * 81 + '"}', "text"),
        ("[1]", "json"),
        ("", "json"),
        ("{", "json"),
        (None, "json"),
    ],
)
def test_evidence_that_no_stage_can_have_written_is_found(said, kind):
    assert wrong(events(("a", 0, "keep", "why", said))) == {kind: ["a"]}


def test_labels_may_have_spaces_in_evidence_if_they_are_labels():
    row = ("a", 0, "keep", "why", evidence(given="very good", others=["very good"]))
    assert wrong(events(row), labels=["very good"]) == {}
    assert wrong(events(row)) == {"text": ["a"]}


@pytest.mark.parametrize("line", ['0-4:"very good" 6-9:PER', '["PER", "very good"]', "0-4 7-12", ""])
def test_annotations_may_stand_in_evidence_if_all_that_they_name_are_labels(line):
    row = ("a", 0, "keep", "why", evidence(given=line))
    assert wrong(events(row), labels=["very good", "PER"]) == {}


@pytest.mark.parametrize("line", ['0-4:"Anna Weber" 6-9:PER', '["Anna Weber"]', "0-4 Anna 7-12", "0-4:PER Anna"])
def test_text_in_the_shape_of_an_annotation_is_found(line):
    row = ("a", 0, "keep", "why", evidence(given=line))
    assert wrong(events(row), labels=["very good", "PER"]) == {"text": ["a"]}


def test_an_undeclared_reason_and_an_unknown_action_are_found():
    rows = events(("a", 0, "shred", "why", "{}"), ("b", 0, "keep", "because", "{}"))
    assert wrong(rows) == {"action": ["a"], "reason": ["b"]}


@pytest.mark.parametrize(
    ("after", "fits"),
    [
        ("I am Jo from X.", True),
        ("I am Josephine from X!", False),
        ("i am Jo from X.", False),
        ("I am Jo of X.", False),
    ],
)
def test_a_text_may_change_only_where_an_event_says(after, fits):
    places = [
        {"field": "text", "start": 15, "end": 20, "out_start": 13, "out_end": 14},
        {"field": "text", "start": 5, "end": 9, "out_start": 5, "out_end": 7},
    ]
    assert _rewritten({"text": "I am Anna from Paris."}, {"text": after}, places) is fits


def test_changed_records_are_named_by_column_also_where_a_column_holds_lists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {"id": ["a", "b", "c", "d"], "group": [None, "x", None, None], "spans": [[1], [2], [3], None]}
    after = {"id": ["a", "c", "d", "e"], "group": [None, "x", None, None], "spans": [[1], [3, 4], None, [5]]}
    schema = pa.schema([("id", pa.string()), ("group", pa.string()), ("spans", pa.list_(pa.int32()))])
    for name, values in (("one", before), ("two", after)):
        Path("data", name).mkdir(parents=True)
        pq.write_table(pa.table(values, schema), f"data/{name}/records.parquet", row_group_size=2)
    found = changed_ids("one", "two")
    assert {name: ids.to_pylist() for name, ids in found.items()} == {"group": ["c"], "spans": ["c"]}


@pytest.mark.parametrize(("installed", "fits"), [("2.13.0", True), ("2.13.0+cpu", True), ("2.13.1", False)])
def test_a_build_for_one_kind_of_machine_is_the_locked_version(tmp_path, monkeypatch, installed, fits):
    monkeypatch.chdir(tmp_path)
    Path("requirements").mkdir()
    Path("requirements/lock.txt").write_text("# made by hand\ntorch==2.13.0\n")
    Path("requirements/assets.txt").write_text("rows==1.0 --hash=sha256:ab\n")
    monkeypatch.setattr(metadata, "version", {"torch": installed, "rows": "1.0"}.__getitem__)
    done = run_group("environment", environment_checks())
    assert done.checked == 2
    assert [fault.place for fault in done.faults] == ([] if fits else ["requirements/lock.txt: torch"])
