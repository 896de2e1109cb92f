"""What bad input gets: one clear message with place, value and next step, the right exit code, old outputs intact."""

from __future__ import annotations

import re
import subprocess

import pytest
from ruamel.yaml import YAML

from stages.__main__ import main
from stages.core.storage import StageFolder

WORDS = ["parcel", "invoice", "refund", "charger", "battery", "screen", "address", "voucher", "password", "router"]


def rows(count, labels=("bad", "good"), start=0):
    lines = [
        f'r{n},"The {WORDS[n % 10]} and the {WORDS[(n // 10) % 10]} came {n} days late",{labels[n % len(labels)]}'
        for n in range(start, start + count)
    ]
    return "id,text,label\n" + "".join(line + "\n" for line in lines)


class Desk:
    """A small project, in which every stage is run by the front door, in this process."""

    def __init__(self, path, capsys):
        self.path, self.capsys = path, capsys
        (path / "rows.csv").write_text(rows(40), encoding="utf-8")
        self.params()

    def params(self, **changes):
        source = {"name": "s", "uri": "rows.csv", "id": "id", "license": "MIT", "public": True}
        params = {"ingest": {"sources": [source]}, "engine": {"workers": 1}}
        for section, value in changes.items():
            params[section] = {**params[section], **value} if isinstance(params.get(section), dict) else value
        with (self.path / "params.yaml").open("w", encoding="utf-8") as file:
            YAML().dump(params, file)

    def run(self, name, *inputs):
        """Exit code and what was printed."""
        ins = [part for folder in inputs for part in ("--in", str(self.path / folder))]
        code = main([name, *ins, "--out", str(self.path / name)])
        printed = self.capsys.readouterr()
        return code, printed.out + printed.err

    def until(self, *names):
        """Run stages one after the other; all must succeed."""
        previous = ()
        for name in names:
            code, printed = self.run(name, *previous)
            assert code == 0, printed
            previous = (name,)


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_STAGE", "DVC_ROOT", "ROWTRAIL_KEY", "ROWTRAIL_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    return Desk(tmp_path, capsys)


def refused(result, code, *parts):
    """The run ended with this code and one message that has these parts and a next step, and no stack trace."""
    got, printed = result
    assert got == code, printed
    assert "Traceback" not in printed
    assert "next:" in printed
    for part in parts:
        assert re.search(part, printed), f"{part!r} not in {printed!r}"


def test_a_typo_in_a_key_of_any_section_stops_any_stage(desk):
    desk.params(finetune={"wieght_decay": 0.1})
    refused(desk.run("ingest"), 2, r"params.yaml: finetune.wieght_decay", "did you mean `weight_decay`")


def test_a_number_as_a_string_is_refused(desk):
    desk.params(lr="2e-5")
    refused(desk.run("ingest"), 2, "params.yaml: lr", "'2e-5'", "without quotes")


def test_an_unknown_task_is_answered_with_the_known_ones(desk):
    desk.params(task="clasification")
    refused(desk.run("ingest"), 2, "unknown task 'clasification'", "classification")


def test_an_unknown_pii_entity_is_answered_with_the_known_ones(desk):
    desk.params(scrub_pii={"entities": {"PERSOON": "tag"}})
    desk.until("ingest")
    refused(desk.run("scrub_pii", "ingest"), 2, "PERSOON", "PERSON")


def test_a_missing_source_is_named(desk):
    desk.params(ingest={"sources": [{"name": "s", "uri": "none.csv", "license": "MIT", "public": True}]})
    refused(desk.run("ingest"), 3, "none.csv")


def test_a_missing_column_is_named_with_the_columns_that_are_there(desk):
    source = {"name": "s", "uri": "rows.csv", "license": "MIT", "public": True, "fields": {"text": "body"}}
    desk.params(ingest={"sources": [source]})
    refused(desk.run("ingest"), 3, "body", "text")


@pytest.mark.parametrize("content", ["", "id,text,label\n"])
def test_an_empty_source_is_refused(desk, content):
    (desk.path / "rows.csv").write_text(content, encoding="utf-8")
    refused(desk.run("ingest"), 3)


