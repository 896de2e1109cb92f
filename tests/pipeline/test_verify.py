"""`rowtrail verify` on a whole project: clean as it was run, and every kind of tampering is found and named."""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stages.commands import verify
from stages.commands.verify_bytes import byte_checks
from stages.commands.verify_checks import run_group
from stages.commands.verify_project import Project
from stages.core.dvc_files import DvcCache, md5_of, read_lock
from stages.core.ledger import IdSet
from stages.core.storage import files_below, sha256_of, write_json
from tests.pipeline.conftest import MARK, MARKED_CUSTOMER

pytestmark = pytest.mark.slow

FOLDERS = {
    **dict.fromkeys(("ingest", "clean", "deduplicate", "scrub_pii", "split"), ("records.parquet",)),
    "check_labels": ("records.parquet", "queue.parquet"),
    "plan": ("plan.json", "terms.csv"),
    "finetune": (
        "training.json", "learning_curve.csv", "live/metrics.json", "live/plots/metrics/lr.tsv",
        "live/plots/metrics/train/loss.tsv", "live/plots/metrics/validation/loss.tsv", "model/config.json",
        "model/model.safetensors", "model/tokenizer.json", "model/tokenizer_config.json",
    ),
    "evaluate": ("predictions.parquet", "confusion.csv", "reliability.csv", "slices.csv"),
    "audit": ("roc.csv",),
}  # fmt: skip
IN_EACH = ("events.parquet", "report.json", "manifest.json")
FILES = [(stage, name) for stage, own in FOLDERS.items() for name in (*own, *IN_EACH)]


