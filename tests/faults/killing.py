"""A whole project with a tiny model, what runs in it, and what a process that is killed there leaves behind."""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

from stages.__main__ import STAGES
from stages.core.dvc_files import DvcCache, md5_of
from stages.core.storage import StageFolder, files_below, sha256_of
from tests import tiny
from tests.pipeline.conftest import Project, make_project

MARK = "FAULTS_MARK"
"""A variable of the environment that all processes of one attack share, and nobody else has."""
TICK = os.sysconf("SC_CLK_TCK")
needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")


@dataclass(frozen=True)
class Small:
    """A project after an undisturbed `dvc repro`; `seconds` is the CPU time that each stage took, workers and all."""

    project: Project
    seconds: dict[str, float]
    digests: dict[str, str]
    rowtrail: list[str]
    """The files in `.rowtrail`."""


@lru_cache(maxsize=1)
def small(folder: Path) -> Small:
    """The project, made once. Whoever changes it brings it back."""
    project = make_project(folder / "small")
    tiny.save_base(project.path / "base")
    project.set_params(_tiny_params)
    rows = (project.path / "data/raw/sample.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (project.path / "data/raw/sample.csv").write_text("".join(rows[:90]), encoding="utf-8")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "tiny")
    with Attack(project, "dvc", "repro") as attack:
        seconds = attack.watch()
        assert attack.dvc.returncode == 0
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "first run")
    digests = {name: digest(project, name) for name in STAGES}
    return Small(project, seconds, digests, files_below(project.path / ".rowtrail"))


def _tiny_params(params) -> None:
    params.update(model="base", lr=3e-3, epochs=12, batch_size=8)
    params["clean"].update(candidates=["en", "de"])
    params["deduplicate"].update(probe=0)
    params["scrub_pii"].update(ner={}, probe=0)
    params["check_labels"].update(probe=0)
    params["finetune"].update(frozen_layers=0, max_length=32, threads=1, evaluations=12, early_stopping=None)
    params["evaluate"].update(baselines=False)
    params["engine"].update(workers=2)


def digest(project: Project, stage: str) -> str:
    """SHA-256 of a stage's manifest, which holds those of all its files."""
    return StageFolder(project.path / "data" / stage).digest


