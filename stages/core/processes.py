"""One training in several processes: which of them this is, where it may write, and whom it tells why it failed.

torchrun and `accelerate launch` say it in the environment (PyTorch's documentation of torchrun, "Environment
Variables"). The first process writes, shows progress and reports; the others only train along.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


def launched() -> bool:
    """Whether a launcher started this process as one of several (or as the only one of a launch)."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def index() -> int:
    """Number of this process among all, from 0."""
    return int(os.environ["RANK"]) if launched() else 0


def count() -> int:
    """Processes in all, on all machines."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1


def count_here() -> int:
    """Processes on this machine: they share its cores and devices."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", count())) if launched() else 1


@contextmanager
def output_place(out: Path) -> Iterator[Path]:
    """Where this process writes: the first to `out`; the others, silently, to a folder that is deleted afterwards."""
    if index() == 0:
        yield out
        return
    # The launcher's folder, where there is one: it is deleted even when this process is killed.
    beside = _error_file().parent if _error_file().name else None
    with (
        tempfile.TemporaryDirectory(dir=beside) as own,
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        redirect_stderr(nowhere),
        redirect_stdout(nowhere),
    ):
        yield Path(own) / out.name


def tell_launcher(message: str) -> bool:
    """Leave an error for the launcher, which shows one of all processes' errors; False where nobody will read it.

    The file is torchrun's (torch.distributed.elastic.multiprocessing.errors).
    """
    if not (launched() and _error_file().name):
        return False
    _error_file().write_text(json.dumps({"message": message, "timestamp": int(time.time())}), encoding="utf-8")
    return True


def _error_file() -> Path:
    return Path(os.environ.get("TORCHELASTIC_ERROR_FILE", ""))
