"""Start the front door again in several processes, as `torchrun --standalone` does, and pass on how it ended."""

from __future__ import annotations

import logging
import signal
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.errors import Fault


@dataclass(frozen=True, slots=True)
class Ended:
    """How the processes ended: the exit code, and what there is to say when it is not 0."""

    code: int
    message: str = ""


def launch(arguments: Sequence[str], processes: int) -> Ended:
    """Run `python -m stages` with these arguments in several processes on this machine, until all have ended.

    A signal is passed on to them, and one that fails ends the others.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.disable()  # torchrun's own account of a failure; this process has nothing else to log
    with tempfile.TemporaryDirectory() as folder:
        # The machine's name may not be one that it can find itself by, as in a container.
        options = ["--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", str(processes), "--log-dir", folder]
        try:
            run.run(run.parse_args([*options, "-m", "stages", *arguments]))
        except ChildFailedError as error:
            return first_cause(error.failures.values())
        except SignalException as error:
            return Ended(128 + int(error.sigval), "stopped")
    return Ended(0)


def first_cause(failures: Iterable[Any]) -> Ended:
    """The failure that the others followed from, of torchrun's `ProcessFailure`s.

    A process whose partner has gone also fails, with code 1, and the launcher ends the rest with SIGTERM; within two
    seconds the times, which are whole ones, do not tell the cause from these.
    """
    found = list(failures)
    earliest = min(one.timestamp for one in found)
    aftermath = (1, -signal.SIGTERM)
    cause = min(
        (one for one in found if one.timestamp <= earliest + 2),
        key=lambda one: (one.exitcode in aftermath, one.exitcode < 0, one.timestamp),
    )
    if cause.exitcode < 0:
        problem = f"training process {cause.local_rank} was ended by {cause.signal_name()}"
        step = "run again, it goes on from the last checkpoint; if memory ran out, lower engine.processes or batch_size"
        return Ended(1, str(Fault("finetune", problem, step)))
    told = cause.error_file_data["message"]
    return Ended(cause.exitcode, told if told != "<NONE>" else f"training process {cause.local_rank} failed")
