"""Other places and environments: odd names, a locale of C, no home, no terminal, no git, no rights, another folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from stages.commands.forget_git import in_history
from stages.commands.forget_versions import find_git
from stages.core.errors import UsageError
from stages.core.git import Git
from stages.core.storage import StageFolder
from stages.methods.forget.needles import Needles
from tests.faults.odd_project import FOLDER, ODD, copy_of, front_door, odd_project, run
from tests.pipeline.conftest import ROOT, Project
from tests.repository import commit, git

ROWS = """id,text,label,customer,agreement
r1,Größe 数据 passt nicht,delivery,Jürgen Müller,1
r2,plain words,billing,c2,1
"""
PARAMS = """
ingest:
  labels: null
  sources:
  - {name: sample, uri: "data/raw/*.csv", id: id, subject: customer, confidence: agreement,
     fields: {text: text, label: label}, license: CC0-1.0, public: true}
"""
WORST = {**ODD, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A C locale in which Python was told not to help itself: it then takes names and texts for ASCII."""
READING = (
    ("summary",),
    ("show", "clean"),
    ("trace", "--source-row", "sample:marked-1"),
    ("forget", "--subject", "customer-zzyx-7781"),
    ("budget",),
    ("lineage",),
    ("review", "pii"),
    ("verify",),
)


def same(ours, theirs) -> bool:
    return StageFolder(ours).digest == StageFolder(theirs).digest


def told(done) -> str:
    """What a command said on standard error, which is never a trace."""
    said = done.stderr.decode()
    assert "Traceback" not in said
    assert "unexpected" not in said
    return said


# --- one stage, one process -----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Two rows in a folder and a file of odd names, and what `ingest` makes of them in the usual environment."""
    folder = tmp_path_factory.mktemp("rows") / FOLDER
    (folder / "data/raw").mkdir(parents=True)
    (folder / "data/raw/größe [1] $x.csv").write_text(ROWS, encoding="utf-8")
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    usual = {name: value for name, value in os.environ.items() if name not in ODD}
    done = ingest(folder, "data/ingest", environment={**usual, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, told(done)
    return folder


def ingest(folder, out, **odd):
    odd["environment"] = {**odd.get("environment", {}), "PYTHONPATH": str(ROOT)}
    return run(folder, *front_door("ingest", "--out", out), **odd)


@pytest.mark.parametrize(
    "odd",
    [
        {"environment": ODD},
        {"environment": WORST},
        {"environment": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "XDG_CACHE_HOME": "/dev/null/x", "HF_HOME": "/proc/x"}},
        {"umask": 0o077},
        {"preexec_fn": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})},
        {"preexec_fn": lambda: os.closerange(0, 3)},
    ],
    ids=["c_locale", "ascii_only", "posix_no_caches", "umask_077", "one_cpu", "no_streams"],
)
def test_a_stage_writes_the_same_bytes_in_any_environment(rows, tmp_path, odd):
    done = ingest(rows, str(tmp_path / "ingest"), **odd)
    assert done.returncode == 0, told(done)
    assert same(tmp_path / "ingest", rows / "data/ingest")