class Attack:
    """A command under way in a project, and all processes that it has started."""

    def __init__(self, project: Project, *command: str) -> None:
        self.project, self.command, self.mark = project, command, secrets.token_hex(8)

    def __enter__(self) -> Attack:
        own = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "ROWTRAIL_", "GIT_"))}
        env = {**own, "PATH": f"{Path(sys.executable).parent}:{own['PATH']}", MARK: self.mark, "PYTHONPATH": ""}
        self.log = self.project.path.parent / f"{self.mark}.log"
        with self.log.open("w") as log:
            # A session of its own, as a terminal gives one: an orphan is then taken over by a process of another.
            self.dvc = subprocess.Popen(
                self.command, cwd=self.project.path, env=env, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.at_work():
            kill(process)
        self.dvc.wait()
        self.log.unlink()

    @property
    def said(self) -> str:
        """What all of its processes have printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def at_work(self) -> dict[int, list[str]]:
        """The living processes and their command lines."""
        return dict(processes(self.mark))

    def stage(self, name: str | None = None) -> int | None:
        """The process of a stage, of any one where none is named."""
        for process, line in self.at_work().items():
            if line[1:3] == ["-m", "stages"] and name in (None, line[3]):
                return process
        return None

    def workers(self) -> list[int]:
        """The processes of the pool."""
        return [process for process, line in self.at_work().items() if any("spawn_main" in part for part in line)]

    def watch(self) -> dict[str, float]:
        """Until all has ended: the CPU time of each stage."""
        seconds: dict[str, float] = {}
        while self.dvc.poll() is None:
            for name in [line[3] for line in self.at_work().values() if line[1:3] == ["-m", "stages"]]:
                seconds[name] = max(self.worked(), seconds.get(name, 0.0))
            time.sleep(0.05)
        return seconds

    def worked(self) -> float:
        """CPU time in seconds of the stage that runs and of its workers."""
        return sum(_cpu(process) for process in (self.stage(), *self.workers()) if process)

    def wait_for(self, stage: str, seconds: float) -> bool:
        """Until a stage has worked for so long; False when it has ended before: `most` is then how long it worked."""
        self.most = 0.0
        while self.dvc.poll() is None:
            if self.stage(stage):
                self.most = max(self.most, self.worked())
                if self.most >= seconds:
                    return True
            elif self.most:
                return False
            time.sleep(0.01)
        return False

    def gone(self, patience: float = 20) -> float:
        """Until no process is left; gives the seconds. Fails when one goes on."""
        started = time.monotonic()
        seen_none = 0
        while seen_none < 3:  # a process that is just becoming another program has no environment to read
            left = self.at_work()
            seen_none = 0 if left else seen_none + 1
            self.dvc.poll()
            assert time.monotonic() < started + patience, f"goes on as an orphan: {left}"
            time.sleep(0.05)
        return time.monotonic() - started


def processes(mark: str) -> Iterator[tuple[int, list[str]]]:
    """The living processes whose environment has the mark, and their command lines."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    line = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
                    yield int(entry.name), line
            except OSError:  # it has ended
                continue


def _cpu(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def kill(process: int) -> bool:
    """SIGKILL; False when it has ended before."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def strike(attack: Attack, victim: str, draw: random.Random) -> bool:
    """Kill the stage, DVC, a worker or everything at once; False when the victim was not there any more."""
    stage, workers = attack.stage(), attack.workers()
    if victim == "stage":
        return stage is not None and kill(stage)
    if victim == "worker":
        return bool(workers) and kill(draw.choice(workers))
    if victim == "all":
        return sum(map(kill, [attack.dvc.pid, *attack.at_work()])) > 1
    return attack.dvc.poll() is None and kill(attack.dvc.pid)


def uncache(project: Project, stage: str) -> None:
    """Take what a stage wrote out of DVC's cache, so that DVC has to put it there again."""
    cache = DvcCache(project.path)
    folder = project.path / "data" / stage
    if folder.exists():
        for md5 in (md5_of(folder, project.path), *(md5_of(folder / name) for name in files_below(folder))):
            cache.place(md5).unlink(missing_ok=True)


def assert_whole_or_absent(folder: Path) -> None:
    """A stage's folder is not there at all, or has a manifest, and every file is as that says."""
    if folder.exists():
        files = StageFolder(folder).manifest["files"]
        assert sorted({*files, "manifest.json"}) == files_below(folder)
        assert {name: sha256_of(folder / name) for name in files} == files


def assert_no_rest(small: Small) -> None:
    """No half-written folder, no lock, and nothing in `.rowtrail` that was not there after the undisturbed run."""
    root = small.project.path
    rests = [path for folder in ("data", "reports") for path in (root / folder).glob(".*.new")]
    assert not rests
    assert files_below(root / ".rowtrail") == small.rowtrail
    assert not [process for process in _rwlock(root) if Path(f"/proc/{process}").exists()]
    for lock in (".dvc/tmp/lock", ".dvc/tmp/rwlock.lock"):
        with (root / lock).open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _rwlock(root: Path) -> Iterator[int]:
    """The processes in DVC's list of who reads and writes what. It leaves the dead there until they are in its way."""
    listed = json.loads((root / ".dvc/tmp/rwlock").read_bytes())
    for readers in listed.get("read", {}).values():
        yield from (reader["pid"] for reader in readers)
    yield from (writer["pid"] for writer in listed.get("write", {}).values())


def delete_torn_list(root: Path) -> int:
    """Delete DVC's list of who reads and writes what, if half of it was written; gives how many there were."""
    try:
        list(_rwlock(root))
    except ValueError:
        (root / ".dvc/tmp/rwlock").unlink()
        return 1
    return 0