@dataclass
class Desk:
    """A copy of the project for one test after the other: what a test writes is put back when it ends."""

    root: Path
    lock: dict[str, Any]
    before: dict[Path, bytes | None] = field(default_factory=dict)

    def keep(self, path: Path | str) -> Path:
        """Remember a file before it is changed."""
        path = Path(path)
        if path not in self.before:
            self.before[path] = path.read_bytes() if path.exists() else None
        return path

    def write(self, path: Path | str, content: bytes) -> None:
        self.keep(path).write_bytes(content)

    def flip(self, path: Path | str) -> None:
        """Change one byte in the middle of a file."""
        content = bytearray(Path(path).read_bytes())
        content[len(content) // 2] ^= 1
        self.write(path, bytes(content))

    def table(self, path: str, change) -> None:
        """Change a parquet file through a function of its table."""
        table = change(pq.read_table(path))
        content = io.BytesIO()
        pq.write_table(table, content, compression="zstd")
        self.write(path, content.getvalue())

    def json(self, path: str, change) -> None:
        """Change a JSON file through a function of its values, written as a stage writes it."""
        values = json.loads(Path(path).read_bytes())
        change(values)
        write_json(self.keep(path), values)

    def reseal(self, first: str) -> None:
        """What a careful forger does: all digests from a stage on fit again, in manifests, plan, model and dvc.lock."""
        names = list(self.lock)
        for stage in names[names.index(first) :]:
            self._seal(stage)

    def _seal(self, stage: str) -> None:
        folder = Path("data") / stage
        old = md5_of_lock(folder)
        if stage == "plan":
            self.json("data/plan/plan.json", lambda plan: plan["data"].update(split=sha256_of(Path(MANIFEST_OF_SPLIT))))
        if stage == "finetune":
            digest = sha256_of(Path("data/plan/plan.json"))
            self.json("data/finetune/training.json", lambda said: said.update(plan=digest))

        def refresh(manifest):
            manifest["inputs"] = {name: sha256_of(Path(f"data/{name}/manifest.json")) for name in manifest["inputs"]}
            names = (name for name in files_below(folder) if name != "manifest.json")
            manifest["files"] = {name: sha256_of(folder / name) for name in names}

        self.json(str(folder / "manifest.json"), refresh)
        self.write("dvc.lock", Path("dvc.lock").read_bytes().replace(old.encode(), md5_of(folder).encode()))

    def back(self) -> None:
        for path, content in self.before.items():
            if content is None:
                path.unlink(missing_ok=True)
                continue
            mode = path.stat().st_mode if path.exists() else None
            path.unlink(missing_ok=True)
            path.write_bytes(content)
            if mode is not None:
                path.chmod(mode)
        self.before.clear()


MANIFEST_OF_SPLIT = "data/split/manifest.json"


def md5_of_lock(folder: Path) -> str:
    """What dvc.lock says now of an output, without reading all of it as YAML, which takes long."""
    found = re.search(rf"- path: {folder}\n +hash: md5\n +md5: (\S+)", Path("dvc.lock").read_text(encoding="utf-8"))
    return found[1]


@pytest.fixture(scope="module")
def place(project, tmp_path_factory):
    """One copy of the project, with its lock file and figures committed."""
    root = tmp_path_factory.mktemp("verify") / "project"
    shutil.copytree(project.path, root, symlinks=True)
    copied = type(project)(root)
    copied.run("git", "add", "-A")
    copied.run("git", "commit", "-qm", "first run")
    return Desk(root, read_lock((root / "dvc.lock").read_bytes()))


@pytest.fixture
def desk(place, monkeypatch):
    monkeypatch.chdir(place.root)
    yield place
    place.back()


def look(*names: str, **options) -> dict[str, Any]:
    """Groups by name, after a verification of all or of these."""
    known = {"rev": None, "cache": False, "attestation": None, "public_key": None, "json": False}
    kinds = verify.kinds(argparse.Namespace(**{**known, **options}))
    return {name: run_group(name, kinds[name]) for name in names or kinds}


def faults(groups, *names: str) -> str:
    """The faults of some groups, or of all, one after the other."""
    return "\n".join(str(fault) for name in names or groups for fault in groups[name].faults)


def test_a_project_as_it_was_run_has_no_fault_and_nothing_but_the_empty_list_to_note(desk):
    groups = look(cache=True)
    assert faults(groups) == ""
    assert [name for name, group in groups.items() if not group.checked] == ["budget"]  # nothing was spent
    notes = [note for group in groups.values() for note in group.notes]
    assert [note for note in notes if "nobody is on the list" not in note and "the last commit is" not in note] == []


def test_every_file_of_every_folder_that_others_are_made_from_is_among_those_that_are_flipped(desk):
    found = {(stage, name) for stage in FOLDERS for name in files_below(Path("data") / stage)}
    assert found == set(FILES)


@pytest.mark.parametrize(("stage", "name"), [*FILES, *(("document", name) for name in ("index.html", *IN_EACH))])
def test_one_flipped_byte_is_found_and_its_file_is_named_with_and_without_the_cache(desk, stage, name):
    path = f"data/{stage}/{name}"
    desk.flip(path)
    assert _altered(desk, stage, DvcCache()) == [path]
    # Without the cache only the manifest says more; one that no later stage has read is in doubt itself.
    doubted = {f"data/{stage}/manifest.json"} if stage == "document" else set()
    assert path in _altered(desk, stage, DvcCache(Path("elsewhere")))
    if name != "manifest.json":
        assert set(_altered(desk, stage, DvcCache(Path("elsewhere")))) == {path} | doubted


def _altered(desk, stage, cache):
    project = Project()
    project.__dict__.update(lock=desk.lock, cache=cache)
    checks = (check for check in byte_checks(project) if check.place == f"data/{stage}")
    return [fault.place for fault in run_group("bytes", checks).faults]


@pytest.mark.parametrize(
    "name", ["reports/index.html", "reports/evaluate.json", "data/raw/sample.csv", "stages/clean.py"]
)
def test_one_flipped_byte_outside_the_folders_is_found_and_its_file_is_named(desk, name):
    desk.flip(name)
    assert name.replace("sample.csv", "").rstrip("/") in faults(look("bytes"), "bytes")


def test_a_file_that_is_missing_and_one_that_is_too_many_are_named(desk):
    desk.keep("data/clean/report.json").unlink()
    desk.write("data/split/more.txt", b"more")
    found = look("bytes", "chain")
    for group in ("bytes", "chain"):
        assert "data/clean/report.json: is missing" in faults(found, group)
        assert "data/split/more.txt: does not belong there" in faults(found, group)


def test_a_dropped_row_is_found_though_every_digest_fits(desk):
    lost = pq.read_table("data/clean/records.parquet")["id"][7].as_py()
    desk.table("data/clean/records.parquet", lambda table: table.filter(pc.not_equal(table["id"], lost)))
    desk.reseal("clean")
    groups = look("bytes", "chain", "records")
    assert faults(groups, "bytes", "chain") == ""
    assert f"neither kept nor dropped: {lost}" in faults(groups, "records")
    assert "not among what the stage was given" in faults(groups, "records")
    assert "data/clean/manifest.json: says 121 records kept; the rows themselves give 120" in faults(groups, "records")


def test_a_row_that_was_exchanged_for_another_is_found_though_the_counts_fit(desk):
    def exchange(table):
        ids = pa.array(["0" * 20, *table["id"].to_pylist()[1:]])
        return table.set_column(0, "id", ids)

    desk.table("data/check_labels/records.parquet", exchange)
    desk.reseal("check_labels")
    found = faults(look("records"), "records")
    assert "1 record is in the output, and not among what the stage was given: 00000000000000000000" in found
    assert "they are other records" in found


def test_a_row_that_stands_twice_is_found(desk):
    desk.table("data/scrub_pii/records.parquet", lambda table: pa.concat_tables([table.slice(0, 1), table]))
    desk.reseal("scrub_pii")
    assert "or two have one id" in faults(look("records"), "records")


def test_an_event_with_another_reason_is_found_though_every_digest_fits(desk):
    def edit(table):
        reasons = ["other" if reason == "normalised" else reason for reason in table["reason"].to_pylist()]
        return table.set_column(3, "reason", pa.array(reasons))

    desk.table("data/clean/events.parquet", edit)
    desk.reseal("clean")
    groups = look("bytes", "chain", "records", "events")
    assert faults(groups, "bytes", "chain") == ""
    assert "data/clean/manifest.json: counts other events" in faults(groups, "records")
    assert "a reason that the manifest does not declare" in faults(groups, "events")


def test_an_event_that_says_text_is_found(desk):
    def edit(table):
        evidence = ['{"note": "some words of a person"}', *table["evidence"].to_pylist()[1:]]
        return table.set_column(4, "evidence", pa.array(evidence))

    desk.table("data/clean/events.parquet", edit)
    assert "neither number, code, id, hash nor declared label" in faults(look("events"), "events")


def test_a_deleted_event_is_found_though_every_digest_and_the_manifests_counts_fit(desk):
    def counted(manifest):
        manifest["reasons"]["edit"]["normalised"] -= 1

    events = pq.read_table("data/clean/events.parquet")
    first = events["action"].to_pylist().index("edit")
    desk.table("data/clean/events.parquet", lambda table: pa.concat_tables([table[:first], table[first + 1 :]]))
    desk.json("data/clean/manifest.json", counted)
    desk.reseal("clean")
    groups = look("bytes", "chain", "records")
    assert faults(groups, "bytes", "chain") == ""
    assert f"changed without an event that says so: {events['id'][first]}" in faults(groups, "records")


def test_a_text_that_was_changed_in_silence_is_found_though_every_digest_fits(desk):
    table = pq.read_table("data/check_labels/records.parquet")
    texts = ["quite another text", *table["text"].to_pylist()[1:]]
    for stage in ("check_labels", "split"):
        desk.table(f"data/{stage}/records.parquet", lambda table: _with_text(table, texts))
    desk.reseal("check_labels")
    groups = look("bytes", "chain", "records")
    assert faults(groups, "bytes", "chain") == ""
    assert f"changed without an event that says so: {table['id'][0]}" in faults(groups, "records")
    assert "quite another text" not in faults(groups)


def _with_text(table, texts):
    return table.set_column(table.column_names.index("text"), "text", pa.array(texts))


def test_a_text_that_was_changed_beside_the_places_its_events_name_is_found(desk):
    touched = json.loads(Path("data/scrub_pii/report.json").read_bytes())["records_touched"]
    assert touched
    events = pq.read_table("data/scrub_pii/events.parquet").to_pylist()
    id = next(event["id"] for event in events if event["action"] == "edit")
    for stage in ("scrub_pii", "check_labels", "split"):
        desk.table(f"data/{stage}/records.parquet", lambda table: _with_text(table, _longer(table, id)))
    desk.reseal("scrub_pii")
    groups = look("bytes", "chain", "records", "decisions")
    assert faults(groups, "bytes", "chain", "records") == ""
    assert f"1 record changed elsewhere than the events say: {id}" in faults(groups, "decisions")


def _longer(table, id):
    rows = zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)
    return [text + " and more" if one == id else text for one, text in rows]


