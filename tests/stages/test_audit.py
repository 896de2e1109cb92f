import json

import pytest

from stages import audit as door
from stages.audit import STAGE
from stages.core.errors import DataError
from stages.core.ledger import Tally
from stages.core.params import ScrubPiiParams
from stages.core.runner import run
from stages.core.storage import FolderWriter, StageFolder
from stages.core.tables import events_table
from tests.tiny import TASK, params, run_finetune, save_base, toy_records, write_split

SECTION = {"bootstrap": 100, "sample": 50}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("audit")
    write_split(root / "split", toy_records(90, 15, 60))
    run_finetune(root, params(save_base(root / "base")))
    return root


@pytest.fixture
def audit(root, monkeypatch):
    """Run the stage and give its report."""
    monkeypatch.setenv("DVC_ROOT", str(root))

    def of(out, *more, split="split"):
        settings = params(root / "base", audit=SECTION)
        return run(STAGE, [root / split, root / "finetune", *more], root / out, settings, TASK)

    return of


def scrubbed_folder(path, events):
    with FolderWriter(path, TASK.schema) as folder:
        folder.append(events_table(events))
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "scrub_pii", "inputs": {}, "params": {}})
    return path


def test_members_and_others_are_equally_many_and_the_attack_has_its_interval(root, audit):
    report = audit("audit")
    assert report["members"] == report["non_members"] == 50
    assert report["membership"]["auc_low"] <= report["membership"]["auc"] <= report["membership"]["auc_high"]
    assert "tpr_at_1_percent_fpr" not in report["membership"]  # 50 are too few
    assert set(report["controls"]) == {"text", "embedding", "difficulty"}
    events = StageFolder(root / "audit").table("events.parquet").to_pylist()
    splits = {one.id: one.split for one in toy_records(90, 15, 60)}
    expected = {"attacked_as_member": "train", "attacked_as_other": "test"}
    assert len(events) == 100
    assert all(splits[event["id"]] == expected[event["reason"]] for event in events)
    curve = (root / "audit" / "roc.csv").read_text().splitlines()
    assert curve[0] == "fpr,tpr"
    assert curve[-1] == "1.0,1.0"


def test_a_second_run_gives_the_same_bytes(root, audit):
    audit("one")
    audit("two")
    for name in ("events.parquet", "report.json", "roc.csv"):
        assert (root / "one" / name).read_bytes() == (root / "two" / name).read_bytes()


def test_too_few_records_are_said_and_not_attacked(root, audit):
    write_split(root / "small", toy_records(60, 15, 19))
    report = audit("small_audit", split="small")
    assert report["membership"] == {}
    assert not report["valid"]
    assert report["membership_sentence"].startswith("Not tried")
    assert report["leaks_found"] == 0


def test_labels_that_the_model_does_not_know_are_refused(root, audit):
    write_split(root / "other", toy_records(60, 15, 40, ("negative", "furious")))
    with pytest.raises(DataError, match="furious"):
        audit("refused", split="other")


def test_a_scrubbed_value_in_a_file_beside_the_model_is_found_by_the_hash_that_scrub_pii_wrote(
    root, audit, make_record, make_context
):
    from stages import scrub_pii

    settings = ScrubPiiParams(entities={"EMAIL_ADDRESS": "surrogate"})
    record = make_record("00aa", "please write to zzyx.marked@mailbox-zzyx.org today")
    decision = scrub_pii.decide(record, settings, scrub_pii.prepare([record], make_context("scrub_pii", settings))[0])
    events = Tally("scrub_pii", scrub_pii.REASONS).count(decision, record)
    assert [event["reason"] for event in events] == ["pii_replaced"]
    folder = scrubbed_folder(root / "scrub_pii", events)
    assert audit("clean", folder)["leaks"]["scrubbed_values"] == {}
    leak = root / "finetune" / "model" / "notes.txt"
    leak.write_text("labelled by Zzyx.Marked@mailbox-zzyx.org, thanks\n", encoding="utf-8")
    try:
        report = audit("leaking", folder)
    finally:
        leak.unlink()
    assert report["leaks"]["scrubbed_values"] == {"EMAIL_ADDRESS": 1}
    assert report["leaks"]["patterns"]["EMAIL_ADDRESS"] == 1
    assert report["leaks_found"] == 2
    assert "zzyx" not in json.dumps(report).lower()


def test_without_the_folder_of_scrub_pii_the_report_says_what_was_not_looked_for(audit):
    report = audit("alone")
    assert "scrubbed_values" not in report["leaks"]
    assert "not given" in report["leaks_sentence"]


def test_a_loss_that_is_not_finite_still_ranks_last():
    assert door._loss(None) > door._loss(50.0)
