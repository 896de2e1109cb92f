"""What commands start: stages by the front door, and DVC, with the Python that runs this."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
"""Set for commands; a stage decides for itself, by what the params ask for."""
ENDS_WITH_PARENT = "ROWTRAIL_ENDS_WITH_PARENT"
"""Set for a stage that a command started: killed, the command must not leave it behind at work."""


def stage_environment() -> dict[str, str]:
    """The environment of this process as a stage may have it."""
    return {name: value for name, value in os.environ.items() if name not in _OFFLINE}


def dvc_environment() -> dict[str, str]:
    """The same, in which DVC finds this Python first when it starts a stage."""
    environment = stage_environment()
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    return environment


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """What is started in this block heeds SIGINT, which a shell lets its background jobs ignore. Main thread only."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a handler is not handed on; to ignore is
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def run_stage(name: str, folder: Path, inputs: Sequence[str], params: Path) -> int:
    """Run a stage as DVC would, from `folder/INPUT` to `folder/NAME`, and give its exit code.

    In a process of its own, with the memory and the seeds of one; what it prints goes to standard error.
    """
    ins = [part for one in inputs for part in ("--in", str(folder / one))]
    command = [sys.executable, "-m", "stages", name, *ins, "--out", str(folder / name), "--params", str(params)]
    environment = {**stage_environment(), ENDS_WITH_PARENT: "1"}
    return subprocess.run(command, env=environment, stdout=2, check=False).returncode  # noqa: S603
