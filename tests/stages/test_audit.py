import json
import random

import pyarrow.parquet as pq
import pytest

from stages import audit as door
from stages.audit import STAGE
from stages.core.errors import CheckFailed, DataError
from stages.core.ledger import Tally
from stages.core.params import ScrubPiiParams
from stages.core.runner import run
from stages.core.storage import FolderWriter, StageFolder
from stages.core.tables import events_table
from stages.methods.audit.canaries import FILE, Planted, draw_canaries, planted_table, vocabulary
from stages.methods.evaluate.tuned_model import open_tuned
from tests.tiny import TASK, params, run_finetune, save_base, toy_records, write_split

SECTION = {"bootstrap": 100, "sample": 50}
CERTIFICATE = {
    "format": 1, "unit": "record", "delta": 1e-5, "epsilon": {"record": 2.0, "subject": None, "target": 2.0},
    "audit": "data/audit/privacy.json",
}  # fmt: skip


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


@pytest.fixture
def plant(root):
    """Put canaries beside the model whose losses fell as far as asked, and a certificate; taken away afterwards."""
    files = [root / "finetune" / name for name in (FILE, "privacy.json")]

    def of(fall, certificate=None):
        tuned = open_tuned(TASK, StageFolder(root / "finetune"))
        records = draw_canaries(TASK, 100, vocabulary(tuned.tokenizer), tuned.labels, random.Random(0))
        coins = [random.Random(record.id).random() < 0.5 for record in records]
        losses = tuned.losses(records)
        rows = [
            Planted(record, 1, coin, loss + fall * coin, loss - coin)
            for record, coin, loss in zip(records, coins, losses, strict=True)
        ]
        pq.write_table(planted_table(rows), files[0])
        if certificate is not None:
            files[1].write_text(json.dumps(certificate), encoding="utf-8")

    yield of
    for file in files:
        file.unlink(missing_ok=True)


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


def test_without_canaries_and_a_certificate_nothing_is_said_of_them(root, audit):
    report = audit("plain")
    assert not {"canary", "exposure", "regurgitation"} & set(report)
    assert not any("ceiling" in name for name in report["membership"])
    assert not (root / "plain" / "privacy.json").exists()


def test_canaries_that_a_model_remembers_bound_epsilon_from_below(root, audit, plant):
    plant(3.0)
    report = audit("remembering")
    assert report["canary"]["epsilon_at_least"] > 1.5
    assert not report["canary"]["underpowered"]
    assert "nothing is claimed" in report["canary_sentence"]
    assert not (root / "remembering" / "privacy.json").exists()


def test_the_certificate_is_written_again_with_what_the_audit_showed(root, audit, plant):
    plant(0.0, CERTIFICATE)
    report = audit("certified")
    assert report["canary"]["epsilon_at_least"] == 0
    assert report["canary"]["claimed"] == 2.0
    written = json.loads((root / "certified" / "privacy.json").read_text())
    assert written["audit"]["epsilon_at_least"] == 0
    assert written["audit"]["control"]["epsilon_at_least"] > 1.5
    assert {**written, "audit": CERTIFICATE["audit"]} == CERTIFICATE


def test_a_bound_above_the_certificate_fails_and_leaves_no_folder(root, audit, plant):
    plant(3.0, {**CERTIFICATE, "epsilon": {"record": 0.5, "subject": None, "target": 0.5}})
    with pytest.raises(CheckFailed, match=r"epsilon of 0\.5"):
        audit("contradicted")
    assert not (root / "contradicted").exists()


def test_a_row_that_a_private_training_left_out_is_no_member(root, audit, plant):
    plant(0.0, CERTIFICATE)
    write_split(root / "more", toy_records(120, 15, 60))  # the model knows only the first 90, and others as test rows
    assert audit("left_out", split="more")["members"] == 50
    events = StageFolder(root / "left_out").table("events.parquet").to_pylist()
    known = {one.id for one in toy_records(90, 0, 0)}
    assert {event["id"] for event in events if event["reason"] == "attacked_as_member"} <= known