def test_a_record_that_was_moved_to_another_split_is_found_though_every_digest_fits(desk):
    def move(table):
        splits = table["split"].to_pylist()
        splits[splits.index("train")] = "test"
        return table.set_column(table.column_names.index("split"), "split", pa.array(splits))

    desk.table("data/split/records.parquet", move)
    desk.reseal("split")
    groups = look("bytes", "chain", "splits")
    assert faults(groups, "bytes", "chain") == ""
    found = faults(groups, "splits")
    assert "assigns 1 record to another split than theirs" in found
    assert "trained_on that lie outside the train split" in found


def test_a_record_that_was_moved_with_its_event_and_all_counts_is_found_by_its_draw(desk):
    def move(table, column):
        splits = table[column].to_pylist()
        splits[splits.index("validation")] = "test"
        return table.set_column(table.column_names.index(column), column, pa.array(splits))

    def counts(said):
        said["reasons"]["assign"]["validation"] -= 1
        said["reasons"]["assign"]["test"] += 1

    desk.table("data/split/records.parquet", lambda table: move(table, "split"))
    desk.table("data/split/events.parquet", lambda table: move(table, "reason"))
    desk.json("data/split/report.json", counts)
    desk.json("data/split/manifest.json", counts)
    desk.reseal("split")
    groups = look("bytes", "chain", "records", "events", "splits")
    assert faults(groups, "bytes", "chain", "records", "events") == ""
    assert "1 record with another draw than seed and group give" in faults(groups, "splits")


