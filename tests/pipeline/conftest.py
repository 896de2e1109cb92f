"""A whole project in a folder of its own, run once by DVC on the sample rows and looked at by many tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
MARK = "Zzyxmarked"
"""A made-up word that stands in one row's text, next to made-up personal data; it must turn up nowhere else."""
MARKED_MAIL = "zzyx.marked@mailbox-zzyx.com"
MARKED_CUSTOMER = "customer-zzyx-7781"


@dataclass(frozen=True)
class Project:
    """A project's folder, and commands run in it."""

    path: Path

    def run(self, *command: str, code: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project; fails the test when it ends with another code than the expected one."""
        bin_folder = str(Path(sys.executable).parent)
        own = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "ROWTRAIL_", "GIT_"))}
        env = {**own, "PATH": f"{bin_folder}:{own['PATH']}", "PYTHONPATH": "", **environment}
        done = subprocess.run(command, cwd=self.path, env=env, capture_output=True, text=True, check=False)
        assert code is None or done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def stage(self, name: str, *inputs: str, out: str, params: str = "params.yaml", code: int = 0):
        """Run one stage by the front door."""
        ins = [part for folder in inputs for part in ("--in", folder)]
        return self.run("python", "-m", "stages", name, *ins, "--out", out, "--params", params, code=code)

    def set_params(self, change) -> None:
        """Change params.yaml through a function of its mapping."""
        yaml = YAML()
        params = yaml.load((self.path / "params.yaml").read_text(encoding="utf-8"))
        change(params)
        with (self.path / "params.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(params, file)


def make_project(path: Path) -> Project:
    """A clone of the working tree, as git would give it, set to the sample rows."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file() and name != "dvc.lock" and not name.startswith("reports/"):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, path / name)
    project = Project(path)
    project.set_params(_sample_params)
    rows = (ROOT / "data/samples/classification.csv").read_text(encoding="utf-8").rstrip("\n")
    marked = f'marked-1,"{MARK} wrote from {MARKED_MAIL} that the parcel from card 4012888888881881 is late",'
    rows += f"\n{marked}{_first_label(rows)},{MARKED_CUSTOMER},0.9\n"
    (path / "data/raw").mkdir(parents=True, exist_ok=True)
    (path / "data/raw/sample.csv").write_text(rows, encoding="utf-8")
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        project.run(*command)
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    project.run("git", *identity, "commit", "-qm", "sample project")
    project.run("git", "config", "user.name", "Test")
    project.run("git", "config", "user.email", "test@example.org")
    return project


def _first_label(rows: str) -> str:
    return rows.splitlines()[1].split(",")[-3]


def _sample_params(params) -> None:
    params["epochs"] = 2
    params["batch_size"] = 16
    params["finetune"] = {**params.get("finetune", {}), "frozen_layers": 4, "max_length": 48}
    params["ingest"]["labels"] = None
    params["ingest"]["limit"] = None
    params["ingest"]["sources"] = [
        {
            "name": "sample",
            "uri": "data/raw/*.csv",
            "id": "id",
            "subject": "customer",
            "confidence": "agreement",
            "fields": {"text": "text", "label": "label"},
            "license": "CC0-1.0",
            "public": True,
        }
    ]
    params["check_labels"] = {**params.get("check_labels", {}), "folds": 3}
    params["evaluate"] = {**params.get("evaluate", {}), "train_sample": 50, "bootstrap": 100, "min_slice": 5}
    params["audit"] = {**params.get("audit", {}), "sample": 50, "bootstrap": 100}


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    """The sample project after its first `dvc repro`. Tests that change it work on a copy."""
    project = make_project(tmp_path_factory.mktemp("sample") / "project")
    done = project.run("dvc", "repro")
    (project.path.parent / "repro.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    return project


@pytest.fixture
def copy(project, tmp_path) -> Project:
    """A copy of the project that a test may change: same files, same DVC cache."""
    shutil.copytree(project.path, tmp_path / "copy", symlinks=True)
    return Project(tmp_path / "copy")