def test_labels_outside_the_declared_set_are_quarantined_and_too_many_of_them_refused(desk):
    desk.params(ingest={"labels": ["good"], "max_quarantine_share": 0.2})
    refused(desk.run("ingest"), 3, "unknown_label", "max_quarantine_share")
    desk.params(ingest={"labels": ["good"], "max_quarantine_share": 1.0})
    desk.until("ingest")
    assert StageFolder(desk.path / "ingest").manifest["reasons"]["quarantine"] == {"unknown_label": 20}


def test_a_stage_that_drops_everything_says_why_and_leaves_the_old_output(desk):
    desk.until("ingest", "clean")
    before = StageFolder(desk.path / "clean").digest
    desk.params(clean={"min_chars": 5000})
    refused(desk.run("clean", "ingest"), 3, "40 too_short", "`clean` in params.yaml")
    assert StageFolder(desk.path / "clean").digest == before


def test_one_class_only_cannot_be_split_for_learning(desk):
    (desk.path / "rows.csv").write_text(rows(40, labels=("good",)), encoding="utf-8")
    desk.until("ingest")
    refused(desk.run("split", "ingest"), 3, "all 40 records have the same label")


def test_too_few_rows_for_all_splits_are_refused_with_the_counts(desk):
    (desk.path / "rows.csv").write_text(rows(2), encoding="utf-8")
    desk.until("ingest")
    refused(desk.run("split", "ingest"), 3, "split")


def test_a_class_with_fewer_rows_than_folds_is_left_unchecked_and_the_rest_is_checked(desk):
    few = rows(60) + "x1,a word of its own kind entirely,rare\nx2,another of that rare kind,rare\n"
    (desk.path / "rows.csv").write_text(few, encoding="utf-8")
    desk.params(check_labels={"folds": 5})
    desk.until("ingest", "check_labels")
    assert StageFolder(desk.path / "check_labels").manifest["counts"]["kept"] == 62


def test_an_unknown_model_is_named(desk):
    desk.params(model="pkg://no_such_package/model")
    desk.until("ingest", "split")
    refused(desk.run("plan", "split"), 2, "no_such_package")


def test_a_private_plan_that_could_not_hold_is_refused_with_all_that_is_wrong(desk):
    desk.params(batch_size=512, privacy={"enabled": True, "unit": "subject", "delta": 0.5})
    desk.until("ingest", "split")
    refused(desk.run("plan", "split"), 4, r"batch_size", r"privacy\.delta", r"privacy\.unit")


def test_a_source_that_is_not_public_needs_a_key(desk):
    desk.params(ingest={"sources": [{"name": "s", "uri": "rows.csv", "id": "id", "license": "x"}]})
    refused(desk.run("ingest"), 2, "no key", "rowtrail key")


@pytest.mark.parametrize("damage", [b"", b"PAR1 no parquet", None])
def test_an_unreadable_input_is_named_and_the_old_output_stays(desk, damage):
    desk.until("ingest", "clean")
    before = StageFolder(desk.path / "clean").digest
    file = desk.path / "ingest/records.parquet"
    file.unlink() if damage is None else file.write_bytes(damage)
    refused(desk.run("clean", "ingest"), 3, "records.parquet")
    assert StageFolder(desk.path / "clean").digest == before


def test_a_broken_manifest_is_named(desk):
    desk.until("ingest")
    (desk.path / "ingest/manifest.json").write_text("[1, 2", encoding="utf-8")
    refused(desk.run("clean", "ingest"), 3, "manifest.json")


def test_a_full_disk_is_said_and_the_old_output_stays(desk, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=False, capture_output=True
    ).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        (desk.path / "rows.csv").write_text(rows(40), encoding="utf-8")
        desk.until("ingest")
        code = main(["clean", "--in", str(desk.path / "ingest"), "--out", str(disk / "clean")])
        assert code == 0
        before = StageFolder(disk / "clean").digest
        (disk / "filler").write_bytes(bytes(256 * 1024 - 40_000))
        (desk.path / "rows.csv").write_text(rows(9000), encoding="utf-8")
        desk.until("ingest")
        desk.capsys.readouterr()
        code = main(["clean", "--in", str(desk.path / "ingest"), "--out", str(disk / "clean")])
        refused((code, desk.capsys.readouterr().err), 1, "no space left")
        assert StageFolder(disk / "clean").digest == before
        assert sorted(path.name for path in disk.iterdir() if path.is_dir()) == ["clean"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