def test_a_subject_whose_records_lie_in_two_splits_is_found(desk):
    def join(table):
        splits = table["split"].to_pylist()
        subjects = table["subject"].to_pylist()
        subjects[splits.index("train")] = subjects[splits.index("test")] = "ab" * 16
        return table.set_column(table.column_names.index("subject"), "subject", pa.array(subjects))

    desk.table("data/split/records.parquet", join)
    found = look("splits", "records")
    assert "a subject crosses splits (1 times)" in faults(found, "splits")
    assert "with another subject than in data/check_labels" in faults(found, "records")


def test_an_altered_object_of_the_cache_is_found_though_dvc_trusts_it(desk):
    listing = DvcCache().listing(md5_of_lock(Path("data/clean")))
    place = DvcCache().place(listing["records.parquet"])
    content = place.read_bytes()
    desk.keep(place).chmod(0o644)
    desk.write(place, content[:-1] + b"!")
    place.chmod(0o444)
    found = look("cache")["cache"].faults
    assert [fault.place for fault in found] == [str(place)]
    assert "data/clean/records.parquet" in found[0].problem


def test_an_object_of_the_cache_that_nothing_uses_is_checked_when_asked_for(desk):
    place = DvcCache().place("0" * 32)
    place.parent.mkdir(parents=True, exist_ok=True)
    desk.write(place, b"what")
    assert not look("cache")["cache"].faults
    assert [fault.place for fault in look("cache", cache=True)["cache"].faults] == [str(place)]


