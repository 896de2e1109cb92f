"""Many experiments in a row over changing params and data: nothing is lost, disk grows as told, nothing slows down."""

from __future__ import annotations

import csv
import json
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages.core.git import Git
from stages.core.params_file import read_yaml
from tests.faults.odd_project import SOURCE, copy_of, front_door, odd_project
from tests.pipeline.conftest import Project

pytestmark = pytest.mark.slow
KEPT = {"cache": ".dvc/cache", "git": ".git", "own": ".rowtrail", "temporary": ".dvc/tmp"}
"""What grows, by name; the budget ledger stands in `.rowtrail`."""
GIT_GROWTH = 200_000
"""Bytes that a commit of dvc.lock, reports and params may add to git: docs/experiments.md."""
SLOWER = 1.5
"""How much more CPU the last experiment may take than the first of its kind, at most."""


@dataclass
class Soak:
    """A project, and what was measured after each of its experiments."""

    project: Project
    chance: random.Random
    numbers: count = field(default_factory=lambda: count(1))
    rows: list[dict] = field(default_factory=list)

    def go(self, kind: str) -> dict:
        """One experiment of a kind, committed; what it cost and left, after `rowtrail verify` has agreed."""
        before = self.sizes()
        seconds = cpu_seconds(partial(KINDS[kind], self, next(self.numbers)))
        self.project.run("git", "add", "-A")
        self.project.run("git", "commit", "-qm", kind, "--allow-empty")
        checked = cpu_seconds(lambda: self.project.run(*front_door("verify")))
        status = cpu_seconds(lambda: self.project.run("dvc", "status"))
        after = self.sizes()
        grown = {name: after[name] - before[name] for name in after}
        row = {"kind": kind, "run": seconds, "verify": checked, "status": status, **after, "grown": grown}
        self.rows.append(row)
        tell(row)
        assert "up to date" in self.project.run("dvc", "status").stdout
        self.check(kind, grown)
        return row

    def check(self, kind: str, grown: dict[str, int]) -> None:
        """What docs/experiments.md says that a run leaves behind."""
        made = size_of(self.project.path / "data", leave_out="raw") + size_of(self.project.path / "reports")
        assert grown["cache"] <= 1.1 * made, "a run adds no more than its outputs"
        assert grown["git"] <= GIT_GROWTH
        private = read_yaml(self.project.path / "params.yaml").get("privacy", {}).get("enabled", False)
        assert grown["ledger"] == (2 if private and kind != "again" else 0), "a private run adds two, no other any"
        assert not [*(self.project.path / ".rowtrail/checkpoints").glob("*")]
        assert not [*(self.project.path / "data").glob(".*.new"), *(self.project.path / "data").glob(".*.old")]

    def sizes(self) -> dict[str, int]:
        """Bytes of what grows, and lines of the budget ledger."""
        ledger = self.project.path / ".rowtrail/budget/ledger.jsonl"
        lines = len(ledger.read_bytes().splitlines()) if ledger.exists() else 0
        return {**{name: size_of(self.project.path / place) for name, place in KEPT.items()}, "ledger": lines}

    def cpu_of(self, kind: str, what: str) -> list[float]:
        return [row[what] for row in self.rows if row["kind"] == kind]


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the processes that were started and have ended: a busy machine does not change them much."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1)


def size_of(folder: Path, leave_out: str = "") -> int:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files if not (leave_out and leave_out in path.parts))


def tell(figures: dict) -> None:
    """Seen with `pytest -s`, and after a failure."""
    sys.stdout.write(json.dumps(figures) + "\n")


# --- kinds of experiments -------------------------------------------------------------------------------------------
def experiment(soak: Soak, *settings: str) -> None:
    soak.project.run("dvc", "exp", "run", *(part for one in settings for part in ("-S", one)))


def rate(soak: Soak, number: int) -> None:
    experiment(soak, "privacy.enabled=false", f"lr={1e-4 * (1 + number / 100):.6f}")


def again(soak: Soak, number: int) -> None:
    """Back to the params before the last commit, on the same data: DVC remembers that run."""
    soak.project.run("git", "checkout", "HEAD~1", "--", "params.yaml")
    assert "Running stage" not in soak.project.run("dvc", "repro").stdout


def threshold(soak: Soak, number: int) -> None:
    experiment(soak, f"deduplicate.threshold={0.7 + number / 200:.3f}", f"split.test={0.15 + number / 1000:.3f}")


def seed(soak: Soak, number: int) -> None:
    experiment(soak, f"seed={100 + number}")


