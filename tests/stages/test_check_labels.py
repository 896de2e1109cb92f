import json
import random
from dataclasses import replace

import pytest

from stages.check_labels import REASONS, STAGE, decide
from stages.core.doubts import Doubt
from stages.core.keys import load_keys
from stages.core.label_decisions import LabelDecision, label_decisions_of, write_label_decisions
from stages.core.ledger import Tally
from stages.core.params import CheckLabelsParams, SplitParams
from stages.core.records import Label
from stages.core.runner import run
from stages.core.storage import FolderWriter, StageFolder
from stages.methods.check_labels.findings import Finding
from stages.methods.check_labels.reasons import DATA_REASONS
from stages.methods.split.splitting import draw
from tests.tiny import FILLERS, TASK, WORDS, params, save_base

LABELS = sorted(WORDS)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_base(tmp_path_factory.mktemp("base"))


def toy(make_record, rows=150, wrong=()):
    """Records whose words stand for their label, except for those in `wrong`, who carry the next one."""
    records = []
    for i in range(rows):
        rng = random.Random(i)
        true = LABELS[i % 3]
        words = [rng.choice(WORDS[true]) for _ in range(6)] + [rng.choice(FILLERS), f"n{i}"]
        label = LABELS[(i + 1) % 3] if i in wrong else true
        confidence = 0.5 if i in wrong else 0.9
        records.append(make_record(f"{i:04x}", " ".join(words), label, confidence=confidence))
    return records


def write(path, records):
    with FolderWriter(path, TASK.schema) as folder:
        for record in records:
            folder.add(record)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "scrub_pii", "inputs": {}, "params": {}})
    return path


