"""Trials as DVC experiments: each runs `plan` and `finetune` in a copy of the project, and is kept as a commit.

Only these two: what comes before must be up to date (it is checked once), so that the copy needs no raw data; what
comes after scores on the test split, which a search must not see.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from stages.core.child_processes import dvc_environment, interruptible
from stages.core.errors import Fault, UsageError
from stages.core.git import Git
from stages.core.params_file import read_yaml
from stages.methods.tune.space import override

STAGES = ("plan", "finetune")
_LAST_DATA_STAGE = "split"
_REPORT = "reports/finetune.json"
_EVALUATED = re.compile(r"finetune: step \d+ of \d+, validation loss (\S+)\n")
"""The line of progress that `finetune` says at each evaluation."""
_EVERY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an experiment ended: DVC's exit code, whether we stopped it, and the validation losses on the way."""

    code: int
    stopped: bool
    losses: tuple[float, ...]


def check(models: Sequence[str]) -> None:
    """Raises UsageError, for all causes at once, when a copy of the project could not train as this folder does."""
    git = Git()
    tracked = set(git.files())
    faults = [*_missing_files(tracked), *(fault for model in models for fault in _missing_model(model, tracked))]
    if "dvc.lock" not in tracked:
        step = "run `dvc repro`, then `git add dvc.lock reports`"
        faults.append(Fault("dvc.lock", "git does not know it: an experiment's copy would have no data", step))
    if faults:
        raise UsageError(*faults)
    git.commit("HEAD")
    stale = _stale()
    if stale:
        problem = f"not up to date: {', '.join(stale)}; a trial only runs {' and '.join(STAGES)}"
        raise UsageError(Fault(f"data/{_LAST_DATA_STAGE}", problem, f"run `dvc repro {_LAST_DATA_STAGE}` first"))


def _missing_files(tracked: set[str]) -> Iterator[Fault]:
    """Code that the two stages need and that git does not know."""
    stages = read_yaml(Path("dvc.yaml")).get("stages") or {}
    task = str(read_yaml(Path("params.yaml")).get("task", ""))
    deps = {str(dep).replace("${task}", task) for name in STAGES for dep in stages.get(name, {}).get("deps", ())}
    new = sorted(dep for dep in deps if dep.endswith(".py") and Path(dep).is_file() and dep not in tracked)
    if new:
        problem = f"git does not know {', '.join(new[:5])}: an experiment's copy of the project would lack it"
        yield Fault("stages", problem, f"git add {' '.join(new[:5])}")


def _missing_model(model: str, tracked: set[str]) -> Iterator[Fault]:
    """A base model in a folder of the project that git and DVC do not bring into a copy."""
    place = Path(model)
    if "://" in model or place.is_absolute() or not place.exists():
        return
    name = place.as_posix()
    if f"{name}.dvc" not in tracked and not any(file.startswith(f"{name}/") for file in tracked):
        problem = f"{model} is a folder that an experiment's copy of the project would lack"
        yield Fault("params.yaml: model", problem, f"write its whole path, {place.resolve()}, or `dvc add {model}`")


def _stale() -> list[str]:
    """Stages up to `split` that DVC would run again."""
    done = _dvc("status", "--json", "--with-deps", _LAST_DATA_STAGE)
    if done.returncode:
        said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        raise UsageError(Fault("dvc status", said[-1] if said else f"ended with {done.returncode}", "mend that first"))
    return sorted(json.loads(done.stdout))


def run(name: str, params: Mapping[str, Any], log: Path, stop: Callable[[Sequence[float]], bool], lock: int) -> Outcome:
    """Run one experiment in a copy of the project. `stop` is asked after each evaluation with the losses so far.

    It writes to the log by itself, so that it goes on to its end when this process is killed; `lock`, a descriptor of a
    locked file, stays open in it until then.
    """
    settings = [part for key, value in params.items() for part in ("-S", override(key, value))]
    command = ["exp", "run", "--temp", "--name", name, *settings, "--single-item", *STAGES]
    losses: list[float] = []
    stopped = False
    with log.open("wb") as file, _started(command, file, lock) as process:
        try:
            while process.poll() is None:
                time.sleep(_EVERY_SECONDS)
                found = _losses(log)
                if len(found) > len(losses) and stop(found):
                    stopped = True
                    _interrupt(process)
                losses = found
        except BaseException:
            _interrupt(process)  # its copy of the project is deleted, and no experiment is kept
            raise
    return Outcome(process.returncode, stopped, tuple(_losses(log)))


def _losses(log: Path) -> list[float]:
    return [float(loss) for loss in _EVALUATED.findall(log.read_text(encoding="utf-8", errors="replace"))]


def _started(arguments: Sequence[str], log: IO[bytes], lock: int) -> subprocess.Popen[bytes]:
    # A session of its own: a Ctrl-C meant for us would reach DVC and the stage once from the terminal and once from us.
    with interruptible():
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "dvc", *arguments], env=dvc_environment(), stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True, pass_fds=(lock,),
        )  # fmt: skip


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """End DVC and the stage it runs, as Ctrl-C would."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()


def _dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, env=dvc_environment(), capture_output=True, text=True, check=False)  # noqa: S603


def known(prefix: str) -> set[str]:
    """Names of the experiments that are this and a number."""
    names = {ref.name for ref in Git().refs() if ref.kind == "experiment"}
    return {name for name in names if name.startswith(prefix) and name.removeprefix(prefix).isdecimal()}


def measured(name: str) -> dict[str, float]:
    """The figures that `finetune` reported in an experiment."""
    git = Git()
    found = json.loads(git.read(git.commit(name), _REPORT) or b"{}")
    return {key: float(value) for key, value in found.items() if isinstance(value, int | float)}


def cause(log: Path) -> str:
    """The last fault that a stage told in a log, or DVC's own last line."""
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if re.match(r"(plan|finetune|data/|params\.yaml)[^:]*: ", line)]
    faults = [line for line in told if not re.match(r"(plan|finetune): (step|\d)", line)]
    return (faults or lines or ["it said nothing"])[-1]
