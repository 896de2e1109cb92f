"""Where a long training keeps its progress: outside the stage's folder, which DVC deletes before it runs the stage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stages.core import processes
from stages.core.errors import Fault, UsageError
from stages.core.keys import project_root

_LAST_FILE = "trainer_state.json"
"""What transformers' Trainer writes last into a checkpoint: without it the checkpoint is half of one."""


@contextmanager
def checkpoint_folder(key: str) -> Iterator[Path]:
    """A folder for the checkpoints of the one training with this key, deleted when the block ends without an error.

    Half-written checkpoints of a killed run are gone from it. Of several processes that train together, the first does
    all this for them. Raises UsageError when another training by the same key is under way.
    """
    folder = project_root().resolve() / ".rowtrail" / "checkpoints" / key
    folder.mkdir(parents=True, exist_ok=True)
    if processes.index() > 0:
        yield folder
        return
    with _locked(folder.with_name(f"{key}.lock")):
        for checkpoint in folder.rglob("checkpoint-*"):
            if not is_complete(checkpoint):
                shutil.rmtree(checkpoint)
        yield folder
        shutil.rmtree(folder)


def is_complete(checkpoint: Path) -> bool:
    """Whether all of a checkpoint was written."""
    with suppress(OSError, ValueError):
        return isinstance(json.loads((checkpoint / _LAST_FILE).read_bytes()), dict)
    return False


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock that the system drops when the process ends, however it ends."""
    with file.open("w") as handle:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # no flock on Windows
            pass
        except OSError:
            step = "wait for it, or stop it"
            raise UsageError(Fault("finetune", "another process trains by the same plan just now", step)) from None
        yield
        file.unlink(missing_ok=True)
