"""Two at once, and the halves that a killed git or DVC leaves: each is told in a sentence, and one step mends it."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from stages.__main__ import STAGES
from tests.faults import killing
from tests.faults.killing import Attack, assert_no_rest, digest, kill, needs_proc, uncache
from tests.faults.test_machine import disk

pytestmark = [pytest.mark.soak, needs_proc, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return killing.small(tmp_path_factory.getbasetemp())


@pytest.fixture
def small(made):
    """The project, which must be again what it was when the test is over."""
    yield made
    assert {name: digest(made.project, name) for name in STAGES} == made.digests
    assert_no_rest(made)
    assert made.project.run("git", "status", "--porcelain").stdout == ""
    assert "up to date" in made.project.run("dvc", "status").stdout
    made.project.run("rowtrail", "verify")


@pytest.fixture
def draw(request):
    return random.Random(f"{request.node.name} {request.config.getoption('times')}")


def told(project, *command, code=None):
    """What a command says that cannot go on, or that finds a fault: no stack trace, whatever it is."""
    done = project.run(*command, code=code)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return said


def test_of_two_repros_at_once_one_is_told_that_the_other_works(small):
    command = ("dvc", "repro", "--force", "--single-item", "check_labels")
    with Attack(small.project, *command) as first:
        assert first.wait_for("check_labels", 0.5)
        assert "busy" in told(small.project, *command, code=255)
        assert first.dvc.wait() == 0


def test_two_repros_of_different_stages_at_once_both_end_well(small):
    commands = [("dvc", "repro", "--force", "--single-item", name) for name in ("split", "clean")]
    with Attack(small.project, *commands[0]) as first:
        assert first.wait_for("split", 0.2)
        with Attack(small.project, *commands[1]) as second:
            ended = [one.dvc.wait() for one in (first, second)]
            said = first.said + second.said
    # `split` reads what follows from `clean`, but no file that it writes.
    assert ended == [0, 0], said


DEADLY = "kill -9 $PPID; cat"


def test_a_git_checkout_killed_in_the_middle_is_told_and_undone(small):
    project = small.project
    root = project.path
    project.run("git", "checkout", "-qb", "other")
    for name in ("stages/clean.py", "stages/split.py"):
        (root / name).write_text((root / name).read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    project.set_params(lambda params: params["clean"].update(min_chars=4))
    project.run("git", "commit", "-qam", "other")
    project.run("git", "checkout", "-q", "-")
    (root / ".git/info").mkdir(exist_ok=True)
    (root / ".git/info/attributes").write_text("stages/split.py filter=deadly\n", encoding="utf-8")
    project.run("git", "config", "filter.deadly.smudge", DEADLY)
    with Attack(project, "git", "checkout", "-q", "other") as attack:
        assert attack.dvc.wait() == -9
        attack.gone()
    assert (root / ".git/index.lock").exists()
    assert (root / "stages/clean.py").read_text(encoding="utf-8").endswith("# changed\n")
    assert "clean.min_chars" in told(project, "rowtrail", "verify", code=1)
    assert "changed" in told(project, "dvc", "status", code=0)
    assert "index.lock" in told(project, "git", "checkout", "-f", "HEAD", code=128)
    (root / ".git/index.lock").unlink()
    (root / ".git/info/attributes").unlink()
    project.run("git", "checkout", "-qf", "HEAD")
    project.run("git", "branch", "-qD", "other")
    assert "Running stage" not in told(project, "dvc", "repro", code=0)


def test_a_dvc_checkout_killed_in_the_middle_is_done_by_the_next(small, draw, request):
    project = small.project
    names = ("clean", "split", "finetune", "evaluate", "document")
    for _ in range(request.config.getoption("times")):
        for name in names:
            for file in (project.path / "data" / name).glob("*.*"):
                file.unlink()
        with Attack(project, "dvc", "checkout") as attack:
            time.sleep(draw.uniform(1.5, 3.5))
            if attack.dvc.poll() is None:
                kill(attack.dvc.pid)
        told(project, "rowtrail", "verify")
    assert "Running stage" not in told(project, "dvc", "repro", code=0)


def test_a_lock_file_of_dvc_torn_by_a_kill_is_told_by_both_and_git_brings_it_back(small, draw, request):
    lock = small.project.path / "dvc.lock"
    whole = lock.read_bytes()
    for _ in range(request.config.getoption("times")):
        lock.write_bytes(whole[: draw.randrange(20, len(whole) - 20)])
        assert "dvc.lock" in told(small.project, "rowtrail", "verify", code=1)
        told(small.project, "dvc", "status")
        small.project.run("git", "checkout", "dvc.lock")


@pytest.mark.parametrize("content", ["", '{"read": {"/x'])
def test_a_list_of_readers_torn_by_a_kill_is_told_and_goes_on_when_it_is_deleted(small, content):
    file = small.project.path / ".dvc/tmp/rwlock"
    file.write_text(content, encoding="utf-8")
    command = ("dvc", "repro", "--force", "--single-item", "split")
    assert "rwlock" in told(small.project, *command, code=255)
    assert "rwlock: is half a file" in told(small.project, "rowtrail", "verify", code=1)
    file.unlink()
    told(small.project, *command, code=0)


@pytest.mark.parametrize("moment", [0, 4_000_000_000])
def test_times_of_files_in_the_past_or_the_future_run_nothing_again(small, moment):
    for folder in ("data", "stages", "reports"):
        for path in (small.project.path / folder).rglob("*"):
            os.utime(path, (moment, moment))
    assert "Running stage" not in told(small.project, "dvc", "repro", code=0)


def test_a_change_that_leaves_size_and_time_of_a_file_is_found_by_verify(small):
    file = small.project.path / "data/clean/report.json"
    before, content = file.stat(), file.read_bytes()
    file.chmod(0o644)
    with file.open("r+b") as handle:
        handle.write(content.swapcase())
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "data/clean/report.json" in told(small.project, "rowtrail", "verify", code=1)
    with file.open("r+b") as handle:
        handle.write(content)


def test_a_cache_of_dvc_on_a_full_disk_is_told_and_filled_when_there_is_space(small):
    """DVC itself tells it, and ends with 0 all the same; what its cache lacks it makes again when it is asked to."""
    project, settings = small.project, small.project.path / ".dvc/config.local"
    uncache(project, "split")
    with disk(project.path / ".rowtrail/disk", 2**18) as leave:
        settings.write_text(f"[cache]\ndir = {project.path}/.rowtrail/disk\n", encoding="utf-8")
        leave(8_192)
        try:
            said = told(project, "dvc", "repro", "--force", "--single-item", "split")
        finally:
            settings.unlink()
    (project.path / ".rowtrail/disk").rmdir()
    assert "No space left" in said
    assert digest(project, "split") == small.digests["split"]
    assert "not in cache" in told(project, "dvc", "status")
    assert "not in the cache here" in told(project, "rowtrail", "verify")
    told(project, "dvc", "repro", "--single-item", "split", code=0)


def test_of_three_queued_experiments_one_is_killed_and_the_others_end_well(small):
    project = small.project
    quick = ("--single-item", "plan", "finetune")
    project.run("dvc", "exp", "run", "--queue", "-S", "lr=1e-3,2e-3,4e-3", *quick)
    with Attack(project, "dvc", "queue", "start", "--jobs", "1") as attack:
        attack.dvc.wait()
        deadline = time.monotonic() + 300
        while not (process := attack.stage("finetune")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        kill(process)
        while (said := project.run("dvc", "queue", "status").stdout) and ("Queued" in said or "Running" in said):
            assert time.monotonic() < deadline + 600, said
            time.sleep(3)
        project.run("dvc", "queue", "stop", code=None)
        assert (said.count("Success"), said.count("Failed")) == (2, 1)
        assert "Traceback" not in told(project, "dvc", "exp", "show", "--md", code=0)
    project.run("dvc", "queue", "remove", "--all")
    project.run("dvc", "exp", "remove", "--all-commits")
    for path in sorted(Path(project.path / ".rowtrail/checkpoints").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
