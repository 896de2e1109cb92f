import json
import random
from dataclasses import replace
from typing import NamedTuple

import pyarrow as pa
import pytest

from stages.core.engine.local import LocalEngine
from stages.core.errors import DataError
from stages.core.ledger import Tally
from stages.core.params import EngineParams, IngestParams, Params, Source, SplitParams
from stages.core.records import Record, create, flag, relabel
from stages.core.runner import run
from stages.core.stage import create_stage, set_stage
from stages.core.storage import StageFolder
from stages.split import REASONS, STAGE, decide, relabelled, survey
from stages.tasks import load_task

SHARES = SplitParams(validation=0.2, test=0.2)


class Piece(NamedTuple):
    """Some records as a piece of a stage folder gives them."""

    held: list

    def records(self, _schema):
        return self.held


class Folder:
    """Records and events as a stage folder gives them."""

    def __init__(self, records, relabelled=()):
        self.stage, self.held = "check_labels", records
        events = [(id, "relabel", "suspect_label") for id in relabelled] + [("zz", "keep", "seen")]
        self._events = [dict(zip(("id", "action", "reason"), event, strict=True)) for event in events]

    def pieces(self):
        for start in range(0, len(self.held), 50):
            yield Piece(self.held[start : start + 50])

    def table(self, *_):
        return pa.Table.from_pylist(self._events)


@pytest.fixture
def split(make_context):
    """The part of each record, by id."""

    def of(records, params=SHARES, relabelled=(), engine=None):
        context = make_context("split", params, [Folder(records, relabelled)])
        return survey(context, engine or LocalEngine(1), None)

    return of


@pytest.fixture
def rows(make_record):
    """300 records of two labels; every tenth belongs to one of three people."""

    def row(i):
        label = "positive" if i % 3 else "negative"
        return make_record(f"{i:03x}", f"text {i}", label, subject=f"p{i % 3}" if i % 10 == 0 else None)

    return [row(i) for i in range(300)]


def test_every_record_gets_a_part_and_an_event_with_its_draw(split, rows):
    found = split(rows)
    tally = Tally("split", REASONS)
    for record in rows:
        decision = decide(record, SHARES, found[record.id])
        (event,) = tally.count(decision, record)
        assert decision.record.split == event["reason"] == found[record.id].part
        assert event["evidence"] == f'{{"u": {round(found[record.id].u, 6)}}}'
    assert {found[record.id].part for record in rows} == {"train", "validation", "test"}


def test_the_split_does_not_depend_on_order_or_workers(split, rows):
    shuffled = random.Random(2).sample(rows, len(rows))
    assert split(shuffled) == split(rows)
    assert split(shuffled, engine=LocalEngine(2)) == split(rows)


def test_people_groups_and_texts_do_not_cross(split, make_record, rows):
    twins = [make_record("aaa", "Text, 1!"), make_record("aab", "text 2", group="001")]
    found = split([*rows, *twins])
    for subject in ("p0", "p1", "p2"):
        assert len({found[record.id].part for record in rows if record.subject == subject}) == 1
    assert found["aaa"].part == found["001"].part == found["aab"].part == found["002"].part


def test_erasing_people_or_adding_rows_moves_no_one_else(split, make_record, rows):
    before = split(rows)
    fewer = split([record for record in rows if record.subject != "p1" and record.id != "001"])
    more = split([*rows, *(make_record(f"f{i:03x}", f"another {i}") for i in range(100))])
    assert all(before[id] == place for id, place in fewer.items())
    assert all(more[id] == place for id, place in before.items())


def test_folds_are_dealt_over_train_and_validation(split, rows):
    found = split(rows, SplitParams(validation=0.2, test=0.2, kfold=3))
    assert all((place.fold is None) == (place.part == "test") for place in found.values())
    assert {place.fold for place in found.values()} == {None, 0, 1, 2}
    evidence = [decide(record, SHARES, found[record.id]).events[0].evidence for record in rows]
    assert [e.get("fold") for e in evidence] == [found[record.id].fold for record in rows]


