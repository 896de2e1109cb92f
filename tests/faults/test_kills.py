"""SIGKILL at any moment of any stage: nothing is lost, nothing goes on behind one's back, one more run mends it all."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.__main__ import STAGES
from stages.core.budget_chain import read_budget
from stages.core.child_processes import ENDS_WITH_PARENT
from tests.faults import killing
from tests.faults.killing import (
    Attack,
    assert_no_rest,
    assert_whole_or_absent,
    delete_torn_list,
    digest,
    needs_proc,
    strike,
    uncache,
)
from tests.pipeline.conftest import Project

pytestmark = [needs_proc, pytest.mark.timeout(3600)]
POOLED = ("clean", "deduplicate", "scrub_pii")
"""Stages whose work is done by workers of the pool."""
TRIES = 4
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return killing.small(tmp_path_factory.getbasetemp())


@pytest.fixture
def draw(request):
    """What chance decides; the same each time."""
    return random.Random(f"{request.node.name} {request.config.getoption('times')}")


def attacked(small, stage, victim, draw):
    """Run a stage by DVC and kill somebody at a moment drawn by chance; False when there was nobody any more."""
    uncache(small.project, stage)
    with Attack(small.project, "dvc", "repro", "--single-item", "--force", stage) as attack:
        late = victim == "dvc" and draw.random() < 0.4  # when the stage has ended, and DVC files what it wrote
        there = attack.wait_for(stage, 1e9 if late else small.seconds[stage] * draw.uniform(0, 0.98))
        if late:
            time.sleep(draw.uniform(0, 0.5))
        elif not there:
            small.seconds[stage] = attack.most  # the caches are warm by now
        if not (there or late) or not strike(attack, victim, draw):
            attack.dvc.wait()
            return False
        if victim != "worker":
            attack.gone()
        assert attack.dvc.wait() == {"worker": 0, "stage": 255}.get(victim, -9), attack.said
        assert "Traceback" not in attack.said
        return True


@pytest.mark.soak
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_killed_again_and_again_gives_the_same_bytes_in_the_end(small, stage, request, draw, record_property):
    times = max(request.config.getoption("times"), 2)
    victims = ["stage", "dvc", "all", *(["worker"] if stage in POOLED else [])]
    killed, torn = dict.fromkeys(victims, 0), 0
    for number in range(times):
        victim = victims[number % len(victims)]
        for _ in range(TRIES):
            if attacked(small, stage, victim, draw):
                killed[victim] += 1
                break
        torn += delete_torn_list(small.project.path)  # one step for a person, as `rowtrail verify` says
        assert_whole_or_absent(small.project.path / "data" / stage)
    record_property("killed", {**killed, "lists torn": torn})
    done = small.project.run("dvc", "repro", "--no-run-cache")
    assert "Traceback" not in done.stdout + done.stderr
    assert {name: digest(small.project, name) for name in STAGES} == small.digests
    assert_no_rest(small)
    assert "up to date" in small.project.run("dvc", "status").stdout
    assert small.project.run("git", "status", "--porcelain").stdout == ""
    small.project.run("rowtrail", "verify")
    assert sum(killed.values()) == times


ORPHAN = """
import os, sys, time
parent = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == parent:
    time.sleep(0.01)
os.environ[sys.argv[1]] = "ingest"
os.execv(sys.executable, [sys.executable, "-m", "stages", "ingest", "--out", "ingest"])
"""


@pytest.mark.parametrize("variable", ["DVC_STAGE", ENDS_WITH_PARENT])
def test_a_stage_that_is_an_orphan_before_it_looks_for_its_parent_writes_nothing(tmp_path, variable):
    """As when DVC or a command is killed in the moment in which it starts a stage."""
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/rows.csv").write_text("id,text,label\n1,some text,good\n", encoding="utf-8")
    source = {"name": "s", "uri": "data/raw/rows.csv", "id": "id", "license": "MIT", "public": True}
    (tmp_path / "params.yaml").write_text(json.dumps({"ingest": {"sources": [source]}}), encoding="utf-8")
    shutil.copyfile(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    done = subprocess.run(  # it returns when the orphan has ended too, which holds the other end of its pipes
        [sys.executable, "-c", ORPHAN, variable], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True, start_new_session=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert not (tmp_path / "ingest").exists()
    assert done.stdout + done.stderr == b""


RESERVING = """
import sys
from pathlib import Path
from stages.core.budget import confirm, reserve
from tests.core.test_budget import HOLDERS, let_through, spend
for number in range(10_000):
    run = reserve(spend(), {f"{number % 7:020d}": "h", **HOLDERS}, let_through, Path(sys.argv[1])).run
    print(run, flush=True)
    confirm(run, 50, Path(sys.argv[1]))
"""


def test_a_ledger_keeps_each_run_that_was_let_through_whenever_its_writer_is_killed(tmp_path, request, draw):
    told, times = set(), 3 * request.config.getoption("times")
    for _ in range(times):
        writer = subprocess.Popen([sys.executable, "-c", RESERVING, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
        told |= {writer.stdout.readline().decode().strip() for _ in range(draw.randint(1, 4))}
        time.sleep(draw.uniform(0, 0.1))
        writer.kill()
        told |= set(writer.communicate()[0].decode().split())
        runs = {run.id for run in read_budget(tmp_path).runs}
        assert told <= runs
    assert len(told) <= len(runs) <= len(told) + times


@pytest.mark.soak
def test_a_private_training_killed_again_and_again_never_loses_what_it_has_spent(small, tmp_path, request, draw):
    project = Project(tmp_path / "private")
    shutil.copytree(small.project.path, project.path, symlinks=True)
    project.set_params(lambda params: params["privacy"].update(enabled=True, unit="record"))
    with Attack(project, "dvc", "repro", "--single-item", "plan", "finetune") as attack:
        seconds = attack.watch()["finetune"]
        assert attack.dvc.returncode == 0, attack.said
    ledger, checkpoints = project.path / ".rowtrail/budget", project.path / ".rowtrail/checkpoints"
    known, killed = {run.id for run in read_budget(ledger).runs}, 0
    for number in range(max(request.config.getoption("times"), 3)):
        with Attack(project, "dvc", "repro", "--force", "--single-item", "finetune") as attack:
            if attack.wait_for("finetune", seconds * draw.uniform(0.4, 0.98)):
                killed += strike(attack, ("stage", "dvc", "all")[number % 3], draw)
            attack.gone(60)
        delete_torn_list(project.path)
        now = {run.id for run in read_budget(ledger).runs}
        assert known <= now
        assert len(now - known) <= 1, "a run that goes on is paid for once"
        trained = [json.loads(file.read_bytes())[0] for file in checkpoints.glob("*/reserved.json")]
        assert set(trained) <= now
        assert trained or not list(checkpoints.glob("*/run-*/checkpoint-*"))
        known = now
    assert killed
    project.run("dvc", "repro")
    certificate = json.loads((project.path / "data/finetune/privacy.json").read_bytes())
    runs = {run.id: run.confirmed for run in read_budget(ledger).runs}
    assert known <= set(runs)
    assert runs[certificate["ledger"]["run"]] == certificate["mechanism"]["steps"]
    project.run("rowtrail", "verify")