def test_an_edited_figure_in_reports_is_found_though_the_lock_file_fits(desk):
    old = md5_of(Path("reports/evaluate.json"))
    desk.json("reports/evaluate.json", lambda said: said.update(accuracy=0.99))
    new = md5_of(Path("reports/evaluate.json"))
    desk.write("dvc.lock", Path("dvc.lock").read_bytes().replace(old.encode(), new.encode()))
    groups = look("bytes", "reports", "anchor")
    assert faults(groups, "bytes") == ""
    assert "reports/evaluate.json: accuracy: is not what data/evaluate/report.json says" in faults(groups, "reports")
    assert "reports/evaluate.json" in " ".join(groups["anchor"].notes)


def test_an_edited_report_is_found_though_every_digest_fits(desk):
    desk.json("data/clean/report.json", lambda said: said["records"].update(dropped=0))
    desk.reseal("clean")
    groups = look("bytes", "chain", "reports")
    assert faults(groups, "bytes", "chain") == ""
    assert "data/clean/report.json: its records are not the counts" in faults(groups, "reports")
    assert "reports/clean.json: records.dropped" in faults(groups, "reports")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("cmd: python -m stages clean", "cmd: python -m stages clean -v", "other command for clean"),
        ("    - path: data/erasure.csv\n", "    - path: data/erasures.csv\n", "other deps for ingest"),
        ("        epochs: 2", "        epochs: 9", "params.yaml: epochs: changed since the run that wrote data/plan"),
    ],
)
def test_an_edited_lock_file_is_found(desk, old, new, said):
    content = Path("dvc.lock").read_text(encoding="utf-8")
    assert old in content
    desk.write("dvc.lock", content.replace(old, new).encode())
    groups = look("bytes", "anchor")
    assert said in faults(groups, "bytes")
    assert "dvc.lock" in " ".join(groups["anchor"].notes)


def test_an_altered_prediction_is_found_though_every_digest_fits(desk):
    def alter(table):
        correct = table["correct"].to_pylist()
        wrong = next(i for i, split in enumerate(table["split"].to_pylist()) if split == "test" and not correct[i])
        correct[wrong] = True
        return table.set_column(table.column_names.index("correct"), "correct", pa.array(correct))

    desk.table("data/evaluate/predictions.parquet", alter)
    desk.reseal("evaluate")
    groups = look("bytes", "chain", "splits")
    assert faults(groups, "bytes", "chain") == ""
    found = faults(groups, "splits")
    assert "1 record scored otherwise than data/evaluate/events.parquet says" in found
    assert "1 record judged otherwise than by their answer" in found


def test_training_on_a_test_record_is_found_though_every_digest_fits(desk):
    test = next(row["id"] for row in pq.read_table("data/split/records.parquet").to_pylist() if row["split"] == "test")

    def add(table):
        row = {"id": test, "seq": 0, "action": "assign", "reason": "trained_on", "evidence": '{"tokens": 9}'}
        return pa.concat_tables([table, pa.Table.from_pylist([row], table.schema)]).sort_by("id")

    desk.table("data/finetune/events.parquet", add)
    desk.reseal("finetune")
    found = faults(look("splits"), "splits")
    assert f"1 record trained_on that lie outside the train split: {test}" in found
    assert "train_ids is not the digest of the records that were trained on" in found