def test_a_rare_label_reaches_every_part_and_the_move_is_told(split, make_record, rows):
    rare = [make_record(f"e{i:02x}", f"rare {i}", "rare") for i in range(3)]
    found = split([*rows, *rare])
    assert {found[record.id].part for record in rare} == {"train", "validation", "test"}
    moved = [record for record in rare if found[record.id].part != found[record.id].drawn]
    assert moved
    evidence = decide(moved[0], SHARES, found[moved[0].id]).events[0].evidence
    assert evidence["drawn"] == found[moved[0].id].drawn


def test_no_relabelled_record_is_in_test(split, rows):
    reserved = [id for id, place in split(rows).items() if place.part == "test"]
    found = split(rows, relabelled=reserved[:5])
    assert {found[id].part for id in reserved[:5]} == {"train"}
    assert {found[id].part for id in reserved[5:]} == {"test"}


def test_one_label_alone_is_refused(split, make_record):
    with pytest.raises(DataError, match="all 40 records have the same label"):
        split([make_record(f"{i:02x}", f"text {i}") for i in range(40)])


def test_a_part_without_rows_is_refused_with_counts_and_knobs(split, make_record):
    records = [make_record(f"{i:02x}", f"text {i}", "ab"[i % 2], subject="one") for i in range(40)]
    with pytest.raises(DataError) as caught:
        split(records)
    message = str(caught.value)
    assert len(caught.value.faults) == 2
    assert "40 records" in message
    assert "together: 1" in message
    assert "split.validation (0.2)" in message


def params(shots=None):
    source = Source(name="s", uri="none.csv", license="MIT", public=True)
    split = SplitParams(validation=0.2, test=0.2, kfold=2, shots=shots)
    return Params(ingest=IngestParams(sources=[source]), split=split, engine=EngineParams(workers=1))


def labels_checked(folder, records, task, change=None, reason="relabelled"):
    """A check_labels folder with these records; `change` names one that was relabelled."""

    def decide_labels(record, _params, _verdict):
        if record.id == change:
            return relabel(task.with_annotation(record, "positive"), reason)
        return flag(record, "seen")

    reasons = {"created": "made", "relabelled": "changed", "reviewed_wrong": "decided", "seen": "seen"}
    made = create_stage("ingest", lambda _: map(create, records), reasons=reasons)
    checked = set_stage("check_labels", lambda *_: {}, decide_labels, reasons=reasons)
    run(made, [], folder / "ingest", params(), task)
    run(checked, [folder / "ingest"], folder / "check_labels", params(), task)
    return folder / "check_labels"


def test_the_written_split_is_reported_and_crosses_nothing(tmp_path, rows, make_record, classification):
    rare = [make_record(f"e{i:02x}", f"rare {i}", "rare") for i in range(3)]
    given = labels_checked(tmp_path, [*rows, *rare], classification)
    report = run(STAGE, [given], tmp_path / "split", params(), classification)
    written = list(StageFolder(tmp_path / "split").records(classification.schema))
    assert report["leakage"] == {"subjects": 0, "groups": 0, "texts": 0}
    assert report["repaired"] == ["rare"]
    assert report["lacking"] == []
    assert report["labels"]["rare"] == {"train": 1, "validation": 1, "test": 1}
    assert sum(report["moved"].values()) in (1, 2)
    for part, row in report["parts"].items():
        assert row["rows"] == sum(record.split == part for record in written)
    assert sum(report["fold_rows"]) == report["parts"]["train"]["rows"] + report["parts"]["validation"]["rows"]


def test_a_written_split_that_leaks_is_refused(tmp_path, rows, classification):
    given = labels_checked(tmp_path, rows, classification)

    def torn(record, settings, place):
        place = replace(place, part="test") if record.id == "000" else replace(place, part="train")
        return decide(record, settings, place)

    with pytest.raises(DataError, match="1 subjects lie in more than one part"):
        run(replace(STAGE, decide=torn), [given], tmp_path / "split", params(), classification)
    assert not (tmp_path / "split").exists()


