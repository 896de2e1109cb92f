"""Run a stage by the front door, as DVC would: in a process of its own, with the memory and the seeds of one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stages.core.errors import CheckFailed, Fault

_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
"""Set for commands; a stage decides for itself, by what the params ask for."""


def run_stage(name: str, folder: Path, inputs: Sequence[str], params: Path) -> None:
    """From `folder/INPUT` to `folder/NAME`. Raises CheckFailed when it fails; what is wrong stands on the terminal."""
    ins = [part for one in inputs for part in ("--in", str(folder / one))]
    command = [sys.executable, "-m", "stages", name, *ins, "--out", str(folder / name), "--params", str(params)]
    environment = {key: value for key, value in os.environ.items() if key not in _OFFLINE}
    done = subprocess.run(command, env=environment, stdout=2, check=False)  # noqa: S603
    if done.returncode:
        raise CheckFailed(Fault(folder.name, f"{name} ended with {done.returncode}", "mend what it says above"))
