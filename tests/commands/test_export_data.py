import csv
import json
import stat
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages.core.ledger import IdSet
from stages.core.storage import StageFolder, sha256_of
from stages.methods.export.data_rules import validate
from stages.tasks import TASKS
from tests.commands.exporting import some_records, write_chain
from tests.repository import commit, git

FORMATS = ("openai", "alpaca", "sharegpt", "datasets")
MARK = "xyzzymarker"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def split(project):
    """The folder of `split` at the end of a chain with `scrub_pii` in it."""
    return write_chain(project / "data", "classification", some_records("classification"))


def written(format, out=None):
    return Path(out or f"data/export/{format}")


def manifest_of(format):
    return json.loads((written(format) / "manifest.json").read_text())


def lineage_of(format):
    with (written(format) / "lineage.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def texts(row):
    """All strings in a row of any format."""
    if isinstance(row, str):
        return [row]
    inner = row.values() if isinstance(row, dict) else row if isinstance(row, list) else []
    return [text for one in inner for text in texts(one)]


def rows_of(path):
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("task", TASKS)
def test_every_task_in_every_format_keeps_the_rules_and_names_the_record_of_each_row(project, ask, task, format):
    records = {one.id: one for one in some_records(task)}
    write_chain(project / "data", task, list(records.values()))
    code, told, _ = ask("export", "data", "--format", format)
    assert code == 0
    assert "next:" in told
    for line in lineage_of(format):
        row = rows_of(written(format) / line["file"])[int(line["row"]) - 1]
        own = records[line["id"]]
        assert own.split == line["split"]
        said = " ".join(texts(row))
        assert all(text in said for text in own.texts().values())
    assert len(lineage_of(format)) == len(records)
    if format != "datasets":
        for name in ("train", "validation", "test"):
            lines = (written(format) / f"{name}.jsonl").read_bytes().splitlines(keepends=True)
            assert validate(format, lines, training=name == "train") == []


@pytest.mark.parametrize("format", FORMATS)
def test_load_dataset_reads_what_was_handed_over(split, ask, tmp_path, format):
    import datasets

    ask("export", "data", "--format", format)
    datasets.disable_progress_bars()
    loaded = datasets.load_dataset(str(written(format).resolve()), cache_dir=str(tmp_path / "cache"))
    assert {name: some.num_rows for name, some in loaded.items()} == {"train": 12, "validation": 3, "test": 3}
    if format == "datasets":
        assert loaded["train"].features["label"].names == ["bad", "good"]
        assert loaded["train"][0]["text"] == "Parcel 0 came late"
        assert loaded["train"].features["label"].int2str(loaded["train"][0]["label"]) == "bad"


def test_the_manifest_names_the_chain_the_files_and_the_records(split, ask):
    ask("export", "data", "--format", "openai")
    manifest = manifest_of("openai")
    assert manifest["scrubbed"] is True
    assert manifest["source"]["chain"] == {
        stage: StageFolder(split.parent / stage).digest for stage in ("split", "scrub_pii", "ingest")
    }
    for name, said in manifest["files"].items():
        assert said["sha256"] == sha256_of(written("openai") / name)
    ids = IdSet()
    for one in some_records("classification"):
        if one.split == "train":
            ids.add(one.id)
    assert manifest["files"]["train.jsonl"]["rows"] == 12
    assert manifest["files"]["train.jsonl"]["ids"] == manifest["splits"]["train"]["ids_given"] == ids.digest
    assert manifest["scrub"] == {"leaks": {"proven": 0}, "kept_by_params": ["NRP"]}


def test_the_commit_stands_in_the_manifest(split, ask, project):
    git(project, "init", "-q")
    (project / ".gitignore").write_text("/data\n")
    head = commit(project)
    (project / ".gitignore").write_text("/data\n/other\n")
    assert ask("export", "data", "--format", "openai")[0] == 0
    assert manifest_of("openai")["git"] == {"commit": head, "changed": [".gitignore"]}


def test_only_the_splits_asked_for_are_written(split, ask):
    assert ask("export", "data", "--format", "sharegpt", "--split", "validation, train")[0] == 0
    assert [path.name for path in sorted(written("sharegpt").glob("*.jsonl"))] == ["train.jsonl", "validation.jsonl"]
    assert {line["split"] for line in lineage_of("sharegpt")} == {"train", "validation"}
    code, _, error = ask("export", "data", "--format", "sharegpt", "--split", "train,tset")
    assert code == 2
    assert "'tset'" in error


# --- what is refused --------------------------------------------------------------------------------------------------
def test_rows_that_never_were_scrubbed_are_refused_unless_forced_and_then_say_so(project, ask):
    write_chain(project / "data", "classification", some_records("classification"), stages=("ingest", "split"))
    code, _, error = ask("export", "data", "--format", "openai")
    assert code == 4
    assert "split < ingest" in error
    assert not written("openai").exists()
    code, told, _ = ask("export", "data", "--format", "openai", "--force")
    assert code == 0
    assert "NOT shown to be scrubbed" in told
    assert "Not scrubbed" in (written("openai") / "README.md").read_text()
    manifest = manifest_of("openai")
    assert manifest["scrubbed"] is False
    assert manifest["doubts"]


def test_the_name_of_a_folder_proves_nothing(split, ask):
    with (split.parent / "scrub_pii" / "manifest.json").open("a") as file:
        file.write(" ")
    code, _, error = ask("export", "data", "--format", "openai")
    assert code == 4
    assert "is not the one that data/split was made from" in error


@pytest.mark.parametrize("name", ["split/records.parquet", "scrub_pii/report.json"])
def test_altered_records_and_reports_prove_nothing(split, ask, name):
    with (split.parent / name).open("ab") as file:
        file.write(b" ")
    code, _, error = ask("export", "data", "--format", "openai")
    assert code == 4
    assert name in error


def test_a_folder_of_the_chain_that_is_not_here_proves_nothing_but_its_own_inputs_may_be_gone(split, ask):
    (split.parent / "ingest").rename(split.parent / "gone")
    assert ask("export", "data", "--format", "openai")[0] == 0
    (split.parent / "scrub_pii").rename(split.parent / "gone_too")
    assert ask("export", "data", "--format", "openai")[0] == 4


def test_proven_identifiers_that_are_left_stop_it(project, ask):
    write_chain(project / "data", "classification", some_records("classification"), proven=2, known=5)
    code, _, error = ask("export", "data", "--format", "openai")
    assert code == 4
    assert "2 proven identifiers" in error


def test_other_leaks_are_told(project, ask):
    write_chain(project / "data", "classification", some_records("classification"), known=5)
    code, told, _ = ask("export", "data", "--format", "openai")
    assert code == 0
    assert "5 known" in told


@pytest.mark.parametrize("line", [f"record,{3:020x}", f"subject,{3:032x}"])
def test_whoever_was_erased_since_is_not_handed_over_even_by_force(split, ask, line):
    Path("data/erasure.csv").write_text(f"kind,value\n{line}\n")
    code, _, error = ask("export", "data", "--format", "openai", "--force")
    assert code == 4
    assert "dvc repro" in error
    assert f"{3:020x}" in error
    assert not written("openai").exists()


@pytest.mark.parametrize("place", ["reports/rows", "data/split", "data/rows", "data/export", ".", ".."])
def test_places_that_git_or_dvc_keep_are_refused(split, ask, place):
    before = sorted(split.iterdir())
    assert ask("export", "data", "--format", "openai", "--out", place)[0] == 4
    assert sorted(split.iterdir()) == before


def test_a_place_in_a_repository_must_be_ignored(split, ask, project):
    git(project, "init", "-q")
    code, _, error = ask("export", "data", "--format", "openai")
    assert code == 4
    assert "does not ignore it" in error
    (project / ".gitignore").write_text("/data/export\n")
    assert ask("export", "data", "--format", "openai")[0] == 0
    assert ask("export", "data", "--format", "openai")[0] == 0


def test_a_folder_that_is_no_export_is_not_replaced(split, ask, project):
    mine = project / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all of it")
    code, _, error = ask("export", "data", "--format", "openai", "--out", mine)
    assert code == 2
    assert "not an earlier export" in error
    assert (mine / "thesis.txt").read_text() == "all of it"


def test_a_folder_without_splits_is_refused(split, ask):
    assert ask("export", "data", "--format", "openai", "--from", "data/scrub_pii")[0] == 2
    assert ask("export", "data", "--format", "openai", "--from", "data/none")[0] == 3


# --- what is left out -------------------------------------------------------------------------------------------------
def test_what_breaks_a_rule_is_left_out_and_counted_by_reason(project, ask):
    records = some_records("classification")
    records[0] = records[0].with_values(label=None)
    records[1] = replace(records[1], values={"text": " \n", "label": "good"})
    write_chain(project / "data", "classification", records)
    code, told, _ = ask("export", "data", "--format", "sharegpt")
    assert code == 0
    assert "nobody has said what the answer is" in told
    assert manifest_of("sharegpt")["splits"]["train"]["left_out"] == {"unanswered": 1, "empty_text": 1}
    fates = {line["id"]: (line["row"], line["left_out"]) for line in lineage_of("sharegpt")}
    assert fates[records[0].id] == ("", "unanswered")
    assert fates[records[1].id] == ("", "empty_text")
    assert fates[records[2].id] == ("1", "")


def test_a_file_that_the_service_would_not_take_is_not_handed_over(project, ask):
    records = [one for one in some_records("classification") if one.split != "train" or int(one.id, 16) < 9]
    write_chain(project / "data", "classification", records)
    code, _, error = ask("export", "data", "--format", "openai")
    assert code == 1
    assert "train.jsonl" in error
    assert "fewer than the 10 examples" in error
    assert not written("openai").exists()
    assert list(Path("data/export").iterdir()) == []
    assert ask("export", "data", "--format", "sharegpt")[0] == 0


@pytest.mark.parametrize("format", FORMATS)
def test_a_split_of_which_nothing_is_left_is_not_handed_over_and_the_last_export_stays(split, ask, project, format):
    assert ask("export", "data", "--format", format)[0] == 0
    before = {path: path.read_bytes() for path in written(format).rglob("*") if path.is_file()}
    records = [one.with_values(label=None) if one.split == "test" else one for one in some_records("classification")]
    write_chain(project / "data", "classification", records)
    code, _, error = ask("export", "data", "--format", format)
    assert code == 1
    assert "test" in error
    assert "3 unanswered" in error
    assert {path: path.read_bytes() for path in written(format).rglob("*") if path.is_file()} == before
    assert ask("export", "data", "--format", format, "--split", "train,validation")[0] == 0


# --- the files --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("format", FORMATS)
def test_only_the_owner_can_read_what_was_written(split, ask, format):
    ask("export", "data", "--format", format)
    for path in [written(format), *written(format).rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_rows_give_the_same_bytes(split, ask, format):
    ask("export", "data", "--format", format)
    ask("export", "data", "--format", format, "--out", "../" + Path.cwd().name + "-again")
    again = Path.cwd().parent / f"{Path.cwd().name}-again"
    names = [path.relative_to(again) for path in again.rglob("*") if path.is_file()]
    assert len(names) >= 6
    for name in names:
        assert (again / name).read_bytes() == (written(format) / name).read_bytes()


@pytest.mark.parametrize("format", FORMATS)
def test_text_stands_in_the_rows_alone(project, ask, format):
    records = [one.with_values(text=f"{MARK} {one.id}") for one in some_records("classification")]
    records[0] = records[0].with_values(label=None)
    write_chain(project / "data", "classification", records)
    code, told, error = ask("export", "data", "--format", format)
    assert code == 0
    assert MARK not in told + error
    for path in written(format).iterdir():
        if path.is_file() and path.suffix != ".jsonl":
            assert MARK not in path.read_text(encoding="utf-8")


def test_the_instruction_can_be_ones_own(split, ask):
    ask("export", "data", "--format", "alpaca", "--instruction", "Good or bad?")
    assert rows_of(written("alpaca") / "train.jsonl")[0] == {
        "instruction": "Good or bad?", "input": "Parcel 0 came late", "output": "bad",
    }  # fmt: skip
    assert manifest_of("alpaca")["instruction"] == "Good or bad?"
    assert ask("export", "data", "--format", "datasets", "--instruction", "Good or bad?")[0] == 2
