"""A whole project made small enough to run often: the sample rows, a model of two layers, no probes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.pipeline.conftest import Project, make_project
from tests.tiny import save_base

FOLDER = "My Projekt ü 数据 $HOME 'x'"
SOURCE = "größe 数 [a] $b.csv"
ODD = {
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "TERM": "dumb",
    "COLUMNS": "20",
    "TZ": "Antarctica/Troll",
    "GIT_CONFIG_NOSYSTEM": "1",
}
"""A locale of C, nowhere to put settings and caches, a terminal that can do nothing, a clock of its own."""


def run(folder: Path, *command: str, **odd) -> subprocess.CompletedProcess[bytes]:
    """Run a command with nothing of this process' environment but where programs are; `environment` adds to it."""
    own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    env = {**own, **odd.pop("environment", {})}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | odd
    return subprocess.run(command, cwd=folder, env=env, check=False, **streams)


def front_door(*arguments: str) -> tuple[str, ...]:
    """The command of a stage or a question."""
    return (sys.executable, "-m", "stages", *arguments)


def make_small_project(path: Path) -> Project:
    """The sample project of the pipeline's tests, with all that costs time made small; committed, not run."""
    path.mkdir(parents=True)
    project = make_project(path)
    (path / "data/raw/sample.csv").rename(path / "data/raw" / SOURCE)
    save_base(path / "models" / "base")
    project.set_params(_small)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "small")
    return project


@cache
def odd_project(temporary: Path) -> Project:
    """The small project under an odd name, run by DVC in an odd environment, once a session; tests work on copies."""
    project = make_small_project(temporary / "odd" / FOLDER)
    done = run(project.path, "dvc", "repro", environment=ODD, umask=0o077)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "first run")
    return project


def copy_of(project: Project, path: Path) -> Project:
    """A copy that a test may change: same files, same DVC cache, another folder."""
    shutil.copytree(project.path, path, symlinks=True)
    return Project(path)


def _small(params) -> None:
    params.update(model="models/base", epochs=1, lr=1e-3)
    params["deduplicate"].update(probe=0)
    params["scrub_pii"].update(probe=0)
    params["check_labels"].update(probe=0, folds=2, max_tokens=16)
    params["finetune"].update(frozen_layers=0, max_length=16, evaluations=1, threads=1, device="cpu")
    params["evaluate"].update(bootstrap=100, train_sample=50)
    params["audit"].update(bootstrap=100, sample=50)
    params["engine"].update(workers=1)