def test_relabelled_records_are_known_from_the_events_before(tmp_path, rows, classification):
    first = labels_checked(tmp_path / "a", rows, classification)
    run(STAGE, [first], tmp_path / "a" / "split", params(), classification)
    written = StageFolder(tmp_path / "a" / "split").records(classification.schema)
    reserved = next(r.id for r in written if r.split == "test" and r.values["label"] == "negative" and not r.subject)
    second = labels_checked(tmp_path / "b", rows, classification, change=reserved)
    report = run(STAGE, [second], tmp_path / "b" / "split", params(), classification)
    assert report["moved"] == {"test_to_train": 1}


def test_a_label_that_a_person_corrected_may_be_tested_on(tmp_path, rows, classification):
    change = next(record.id for record in rows if record.values["label"] == "negative")
    folder = labels_checked(tmp_path, rows, classification, change, "reviewed_wrong")
    assert relabelled(StageFolder(folder)) == set()


def test_a_few_shot_run_drops_training_rows_alone_and_says_so(tmp_path, rows, make_record, classification):
    rare = [make_record(f"e{i:02x}", f"rare {i}", "rare") for i in range(4)]
    given = labels_checked(tmp_path, [*rows, *rare], classification)
    run(STAGE, [given], tmp_path / "whole", params(), classification)
    report = run(STAGE, [given], tmp_path / "split", params(shots=8), classification)
    whole = {record.id: record for record in StageFolder(tmp_path / "whole").records(classification.schema)}
    few = {record.id: record for record in StageFolder(tmp_path / "split").records(classification.schema)}
    assert all(few[id] == record for id, record in whole.items() if record.split != "train" or id in few)
    assert {label: of["train"] for label, of in report["labels"].items()} == {"negative": 8, "positive": 8, "rare": 2}
    assert report["short"] == ["rare"]
    assert report["parts"]["train"]["rows"] == 18
    assert report["records"]["dropped"] == report["reasons"]["drop"]["beyond_shots"] == len(whole) - len(few)
    assert sum(report["fold_rows"]) == 18 + report["parts"]["validation"]["rows"]


def test_what_a_few_shot_run_leaves_out_has_its_draw_in_the_event(tmp_path, rows, classification):
    given = labels_checked(tmp_path, rows, classification)
    run(STAGE, [given], tmp_path / "whole", params(), classification)
    run(STAGE, [given], tmp_path / "split", params(shots=8), classification)
    events = {}
    for name in ("whole", "split"):
        for event in StageFolder(tmp_path / name).table("events.parquet").to_pylist():
            events.setdefault(event["id"], []).append((event["reason"], json.loads(event["evidence"])["u"]))
    assert all(one[1] == other[1] for one, other in events.values())
    assert {(one[0], other[0]) for one, other in events.values() if one != other} == {("train", "beyond_shots")}


def test_a_record_of_several_labels_counts_for_each(tmp_path):
    task = load_task("multi_label")
    sets = [("a",), ("a", "b"), ("c",), ()]
    records = [
        Record(f"{i:03x}", "s", "1", task.schema, {"text": f"text {i}", "labels": sets[i % 4]}) for i in range(200)
    ]
    given = labels_checked(tmp_path, records, task)
    report = run(STAGE, [given], tmp_path / "split", params(), task)
    assert {name: sum(of.values()) for name, of in report["labels"].items()} == {
        "(none)": 50,
        "a": 100,
        "b": 50,
        "c": 50,
    }
    assert sum(row["rows"] for row in report["parts"].values()) == 200
    few = run(STAGE, [given], tmp_path / "few", params(shots=5), task)
    assert {name: of["train"] for name, of in few["labels"].items()} == {"(none)": 5, "a": 5, "b": 5, "c": 5}