def private(soak: Soak, number: int) -> None:
    experiment(soak, "privacy.enabled=true", "privacy.accountant=rdp", f"privacy.target_epsilon={4 + number / 10}")


def queue(soak: Soak, number: int) -> None:
    """The rows are not in git or DVC, so the copy lacks them; docs/experiments.md says what to do about that."""
    one = ("-S", f"lr={2e-4 * (1 + number / 100):.6f}", "-S", "privacy.enabled=false")
    soak.project.run("dvc", "exp", "run", "--queue", "--name", f"queued-{number}", *one, "--downstream", "plan")
    soak.project.run("dvc", "exp", "run", "--run-all")
    soak.project.run("dvc", "exp", "apply", f"queued-{number}")
    told = soak.project.run("dvc", "repro").stdout
    assert "Running stage 'evaluate'" in told
    assert "Running stage 'finetune'" not in told


def _edit(soak: Soak, change: Callable[[list[list[str]]], None]) -> None:
    file = soak.project.path / "data/raw" / SOURCE
    with file.open(encoding="utf-8", newline="") as lines:
        head, *rows = csv.reader(lines)
    change(rows)
    with file.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerows([head, *rows])
    soak.project.run("dvc", "repro")


def added(soak: Soak, number: int) -> None:
    def add(rows):
        some = soak.chance.sample(rows, 5)
        rows += [[f"more-{number}-{i}", f"{row[1]} as of visit {number}", *row[2:]] for i, row in enumerate(some)]

    _edit(soak, add)


def removed(soak: Soak, number: int) -> None:
    def remove(rows):
        for row in soak.chance.sample(rows, 4):
            rows.remove(row)

    _edit(soak, remove)


def relabelled(soak: Soak, number: int) -> None:
    def relabel(rows):
        labels = sorted({row[2] for row in rows})
        for row in soak.chance.sample(rows, 3):
            row[2] = soak.chance.choice([label for label in labels if label != row[2]])

    _edit(soak, relabel)


def forget(soak: Soak, number: int) -> None:
    ids = pq.read_table(soak.project.path / "data/split/records.parquet", columns=["id"])["id"].to_pylist()
    soak.project.run(*front_door("forget", "--record", soak.chance.choice(ids), "--apply"))


KINDS = {
    one.__name__: one
    for one in (rate, again, threshold, seed, private, queue, added, removed, relabelled, forget)
}  # fmt: skip
SHORT = ("rate", "again", "private")
LONG = (
    "rate", "again", "added", "threshold", "private", "relabelled", "rate", "removed", "seed", "forget",
    "queue", "rate", "added", "threshold", "private", "relabelled", "removed", "forget", "private", "rate",
)  # fmt: skip


@pytest.fixture
def soak(tmp_path, tmp_path_factory) -> Soak:
    return Soak(copy_of(odd_project(tmp_path_factory.getbasetemp()), tmp_path / "soak"), random.Random(9))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_three_experiments_in_a_row_grow_as_told_and_stay_verified(soak):
    for kind in SHORT:
        soak.go(kind)
    ran, came_back, _ = soak.rows
    assert came_back["run"] < ran["run"] / 2
    assert came_back["grown"]["cache"] < 10_000


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_twenty_experiments_in_a_row_lose_nothing_and_slow_nothing_down(soak):
    for kind in LONG:
        soak.go(kind)
    for what in ("run", "verify", "status"):
        seconds = soak.cpu_of("rate", what)
        assert seconds[-1] <= SLOWER * seconds[0] + 1, what
    assert len([ref for ref in Git(soak.project.path).refs() if ref.kind == "experiment"]) >= 10
    shrunk(soak)


def shrunk(soak: Soak) -> None:
    """What docs/experiments.md says makes a project small again, does, and costs nothing that is in use."""
    before = soak.sizes()
    for path in ("cache", "tune"):
        shutil.rmtree(soak.project.path / ".rowtrail" / path, ignore_errors=True)
    soak.project.run("dvc", "exp", "remove", "--all-commits")
    soak.project.run("dvc", "gc", "--workspace", "--force")
    subprocess.run(["git", "gc", "-q", "--prune=now"], cwd=soak.project.path, check=True)
    after = soak.sizes()
    tell({"before": before, "after": after})
    assert after["cache"] < before["cache"] / 3
    assert after["git"] < before["git"]
    assert after["ledger"] == before["ledger"], "what was spent stays spent"
    assert "up to date" in soak.project.run("dvc", "status").stdout
    soak.project.run(*front_door("verify"))
    soak.project.run(*front_door("budget"))
