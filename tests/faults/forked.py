"""The front door in a process of its own for each call, without paying for its imports each time.

`python -m tests.faults.forked` imports what `ingest` needs, then forks a child for each line of its input, and says how
the child ended: its exit code, the most memory it held, its time, and where its words are.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 240
"""A call that takes longer, by the clock, is killed: it hangs."""


@dataclass(frozen=True)
class Ended:
    """How a call ended. `mib` is the most memory it held, over that of an idle one; `seconds` are the CPU's."""

    code: int
    mib: float
    seconds: float
    said: str


class Doors:
    """Calls of the front door, one after the other, each in a child of its own."""

    def __init__(self) -> None:
        hidden = ("DVC_", "ROWTRAIL_", "GIT_", "PYTEST_")
        env = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
        command = [sys.executable, "-W", "error", "-m", "tests.faults.forked"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=ROOT, env={**env, "PYTHONPATH": str(ROOT)}, **pipes)
        self.idle = self._ask(Path.cwd(), ["--help"]).mib

    def run(self, folder: Path, *arguments: str) -> Ended:
        """Call `python -m stages` with these arguments in a folder."""
        ended = self._ask(folder, arguments)
        return Ended(ended.code, ended.mib - self.idle, ended.seconds, ended.said)

    def close(self) -> None:
        """End the process that forks."""
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def _ask(self, folder: Path, arguments) -> Ended:
        self.process.stdin.write(json.dumps([str(folder), list(arguments)]) + "\n")
        self.process.stdin.flush()
        return Ended(**json.loads(self.process.stdout.readline()))


def _serve() -> None:
    import pandas  # noqa: F401 - Arrow asks whether it is there

    from stages import __main__, ingest  # noqa: F401
    from stages.core import params_file, remote, runner, watchdog  # noqa: F401
    from stages.tasks import classification  # noqa: F401

    for line in sys.stdin:
        folder, arguments = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            _become(folder, arguments, write)
        os.close(write)
        with os.fdopen(read, "rb") as file:
            said = file.read().decode("utf-8", "backslashreplace")
        _, status, used = os.wait4(child, 0)
        seconds = used.ru_utime + used.ru_stime  # and not those of a clock: others may be at work here
        ended = Ended(os.waitstatus_to_exitcode(status), used.ru_maxrss / 1024, seconds, said)
        sys.stdout.write(json.dumps(vars(ended)) + "\n")
        sys.stdout.flush()


def _become(folder: str, arguments: list[str], write: int) -> None:
    """The child: the front door in that folder, heard by its parent, ended by a clock if nothing else does."""
    from stages.__main__ import main

    code = 70
    try:
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.chdir(folder)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = main(arguments)
    except SystemExit as exit:
        code = exit.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
