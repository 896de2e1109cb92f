"""`rowtrail tune` on a project whose stages answer at once; DVC, git and the experiments are real."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.commands import tune_experiments
from stages.core.errors import UsageError
from stages.core.git import Git
from tests.tiny import SOURCE, toy_records, write_split

STAGE = '''
"""Stands in for plan, finetune and evaluate: the loss is lowest at lr 0.2, and above 0.8 training fails."""
import json, os, sys, time
from pathlib import Path
from ruamel.yaml import YAML

name, params = sys.argv[1], YAML(typ="safe").load(Path("params.yaml").read_text())
Path("data", name).mkdir(parents=True, exist_ok=True)
Path("data", name, "made.json").write_text(json.dumps([name, params["lr"], params["epochs"]]))
loss = (params["lr"] - 0.2) ** 2 + params["epochs"] / 100
if name == "finetune":
    for step in range(1, 4):
        print(f"  finetune: step {step} of 4, validation loss {loss + 1 / step:.4f}", file=sys.stderr, flush=True)
        time.sleep(float(os.environ.get("TOY_SECONDS", 0)))
    if params["lr"] > 0.8:
        print("finetune: the loss is no longer a finite number at step 4", file=sys.stderr)
        sys.exit(3)
    Path("reports/finetune.json").write_text(json.dumps({"validation_loss": loss, "steps": 4}))
if name == "evaluate":
    Path("reports/evaluate.json").write_text(json.dumps({"accuracy": 1 - loss}))
'''
WIRING = {
    "split": {"cmd": "mkdir -p data && cp -r made data/split", "deps": ["made"], "outs": ["data/split"]},
    "plan": {"cmd": "python stage.py plan", "deps": ["data/split"], "params": ["lr", "epochs"], "outs": ["data/plan"]},
    "finetune": {
        "cmd": "python stage.py finetune",
        "deps": ["data/plan", "stage.py"],
        "outs": ["data/finetune"],
        "metrics": [{"reports/finetune.json": {"cache": False}}],
    },
    "evaluate": {
        "cmd": "python stage.py evaluate",
        "deps": ["data/finetune", "stage.py"],
        "metrics": [{"reports/evaluate.json": {"cache": False}}],
    },
}
PARAMS = {"lr": 0.5, "epochs": 3, "model": "pkg://none/model", "ingest": {"sources": [SOURCE]}, "finetune": {}}


def dump(path: Path, value) -> None:
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(value, file)


def call(folder: Path, *command: str, **environment: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """The project after its first `dvc repro`, committed."""
    folder = tmp_path_factory.mktemp("tune") / "project"
    (folder / "reports").mkdir(parents=True)
    write_split(folder / "made", toy_records())
    (folder / "stage.py").write_text(STAGE, encoding="utf-8")
    (folder / ".gitignore").write_text("/data\n.rowtrail/\n", encoding="utf-8")
    dump(folder / "dvc.yaml", {"stages": WIRING})
    dump(folder / "params.yaml", PARAMS)
    call(folder, "git", "init", "-q")
    for key, value in (("user.name", "T"), ("user.email", "t@example.org")):
        call(folder, "git", "config", key, value)
    for command in (
        ["dvc", "init", "-q"],
        ["dvc", "repro", "-q"],
        ["git", "add", "-A"],
        ["git", "commit", "-qm", "toy"],
    ):
        call(folder, *command)
    return folder


@pytest.fixture
def toy(made, tmp_path, monkeypatch) -> Path:
    """A copy of the project, and the current folder."""
    shutil.copytree(made, tmp_path / "project", symlinks=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def contents(folder: Path) -> dict[str, str]:
    """Digests of the workspace, but for what DVC, git and the search keep for themselves."""
    own = (".git", ".dvc", ".rowtrail")
    files = [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] not in own]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_trials_are_experiments_that_leave_the_workspace_alone_and_never_score_the_test_split(toy, ask):
    dump(toy / "params.yaml", {**PARAMS, "epochs": 2})  # an edit that is not committed goes along
    before = contents(toy)
    code, out, err = ask("tune", "--trials", 5, "--space", "lr=0.1,0.5,0.9", "--metric", "validation_loss")
    assert code == 0, err
    after = contents(toy)
    assert {name for name in after if after[name] != before.get(name)} == {"reports/tune.json", "reports/tune.svg"}
    assert after.keys() >= before.keys()
    found = json.loads((toy / "reports/tune.json").read_text(encoding="utf-8"))
    assert found["trials"][0]["params"]["lr"] == 0.5
    assert sorted((row["params"]["lr"], row["state"]) for row in found["trials"]) == [
        (0.1, "complete"), (0.5, "complete"), (0.9, "failed"),
    ]  # fmt: skip
    assert "all 3 combinations have been tried" in err
    assert "no longer a finite number" in err
    assert found["best"]["value"] == pytest.approx(0.01 + 0.02)
    names = {row["experiment"] for row in found["trials"] if row["state"] == "complete"}
    assert set(call(toy, "dvc", "exp", "list", "--name-only").split()) == names
    git = Git()
    baseline = git.read("HEAD", "reports/evaluate.json")
    for name in names:
        assert git.read(git.commit(name), "reports/evaluate.json") == baseline
        log = (toy / ".rowtrail/tune/search" / f"{name}.log").read_text(encoding="utf-8")
        assert "Running stage 'finetune'" in log
        assert "evaluate" not in log
    assert out.splitlines()[1].startswith(found["best"]["experiment"])

    # The same command again runs nothing; the best can be applied, and only then is the test split scored.
    again = ask("tune", "--trials", 5, "--space", "lr=0.1,0.5,0.9")
    assert again[1] == out
    assert json.loads((toy / "reports/tune.json").read_text(encoding="utf-8")) == found
    call(toy, "dvc", "exp", "apply", found["best"]["experiment"])
    assert "lr: 0.1" in (toy / "params.yaml").read_text(encoding="utf-8")
    told = call(toy, "dvc", "repro")
    assert "Running stage 'evaluate'" in told
    assert "Running stage 'finetune'" not in told


@pytest.mark.slow
def test_a_trial_that_is_given_up_leaves_no_experiment_and_no_copy_behind(toy, monkeypatch):
    monkeypatch.setenv("TOY_SECONDS", "5")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a shell script
    try:
        with (toy / "lock").open("w") as lock:
            outcome = tune_experiments.run(
                "tune-x-0", {"lr": 0.3}, toy / "log", lambda losses: len(losses) == 2, lock.fileno()
            )
    finally:
        assert signal.signal(signal.SIGINT, before) is signal.SIG_IGN
    assert outcome.stopped
    assert outcome.code != 0
    assert outcome.losses[:2] == (1.04, 0.54)
    assert not tune_experiments.known("tune-x-")
    left = (toy / ".dvc/tmp/exps/standalone").iterdir()
    assert not [folder for folder in left if (folder / "params.yaml").exists()]
    assert call(toy, "git", "status", "--porcelain") == "?? lock\n?? log\n"


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_with_the_trial_it_was_at(toy, ask):
    command = [sys.executable, "-m", "stages", "tune", "--trials", "2", "--space", "lr=0.1,0.5"]
    environment = {**os.environ, "TOY_SECONDS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    kept = toy / ".rowtrail/tune/search"
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as running:
        # The first trial is what `dvc repro` ran, and so is over at once.
        wait_for(lambda: (kept / "tune-search-1.log").exists() and "step 1" in (kept / "tune-search-1.log").read_text())
        running.send_signal(signal.SIGKILL)
    assert json.loads((kept / "study.json").read_text())["trials"][1]["state"] == "running"
    code, _, err = ask("tune", "--trials", 2, "--space", "lr=0.1,0.5")
    assert code == 2
    assert "still runs" in err
    wait_for(lambda: is_free(kept / "lock"))
    code, _, err = ask("tune", "--trials", 2, "--space", "lr=0.1,0.5")
    assert code == 0
    assert "tune-search-1 was interrupted" in err
    assert "step 3" in (kept / "tune-search-1.log").read_text()  # it went on without us, and was not run twice
    trials = json.loads((toy / "reports/tune.json").read_text())["trials"]
    assert [(row["params"]["lr"], row["state"]) for row in trials] == [(0.5, "complete"), (0.1, "complete")]


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def is_free(lock: Path) -> bool:
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def test_what_a_copy_of_the_project_would_lack_is_said_before_anything_runs(toy, ask):
    call(toy, "git", "rm", "-q", "--cached", "dvc.lock", "stage.py")
    wiring = {**WIRING, "plan": {**WIRING["plan"], "deps": ["data/split", "stage.py"]}}
    dump(toy / "dvc.yaml", {"stages": wiring})
    (toy / "base").mkdir()
    dump(toy / "params.yaml", {**PARAMS, "model": "base"})
    code, _, err = ask("tune", "--space", "lr=0.1,0.5")
    assert code == 2
    assert "git does not know stage.py" in err
    assert "dvc.lock: git does not know it" in err
    assert "base is a folder that an experiment's copy of the project would lack" in err
    assert str(toy / "base") in err


def test_data_that_is_not_up_to_date_is_refused(toy, ask):
    (toy / "made/more").write_text("new", encoding="utf-8")
    code, _, err = ask("tune", "--space", "lr=0.1,0.5")
    assert code == 2
    assert "data/split: not up to date: split" in err
    assert "dvc repro split" in err


@pytest.mark.slow
def test_a_search_does_not_go_on_over_other_data_or_settings(toy, ask):
    assert ask("tune", "--trials", 1, "--space", "lr=0.1,0.5")[0] == 0
    dump(toy / "params.yaml", {**PARAMS, "epochs": 2})
    code, _, err = ask("tune", "--trials", 2, "--space", "lr=0.1,0.5")
    assert code == 2
    assert "begun with another settings" in err
    dump(toy / "params.yaml", PARAMS)
    shutil.rmtree(toy / ".rowtrail")
    code, _, err = ask("tune", "--trials", 1, "--space", "lr=0.1,0.5")
    assert code == 2
    assert "dvc exp remove tune-search-0" in err


def test_a_metric_that_finetune_does_not_report_is_named_with_those_it_does(toy, ask):
    code, _, err = ask("tune", "--trials", 1, "--space", "lr=0.1,0.5", "--metric", "accuracy")
    assert code == 2
    assert "there are: steps, validation_loss" in err


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--space", "lr=0.1,50"], 2, "less than 10"),
        (["--space", "epochs=2,x"], 2, "valid number"),
        (["--trials", "0"], 2, "--trials"),
        (["--study", "a b"], 2, "does not fit into names"),
        (["--prune", "--metric", "steps"], 2, "goes by the validation loss"),
    ],
)
def test_wrong_use_is_told_before_anything_runs(toy, ask, arguments, code, word):
    found, _, err = ask("tune", *arguments)
    assert found == code
    assert word in err


def test_a_private_training_is_not_searched(toy, ask):
    dump(toy / "params.yaml", {**PARAMS, "privacy": {"enabled": True}})
    code, _, err = ask("tune", "--space", "lr=0.1,0.5")
    assert code == 4
    assert "privacy budget" in err


def test_a_missing_optuna_is_an_extra_to_install(toy, ask, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, _, err = ask("tune")
    assert code == 2
    assert "rowtrail[tune]" in err


def test_no_time_left_begins_no_trial(toy, ask):
    code, _, err = ask("tune", "--minutes", "1e-9", "--space", "lr=0.1,0.5")
    assert code == 1
    assert "no trial was completed" in err


def test_a_folder_outside_git_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="not in a git repository"):
        tune_experiments.check([])
