"""`rowtrail verify` on a small project of five stages: what it says of what is there, and of what is not."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.core.dvc_files import md5_of
from stages.core.errors import Fault

STAGES = ("ingest", "clean", "deduplicate", "split")


@pytest.fixture
def project(data, tmp_path, monkeypatch):
    """A copy of the small project, with the files that DVC would have written."""
    shutil.copytree(data.parent, tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    seal()
    return tmp_path / "p"


def seal(**more):
    """Write dvc.yaml and dvc.lock for what stands there."""
    wired, locked = {}, {}
    for before, name in zip((None, *STAGES), STAGES, strict=False):
        deps = [f"data/{before}"] if before else []
        wired[name] = {"cmd": f"run {name}", "deps": deps, "params": ["task"], "outs": [f"data/{name}"]}
        hashed = {kind: [{"path": one, "hash": "md5", "md5": md5_of(Path(one))} for one in wired[name][kind]]
                  for kind in ("deps", "outs")}  # fmt: skip
        locked[name] = {"cmd": f"run {name}", **hashed, "params": {"params.yaml": {"task": "classification"}}}
    params = Path("params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text("task: classification\n" + params.replace("task: classification\n", ""))
    write_yaml("dvc.yaml", {"stages": {**wired, **more}})
    write_yaml("dvc.lock", {"schema": "2.0", "stages": locked})


def write_yaml(name, values):
    with Path(name).open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(values, file)


@pytest.fixture
def verified(ask):
    """Run `rowtrail verify --json`: exit code, faults by group, notes by group."""

    def run(*arguments):
        code, out, err = ask("verify", "--json", *arguments)
        assert "Traceback" not in err
        groups = json.loads(out)["groups"]
        shown = {group["name"]: [f"{one['place']}: {one['problem']}" for one in group["faults"]] for group in groups}
        return code, shown, {group["name"]: group["notes"] for group in groups}

    return run


def test_a_project_that_fits_ends_with_zero_and_a_line_for_each_group(project, ask):
    code, out, err = ask("verify")
    assert code == 0, out + err
    lines = out.splitlines()
    names = [line.split()[0] for line in lines[: lines.index("")]]
    assert names == [
        "bytes", "cache", "chain", "records", "events", "decisions", "reports", "splits", "parents", "budget",
        "sources", "erasures", "environment", "anchor",
    ]  # fmt: skip
    assert [name for name, line in zip(names, lines, strict=False) if not line.endswith("ok")] == ["parents", "budget"]
    assert "faults" not in out


def test_what_was_not_run_and_what_is_not_here_is_said_and_is_no_fault(project, verified):
    seal(plan={"cmd": "run plan", "outs": ["data/plan"]}, many={"foreach": ["a"], "do": {"cmd": "x"}})
    code, faults, notes = verified()
    assert code == 0, faults
    assert notes["bytes"] == ["plan: DVC has not run it"]
    assert "4 of 4 objects that dvc.lock refers to are not in the cache here" in notes["cache"]
    assert "no commit holds the lock file" in notes["anchor"][0]
    assert notes["environment"] == ["requirements/lock.txt: no such file; versions were not checked"]


def test_without_a_lock_file_the_rest_is_checked_and_its_lack_is_a_fault(project, verified):
    Path("dvc.lock").unlink()
    code, faults, _ = verified()
    assert code == 1
    assert faults.pop("bytes") == ["dvc.lock: no such file: nothing says which bytes there should be"]
    assert not any(faults.values())


def test_a_stage_folder_of_which_the_lock_file_knows_nothing_is_a_fault(project, verified):
    shutil.copytree("data/clean", "data/extra")
    seal(extra={"cmd": "run extra", "outs": ["data/extra"]})
    _, faults, _ = verified()
    assert faults["bytes"] == ["data/extra: is not in dvc.lock: nothing says which bytes it should have"]
    assert "data/extra/manifest.json: is a manifest of clean, and stands in the folder of extra" in faults["chain"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"stage": 3}', b'{"stage": "clean"}', b"\xff\xfe", b"null"])
@pytest.mark.parametrize("name", ["manifest.json", "report.json", "records.parquet", "events.parquet"])
def test_a_file_that_is_not_what_it_should_be_is_a_fault_with_its_place(project, verified, name, content):
    Path("data/clean", name).write_bytes(content)
    code, faults, _ = verified()
    assert code == 1
    assert any(fault.startswith(f"data/clean/{name}: ") for fault in faults["bytes"])
    assert any(fault.startswith("data/clean") for group in ("chain", "records", "reports") for fault in faults[group])
    assert not faults["splits"] + faults["sources"] + faults["environment"]


def test_of_two_folders_that_are_compared_only_the_broken_one_is_named(project, verified):
    path = Path("data/clean/records.parquet")
    content = bytearray(path.read_bytes())
    content[40:400] = bytes(360)
    path.write_bytes(bytes(content))
    _, faults, _ = verified()
    assert faults["records"]
    assert all(fault.startswith("data/clean/records.parquet: ") for fault in faults["records"])


@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml", "params.yaml", "data/erasure.csv"])
@pytest.mark.parametrize("content", [b"{", b"- a\n", b"stages: 3\n", b"stages:\n  clean: 3\n", b"\xff\xfe\xfa"])
def test_a_broken_file_of_the_project_is_a_fault_and_no_crash(project, verified, name, content):
    Path(name).write_bytes(content)
    code, faults, notes = verified()
    said = [one for kind in (faults, notes) for group in kind.values() for one in group]
    assert any(name in one for one in said)
    assert code == (0 if name == "dvc.yaml" and content.endswith(b"clean: 3\n") else 1)


@pytest.mark.parametrize("name", ["manifest.json", "report.json", "records.parquet", "events.parquet"])
def test_a_missing_file_is_named(project, verified, name):
    Path("data/clean", name).unlink()
    _, faults, _ = verified()
    assert f"data/clean/{name}: is missing" in faults["bytes"]


def test_a_missing_folder_is_named_once_among_the_bytes(project, verified):
    shutil.rmtree("data/clean")
    code, faults, notes = verified()
    assert code == 1
    assert faults["bytes"] == ["data/clean: is missing"]
    assert "data/clean is not here: that data/deduplicate was made from it cannot be checked" in notes["chain"]


def test_other_values_in_params_are_named_by_their_dotted_place(project, verified):
    lock = YAML(typ="safe").load(Path("dvc.lock").read_text(encoding="utf-8"))
    lock["stages"]["clean"]["params"]["params.yaml"] |= {"split": {"test": 0.3, "kfold": 2}, "engine.workers": True}
    write_yaml("dvc.lock", lock)
    _, faults, _ = verified()
    changed = [fault.partition(": changed")[0] for fault in faults["bytes"] if "changed since" in fault]
    assert sorted(changed) == [f"params.yaml: {one}" for one in ("engine.workers", "split.kfold", "split.validation")]
    assert "dvc.lock: has other params for clean than dvc.yaml" in faults["bytes"]


def test_an_input_that_dvc_read_as_something_else_is_found(project, verified):
    lock = Path("dvc.lock").read_text(encoding="utf-8")
    old = md5_of(Path("data/clean"))
    place = lock.rindex(old)
    Path("dvc.lock").write_text(lock[:place] + "0" * 32 + ".dir" + lock[place + len(old) :], encoding="utf-8")
    _, faults, _ = verified()
    assert len(faults["bytes"]) == 1
    assert faults["bytes"][0].startswith("data/clean")


def test_what_has_no_md5_in_the_lock_file_is_noted(project, verified):
    lock = YAML(typ="safe").load(Path("dvc.lock").read_text(encoding="utf-8"))
    lock["stages"]["ingest"]["deps"] = [{"path": "s3://bucket/rows.csv", "etag": "abc"}]
    write_yaml("dvc.lock", lock)
    _, _, notes = verified()
    assert "s3://bucket/rows.csv: dvc.lock has no MD5 for it; its bytes were not checked" in notes["bytes"]


def test_a_source_that_is_not_on_this_machine_is_noted_and_one_that_was_not_read_is_a_fault(project, verified):
    def sources(params):
        [known] = params["ingest"]["sources"]
        hub = {"name": "hub", "uri": "hf://rows", "license": "MIT", "public": True}
        params["ingest"]["sources"] = [{**known, "name": "other"}, hub]

    params = YAML(typ="safe").load(Path("params.yaml").read_text(encoding="utf-8"))
    sources(params)
    write_yaml("params.yaml", params)
    _, faults, _ = verified()
    alone = ["hub: stands in params.yaml alone", "other: stands in params.yaml alone", "s: stands in data/ingest alone"]
    assert faults["sources"] == [f"source {one}" for one in alone]
    report = json.loads(Path("data/ingest/report.json").read_bytes())
    report["sources"]["hub"] = {"files": []}
    Path("data/ingest/report.json").write_text(json.dumps(report))
    _, _, notes = verified()
    assert notes["sources"] == ["source hub: is not on this machine; its bytes were not checked"]


def test_a_statement_is_checked_by_the_command_that_writes_them(project, verified, monkeypatch):
    asked = []

    def check(*given):
        asked.append(given)
        return [Fault("model", "is another one", "look")]

    monkeypatch.setattr("stages.commands.attest.check_attestation", check)
    code, faults, _ = verified("--attestation", "a.json", "--public-key", "k.pub")
    assert code == 1
    assert faults["attestation"] == ["model: is another one"]
    assert asked == [(Path("a.json"), Path("k.pub"), Path())]


@pytest.mark.parametrize("arguments", [("--rev", "nowhere"), ("--public-key", "k.pub")])
def test_wrong_use_ends_with_two(project, ask, arguments):
    code, out, err = ask("verify", *arguments)
    assert (code, out) == (2, "")
    assert "next:" in err


def test_a_clone_without_data_gets_one_answer_and_its_next_step(project, ask):
    for name in STAGES:
        shutil.rmtree(f"data/{name}")
    code, out, _ = ask("verify")
    assert code == 1
    assert "none of the 4 folders that it names is here" in out
    assert "is missing" not in out


def test_a_manifest_that_names_very_many_files_ends_soon_and_the_screen_shows_some(project, ask):
    place = Path("data/clean/manifest.json")
    manifest = json.loads(place.read_bytes())
    manifest["files"] |= {f"x{number}": "0" * 64 for number in range(20_000)}
    place.write_text(json.dumps(manifest), encoding="utf-8")
    before = time.process_time()
    code, out, _ = ask("verify")
    assert code == 1
    assert time.process_time() - before < 10
    assert "--json prints all" in out
    assert len(out.splitlines()) < 1000


def test_marks_of_a_merge_in_the_lock_file_get_a_step_that_works(project, ask):
    Path("dvc.lock").write_text("schema: '2.0'\n<<<<<<< HEAD\nstages: {}\n=======\n>>>>>>> b\n", encoding="utf-8")
    _, out, _ = ask("verify")
    assert "git checkout --ours dvc.lock" in out
    assert "DVC has not run it" not in out


def test_a_folder_that_is_no_project_is_wrong_use(tmp_path, ask, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, error = ask("verify")
    assert (code, out) == (2, "")
    assert "is not a project" in error
