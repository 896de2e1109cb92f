"""A run of check_labels as those who review it see it."""

import json
from pathlib import Path

import pytest

from stages.commands.review_labels_run import LabelRun
from stages.core.errors import DataError
from stages.core.label_decisions import read_label_decisions
from tests.commands.doubted import doubted_run, id_of, params

VALUES = [{"text": f"text {n}", "label": "good" if n % 2 else "bad"} for n in range(4)] + [
    {"text": "nobody said", "label": None}
]
RANKED = {0: ("good", "suspect_label"), 2: (None, "outlier")}


@pytest.fixture
def last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return doubted_run("classification", VALUES, RANKED, reserved=(2,))


def again(values):
    return doubted_run("classification", values, RANKED)


def record_of(run, number):
    (record,) = run.records({id_of(number)})
    return record


def test_the_queue_comes_by_rank_with_reasons_and_evidence(last):
    assert [row.rank for row in last.queue] == [1, 2, 3, 4, 5]
    first = last.queue[0]
    assert (first.id, first.given, first.suggested, first.reasons) == (id_of(0), "bad", "good", ("suspect_label",))
    assert [row.reserved for row in last.queue] == [False, False, True, False, False]
    ((reason, evidence),) = last.evidence({id_of(0)})[id_of(0)]
    assert (reason, evidence["neighbours_agree"]) == ("suspect_label", 0.1)
    assert last.evidence({id_of(1)}) == {}


def test_records_and_cases_that_are_not_there_are_left_out(last):
    assert [record.id for record in last.records({id_of(3), id_of(1), "f" * 20})] == [id_of(1), id_of(3)]
    assert [case.record.id for case in last.cases([id_of(3), "f" * 20, id_of(1)])] == [id_of(3), id_of(1)]
    assert [*last.ids()] == [id_of(n) for n in range(5)]


def test_a_case_tells_what_the_queue_tells(last):
    case, plain = last.cases([id_of(0), id_of(1)])
    assert (case.rank, case.margin, case.given, case.suggested) == (1, 0.0, "bad", "good")
    assert [reason for reason, _ in case.findings] == ["suspect_label"]
    assert (plain.findings, plain.suggested) == ([], None)


def test_classes_are_the_declared_ones_or_those_that_records_have(last):
    assert last.labels == ("bad", "good")
    declared = LabelRun(Path("data"), params("classification", ["good", "bad", "ugly"]))
    assert declared.labels == ("bad", "good", "ugly")


@pytest.mark.parametrize(
    ("verdict", "to", "problem"),
    [
        ("relabel", "", "needs the right label"),
        ("relabel", "ugly", "not declared"),
        ("relabel", "bad", "that is keep"),
        ("keep", "good", "goes with relabel only"),
        ("drop", "good", "goes with relabel only"),
    ],
)
def test_a_decision_that_cannot_be_is_refused_in_words(last, verdict, to, problem):
    with pytest.raises(ValueError, match=problem):
        last.decide(record_of(last, 0), verdict, to)


def test_a_decision_holds_until_text_or_label_change_or_the_record_goes(last):
    assert last.state(id_of(0)) == "open"
    one = last.decide(record_of(last, 0), "relabel", "good", "kb")
    assert (one.seen, one.to, one.reviewer) == ("bad", "good", "kb")
    assert last.save([one, last.decide(record_of(last, 4), "drop")]) == {"new": 2, "changed": 0, "same": 0}
    assert [last.state(id_of(n)) for n in (0, 1, 4)] == ["decided", "open", "decided"]
    assert [again(VALUES).state(id_of(n)) for n in (0, 4)] == ["decided", "decided"]
    text, label = [{"text": "other", "label": "bad"}, *VALUES[1:]], [{"text": "text 0", "label": "good"}, *VALUES[1:]]
    assert [again(values).state(id_of(0)) for values in (text, label)] == ["stale", "stale"]
    assert again(VALUES[:4]).state(id_of(4)) == "stale"


def test_what_somebody_else_decided_meanwhile_stays(last):
    mine, theirs = last.decide(record_of(last, 0), "keep"), last.decide(record_of(last, 1), "drop")
    other = LabelRun(Path("data"), params("classification"))
    other.save([theirs])
    last.save([mine])
    assert {*read_label_decisions().by_id.values()} == {mine, theirs}
    assert last.state(id_of(1)) == "decided"


def test_a_version_is_of_the_text_and_the_label(last):
    record = record_of(last, 0)
    versions = {
        last.version(one)
        for one in (record, record.with_values(label="good"), record.with_values(text="other"), record)
    }
    assert len(versions) == 3
    assert all(version.startswith("v") for version in versions)


def test_a_run_over_another_version_of_its_input_is_refused(last):
    manifest = Path("data/scrub_pii/manifest.json")
    manifest.write_text(json.dumps({"stage": "scrub_pii", "inputs": {}, "files": {}}), encoding="utf-8")
    with pytest.raises(DataError, match="another version"):
        LabelRun(Path("data"), params("classification"))