def test_a_name_given_on_the_command_line_means_the_same_person_in_any_locale(rows):
    for environment in (WORST, {**ODD, "LC_ALL": "C.UTF-8"}):
        done = run(
            rows, *front_door("trace", "--subject", "Jürgen Müller"),
            environment={**environment, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, told(done)
        assert b"r1" in done.stdout


def test_text_is_shown_whole_in_a_terminal_of_ascii(rows):
    done = run(rows, *front_door("show", "ingest"), environment={**WORST, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, told(done)
    assert "Größe 数据 passt nicht" in done.stdout.decode("utf-8")


def test_a_fault_is_told_without_a_trace_though_no_stream_is_open(rows, tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as file:
        done = run(
            rows, *front_door("show", "nothing"), environment={"PYTHONPATH": str(ROOT)}, stderr=file,
            preexec_fn=lambda: os.closerange(0, 2),
        )  # fmt: skip
    assert done.returncode == 3
    assert b"Traceback" not in log.read_bytes()
    assert log.read_bytes()


# --- git that is not as usual ---------------------------------------------------------------------------------------
@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    for text in ("one", "two"):
        (tmp_path / "a.txt").write_text(text, encoding="utf-8")
        commit(tmp_path)
    return tmp_path


def test_a_repository_that_git_refuses_to_read_is_not_taken_for_none(repository, monkeypatch):
    """Of another owner, say: an erasure that took that for "no history" would call itself complete."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    (repository / "below").mkdir()
    for folder in (repository, repository / "below"):
        with pytest.raises(UsageError, match=r"does not read[^\n]*\n[^\n]*safe\.directory"):
            find_git(folder)


def test_without_git_there_is_no_history_and_no_fault(tmp_path):
    assert find_git(tmp_path) is None
    assert in_history(Needles(frozenset({"0" * 20})), tmp_path) == (0, [])


def test_a_shallow_clone_says_that_older_commits_are_missing(repository, tmp_path_factory):
    clone = tmp_path_factory.mktemp("shallow")
    git(clone, "clone", "-q", "--depth", "1", f"file://{repository}", ".")
    assert Git(clone).shallow()
    assert not Git(repository).shallow()
    with pytest.raises(UsageError, match="unshallow"):
        Git(clone).commit("HEAD~1")


# --- a whole project ------------------------------------------------------------------------------------------------
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Project:
    return odd_project(tmp_path_factory.getbasetemp())


@slow
def test_a_whole_run_in_an_odd_place_and_environment_gives_the_usual_bytes(odd, tmp_path):
    for name, source in (("ingest", None), ("clean", "ingest"), ("split", "check_labels")):
        odd.stage(name, *([f"data/{source}"] if source else []), out=str(tmp_path / name))
        assert same(odd.path / "data" / name, tmp_path / name), name


@slow
@pytest.mark.parametrize("question", READING, ids=" ".join)
def test_questions_are_answered_in_a_checkout_that_nobody_may_write_to(odd, question, tmp_path_factory):
    if not shutil.which("setpriv"):
        pytest.skip("setpriv (util-linux) takes the superuser's rights away")
    powerless = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.getuid() == 0 else ()
    folders = [odd.path, *(path for path in odd.path.rglob("*") if path.is_dir())]
    modes = {path: path.stat().st_mode for path in folders}
    for path in folders:
        path.chmod(0o555)
    try:
        done = run(odd.path, *powerless, *front_door(*question), environment=ODD)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert done.returncode == 0, told(done)
    assert done.stdout


@slow
def test_a_stage_that_may_not_write_says_where_and_leaves_what_was_there(odd, tmp_path):
    out = tmp_path / "locked"
    out.mkdir(mode=0o555)
    powerless = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.getuid() == 0 else ()
    done = run(odd.path, *powerless, *front_door("ingest", "--out", str(out / "ingest")), environment=ODD)
    assert done.returncode == 1
    assert "Permission denied" in told(done)
    assert not [*out.iterdir()]


@slow
def test_a_project_that_was_moved_is_up_to_date_and_verified_and_brings_data_back(odd, tmp_path):
    first = copy_of(odd, tmp_path / "before")
    first.path.rename(tmp_path / "after")
    moved = Project(tmp_path / "after")
    assert "up to date" in moved.run("dvc", "status").stdout
    shutil.rmtree(moved.path / "data/clean")
    moved.run("dvc", "checkout")
    assert moved.run(*front_door("verify")).returncode == 0
    assert "Running stage" not in moved.run("dvc", "repro").stdout


@slow
def test_without_a_name_for_commits_an_experiment_runs_and_is_kept(odd, tmp_path):
    nobody = copy_of(odd, tmp_path / "copy")
    for key in ("user.name", "user.email"):
        nobody.run("git", "config", "--unset", key)
    done = run(nobody.path, "dvc", "exp", "run", "-S", "lr=2e-3", "--single-item", "plan", environment=ODD)
    assert done.returncode == 0, done.stderr.decode()
    assert [ref.kind for ref in Git(nobody.path).refs()].count("experiment") == 1


@slow
def test_without_git_dvc_runs_the_project_and_commands_answer_or_say_what_they_need(odd, tmp_path):
    bare = copy_of(odd, tmp_path / "copy")
    shutil.rmtree(bare.path / ".git")
    bare.run("dvc", "config", "core.no_scm", "true")
    assert "up to date" in bare.run("dvc", "status").stdout
    assert "no commit holds the lock file" in bare.run(*front_door("verify")).stdout
    id = pq.read_table(bare.path / "data/split/records.parquet", columns=["id"])["id"][0].as_py()
    bare.run(*front_door("forget", "--record", id))
    for question in (("diff", "HEAD", "HEAD"), ("tune", "--trials", "1"), ("verify", "--rev", "HEAD")):
        assert "not in a git repository" in bare.run(*front_door(*question), code=2).stderr


@slow
def test_a_worktree_gets_its_data_from_the_shared_cache(odd, tmp_path):
    first = copy_of(odd, tmp_path / "copy")
    first.run("git", "worktree", "add", "-q", str(tmp_path / "tree"), "HEAD")
    tree = Project(tmp_path / "tree")
    tree.run("dvc", "cache", "dir", "--local", str(first.path / ".dvc/cache"))
    tree.run("dvc", "checkout")
    shutil.copytree(first.path / "data/raw", tree.path / "data/raw", dirs_exist_ok=True)
    assert "up to date" in tree.run("dvc", "status").stdout
    tree.run(*front_door("verify"))


@slow
def test_a_reader_that_takes_one_line_ends_a_command_quietly(odd):
    asked = subprocess.Popen(
        front_door("lineage"), cwd=odd.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert asked.stdout is not None
    assert asked.stderr is not None
    asked.stdout.readline()
    asked.stdout.close()
    said = asked.stderr.read()
    asked.stderr.close()
    assert asked.wait() in (0, 141)
    assert said == b""


def test_the_odd_environment_holds_nothing_of_this_one():
    done = run(ROOT, sys.executable, "-c", "import os; print(sorted(os.environ))", environment=ODD)
    assert b"PYTHONPATH" not in done.stdout