def test_an_erased_subject_that_came_back_is_found(desk):
    subject = pq.read_table("data/split/records.parquet")["subject"].drop_null()[0].as_py()
    desk.write("data/erasure.csv", f"kind,value\nsubject,{subject}\n".encode())
    found = faults(look("erasures"), "erasures")
    for stage in ("ingest", "clean", "deduplicate", "scrub_pii", "check_labels", "split"):
        assert f"data/{stage}/records.parquet: " in found
    assert "data/erasure.csv: has more or fewer lines than when data/ingest was made" in found


def test_another_source_file_is_found(desk):
    desk.write("data/raw/sample.csv", Path("data/raw/sample.csv").read_bytes() + b"\n")
    desk.write("data/raw/more.csv", b"id,text,label,customer,agreement\n")
    found = faults(look("sources"), "sources")
    assert "data/raw/sample.csv: has other bytes, compared with what data/ingest was made from" in found
    assert "data/raw/more.csv: is new" in found


def test_a_package_of_another_version_and_a_missing_one_are_named(desk, monkeypatch):
    true = metadata.version

    def version(name):
        if name == "numpy":
            return "1.0.0"
        if name == "scipy":
            raise metadata.PackageNotFoundError(name)
        return true(name)

    monkeypatch.setattr(metadata, "version", version)
    found = look("environment")["environment"].faults
    assert [fault.place for fault in found] == ["requirements/lock.txt: numpy", "requirements/lock.txt: scipy"]
    assert "1.0.0 is installed" in found[0].problem
    assert "not installed" in found[1].problem


def test_a_rewrite_of_everything_is_found_by_comparing_with_a_commit(desk):
    """The evidence of an event, which nothing else says again; all that follows is made to fit."""

    def edit(table):
        evidence = [json.loads(text) for text in table["evidence"].to_pylist()]
        evidence[0]["chars_before"] += 1
        return table.set_column(4, "evidence", pa.array(json.dumps(said, sort_keys=True) for said in evidence))

    desk.table("data/clean/events.parquet", edit)
    desk.reseal("clean")
    assert faults(look()) == ""
    groups = look("bytes", "anchor", rev="HEAD")
    assert "data/clean/events.parquet: has other bytes than dvc.lock of HEAD says" in faults(groups, "bytes")
    assert "dvc.lock: is not that of HEAD" in faults(groups, "anchor")


def test_a_broken_file_of_each_kind_is_a_fault_with_its_place_and_the_other_checks_go_on(desk):
    desk.write("data/clean/records.parquet", Path("data/clean/records.parquet").read_bytes()[:2000])
    desk.write("data/scrub_pii/manifest.json", b"{")
    desk.write("data/split/events.parquet", b"")
    desk.write("data/evaluate/report.json", b"[1]")
    desk.write("data/plan/plan.json", b"null")
    desk.write("params.yaml", b"- a\n")
    desk.write("dvc.yaml", b"stages: 3\n")
    groups = look()
    found = faults(groups)
    for name in ("clean/records.parquet", "scrub_pii/manifest.json", "split/events.parquet", "evaluate/report.json"):
        assert f"data/{name}: " in found
    assert "params.yaml" in found
    assert "dvc.yaml" in found
    assert not groups["environment"].faults


def test_no_text_of_a_record_is_printed(desk, capsys):
    for stage in ("ingest", "clean", "split"):
        desk.table(f"data/{stage}/records.parquet", lambda table: table.slice(1))
    desk.write("data/check_labels/report.json", Path("data/raw/sample.csv").read_bytes())
    args = argparse.Namespace(rev=None, cache=True, attestation=None, public_key=None, json=True)
    assert verify.run(args) == 1
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert said["ok"] is False
    for secret in (MARK, MARKED_CUSTOMER):
        assert secret.lower() not in (printed.out + printed.err).lower()


def test_the_digest_of_ids_is_the_one_that_anybody_can_compute(desk):
    ids = IdSet()
    for id in pq.read_table("data/split/records.parquet")["id"].to_pylist():
        ids.add(id)
    assert Project().id_set("split").digest == ids.digest
