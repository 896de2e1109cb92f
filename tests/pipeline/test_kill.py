"""A stage that is killed at any moment leaves the old folder or the new one, and the next run gives the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.core.storage import StageFolder

pytestmark = pytest.mark.slow
CHAIN = {
    "clean": "ingest",
    "deduplicate": "clean",
    "scrub_pii": "deduplicate",
    "check_labels": "scrub_pii",
    "split": "check_labels",
}


def _start(project, name, inputs, out):
    command = [sys.executable, "-m", "stages", name, *inputs, "--out", str(out)]
    # Children of the stage die with it: a session of its own lets the test kill them together, as a kernel would.
    return subprocess.Popen(command, cwd=project.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("name", ["ingest", *CHAIN])
def test_killed_and_run_again_gives_the_same_bytes(project, name, tmp_path):
    inputs = ["--in", f"data/{CHAIN[name]}"] if name in CHAIN else []
    out = tmp_path / name
    started = time.monotonic()
    assert _start(project, name, inputs, out).wait() == 0
    seconds = time.monotonic() - started
    undisturbed = StageFolder(out).digest
    assert undisturbed == StageFolder(project.path / "data" / name).digest
    moments = random.Random(name)
    for _ in range(2):
        process = _start(project, name, inputs, out)
        time.sleep(seconds * moments.uniform(0.3, 0.95))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert StageFolder(out).digest == undisturbed, "the old folder must stand until the new one is complete"
    assert _start(project, name, inputs, out).wait() == 0
    assert StageFolder(out).digest == undisturbed
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".report.json")] == [name]


def test_a_stage_ends_when_the_dvc_that_started_it_is_killed(copy):
    copy.set_params(lambda params: params.update(seed=99))
    bin_folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    dvc = subprocess.Popen(
        [bin_folder / "dvc", "repro", "--force", "--single-item", "check_labels"],
        cwd=copy.path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (children := _stages_in(copy.path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert children, "the stage did not start"
    dvc.kill()
    dvc.wait()
    while _stages_in(copy.path) and time.monotonic() < deadline + 30:
        time.sleep(0.2)
    assert not _stages_in(copy.path), "an orphan goes on writing into the workspace"
    copy.run("dvc", "repro", "--single-item", "check_labels")


def _stages_in(folder):
    """Process ids of stages that run in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                if arguments[1:3] == [b"-m", b"stages"] and (entry / "cwd").resolve() == folder.resolve():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