@pytest.fixture
def checked(tmp_path, base, monkeypatch):
    """Run the stage over records and give its report, its events but for findings about the data, and its records."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def of(records, out="out", workers=1, **section):
        source = write(tmp_path / f"{out}_in", records)
        settings = params(base, check_labels=section, engine={"workers": workers})
        report = run(STAGE, [source], tmp_path / out, settings, TASK)
        folder = StageFolder(tmp_path / out)
        rows = folder.table("events.parquet").to_pylist()
        events = {row["id"]: row for row in rows if row["reason"] not in DATA_REASONS}
        return report, events, {record.id: record for record in folder.records(TASK.schema)}

    return of


WRONG = (4, 17, 33, 62, 90, 91, 118, 140)
RESERVED = {i for i in WRONG if draw(13, f"{i:04x}") < 0.15}


def test_wrong_labels_are_found_and_right_ones_left_alone(checked, make_record):
    report, events, records = checked(toy(make_record, wrong=WRONG))
    found = {int(id, 16) for id in events}
    assert len(found & set(WRONG)) >= 7
    assert len(found - set(WRONG)) <= 1
    assert report["suspects"] == len(found) == sum(report["suspects_by_label"].values())
    assert {event["action"] for event in events.values()} == {"keep"}
    assert len(records) == 150


def test_evidence_names_both_labels_and_the_queue_ranks_every_record(checked, make_record, tmp_path):
    _, events, _ = checked(toy(make_record, wrong=WRONG))
    rows = StageFolder(tmp_path / "out").table("queue.parquet").to_pylist()
    queue = {row["id"]: row for row in rows}
    assert [row["rank"] for row in rows] == list(range(1, 151))
    assert [row["margin"] for row in rows] == sorted(row["margin"] for row in rows)
    assert {row["id"] for row in rows if {*row["reasons"]} - {*DATA_REASONS}} == {*events}
    evidence = [json.loads(event["evidence"]) for event in events.values()]
    for id, event in events.items():
        facts = json.loads(event["evidence"])
        assert facts["rank"] == int(queue[id]["rank"])
        if int(id, 16) in WRONG:
            assert (facts["given"], facts["suggested"]) == (LABELS[(int(id, 16) + 1) % 3], LABELS[int(id, 16) % 3])
    ranked = sorted(evidence, key=lambda facts: facts["rank"])
    assert [facts["score"] for facts in ranked] == sorted(facts["score"] for facts in ranked)
    assert all(0 <= facts["self_confidence"] <= 1 for facts in evidence)


@pytest.mark.parametrize("policy", ["drop", "relabel"])
def test_a_suspect_reserved_for_test_is_marked_and_never_changed(checked, make_record, policy):
    wrong = {*WRONG, *(i for i in range(150) if draw(13, f"{i:04x}") < 0.05)}
    before = {record.id: record for record in toy(make_record, wrong=wrong)}
    report, events, records = checked(list(before.values()), policy=policy)
    reserved = {id for id, event in events.items() if json.loads(event["evidence"])["reserved"]}
    assert reserved == {id for id in events if draw(13, id) < 0.15}
    assert reserved
    assert len(reserved) < len(events)
    assert all(events[id]["action"] == "keep" and records[id] == before[id] for id in reserved)
    others = set(events) - reserved
    assert {events[id]["action"] for id in others} == {policy}
    assert report["suspects_reserved"] == len(reserved)
    assert report["suspects_changed"] == len(others)
    if policy == "drop":
        assert not others & set(records)
    else:
        suggested = {id: json.loads(events[id]["evidence"])["suggested"] for id in others}
        assert {id: records[id].values["label"] for id in others} == suggested


def test_the_same_bytes_come_out_with_two_workers_and_with_a_filled_cache(checked, make_record, tmp_path):
    records = toy(make_record, wrong=WRONG)
    for out, workers in (("one", 2), ("two", 1)):
        checked(records, out, workers)
    assert len(list((tmp_path / ".rowtrail" / "cache").iterdir())) == 2
    for name in ("events.parquet", "records.parquet", "report.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_records_without_a_label_and_rare_classes_are_kept_unchecked_and_counted(checked, make_record):
    records = toy(make_record, 90)
    records += [make_record(f"1{i:03x}", f"a tree n{i}", None) for i in range(5)]
    records += [make_record(f"2{i:03x}", f"a house m{i}", "rare") for i in range(3)]
    report, events, kept = checked(records)
    assert report["unchecked"] == {"no_label": 5, "not_judged": 3}
    assert report["unchecked_classes"] == {"rare": 3}
    assert report["checked"] == 90
    assert len(kept) == 98
    assert not any(id[0] in "12" for id in events)
    assert len(report["warnings"]) == 1


@pytest.mark.parametrize("label", ["positive", None])
def test_with_one_class_or_no_labels_nothing_is_checked_and_the_report_says_so(checked, make_record, label):
    records = [replace(r, values={**r.values, "label": label}) for r in toy(make_record, 30)]
    report, events, kept = checked(records)
    assert (report["checked"], report["suspects"], len(events), len(kept)) == (0, 0, 0, 30)
    assert "nothing was checked" in report["warnings"][0]


def test_the_report_tells_whether_annotators_doubted_the_same_records(checked, make_record):
    report, _, _ = checked(toy(make_record, wrong=WRONG))
    found = report["confidence"]
    assert found["rows"] == 150
    assert found["rows_low"] == len(WRONG)
    assert found["auroc"] > 0.95
    assert found["mean_suspects"] < found["mean_others"]
    unknown = [replace(record, confidence=None) for record in toy(make_record, 60)]
    assert "confidence" not in checked(unknown, "unknown")[0]


def finding(reasons=("suspect_label",), decision=None, **values):
    doubts = [Doubt(reason, {"suggested": Label("not so good")}) for reason in reasons]
    return Finding(TASK, doubts, "not so good", 1, **{"reserved": False, **values}, decision=decision)


def sections(policy):
    return {"check_labels": CheckLabelsParams(policy=policy), "split": SplitParams()}


def test_events_hold_no_text_and_a_reason_for_each_doubt(make_record):
    record = make_record(label="positive")
    decision = decide(record, sections("relabel"), finding(("outlier", "suspect_label")))
    rows = Tally("check_labels", REASONS).count(decision, record)
    assert [(row["action"], row["reason"]) for row in rows] == [("relabel", "suspect_label"), ("keep", "outlier")]
    assert decide(record, sections("relabel"), None).events == ()
    assert "hello" not in rows[0]["evidence"]


@pytest.mark.parametrize("policy", ["drop", "relabel"])
def test_the_policy_is_about_labels_and_leaves_findings_about_the_data_alone(make_record, policy):
    record = make_record(label="positive")
    decision = decide(record, sections(policy), finding(("outlier", "near_test")))
    assert decision.record == record
    assert {event.action for event in decision.events} == {"keep"}


def test_without_a_suggestion_nothing_is_relabelled(make_record):
    record = make_record(label="positive")
    decision = decide(record, sections("relabel"), replace(finding(("empty_answer",)), suggested=None))
    assert decision.record == record
    assert [event.action for event in decision.events] == ["keep"]


def decided(verdict, to=""):
    return LabelDecision("0a", "0" * 32, "positive", verdict, to)


def test_what_a_person_decided_goes_before_the_policy(make_record):
    record = make_record(label="positive")
    right = decide(record, sections("drop"), finding(decision=decided("keep")))
    wrong = decide(record, sections("flag"), finding(decision=decided("relabel", "negative")))
    out = decide(record, sections("flag"), finding(decision=decided("drop")))
    assert (right.record, right.events[0].reason) == (record, "reviewed_right")
    assert wrong.record is not None
    assert (wrong.record.values["label"], wrong.events[0].reason) == ("negative", "reviewed_wrong")
    assert (out.record, out.outcome, out.events[0].reason) == (None, "dropped", "reviewed_out")


def test_a_test_record_that_a_person_takes_out_stays_for_evaluate_to_count_apart(make_record):
    record = make_record(label="positive")
    decision = decide(record, sections("flag"), finding(decision=decided("drop"), reserved=True))
    assert decision.record == record
    assert [(event.action, event.reason) for event in decision.events] == [("keep", "reviewed_out")]


def test_decisions_are_applied_again_while_record_and_label_match_and_are_stale_after(checked, make_record, tmp_path):
    records = toy(make_record, wrong=WRONG)
    keys = load_keys({"s": True})
    seen = {record.id: keys.hash("label_decision", record.source, record.text)[:32] for record in records}
    train = next(i for i in WRONG if i not in RESERVED)
    lines = [
        LabelDecision(records[train].id, seen[records[train].id], records[train].values["label"], "relabel", LABELS[0]),
        LabelDecision(records[1].id, seen[records[1].id], records[1].values["label"], "drop"),
        LabelDecision(records[2].id, "0" * 32, records[2].values["label"], "keep"),
        LabelDecision(records[5].id, seen[records[5].id], "another", "keep"),
    ]
    write_label_decisions(label_decisions_of(lines), tmp_path / "data/decisions/labels.csv")
    _, events, kept = checked(records)
    assert kept[records[train].id].values["label"] == LABELS[0]
    reasons = {id: event["reason"] for id, event in events.items()}
    assert [reasons[one.id] for one in lines] == ["reviewed_wrong", "reviewed_out", "stale_decision", "stale_decision"]


@pytest.mark.parametrize("given", ["here", "nowhere"])
def test_a_class_that_only_a_decision_names_is_warned_of(checked, make_record, tmp_path, given):
    records = toy(make_record, 60)
    first, label = records[1], LABELS[2] if given == "here" else "negatvie"
    text = load_keys({"s": True}).hash("label_decision", first.source, first.text)[:32]
    decision = LabelDecision(first.id, text, first.values["label"], "relabel", label)
    write_label_decisions(label_decisions_of([decision]), tmp_path / "data/decisions/labels.csv")
    report, _, _ = checked(records)
    warning = "People gave records a class that no record has in the source."
    assert (warning in report["warnings"]) is (given == "nowhere")
