"""The budget ledger: what every private training has spent, outside git and outside the stage folders.

It lies in `.rowtrail/budget` of the project, also for the temporary copies in which DVC runs experiments, so that
queues, sweeps, `git checkout` and a deleted experiment leave it alone. `ledger.jsonl` only grows. A run is written down
before it trains, with what it will spend in full: a run that is killed has spent it, and nothing is ever given back.

`head` repeats the number and the hash of the last line. It is written after the line, so that it may be one line behind
after a kill, and never ahead: a ledger that is shorter than its head has lost lines.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.budget_chain import HEAD, LEDGER, Budget, Run, holders_file, holders_table, read_budget
from stages.core.budget_entries import Confirm, Reserve, Spend, to_line
from stages.core.errors import DataError, Fault
from stages.core.keys import project_root

TORN = "torn"
"""Where the bytes of half-written lines are kept aside. Nothing reads it."""
_COLUMNS = pa.schema([("id", pa.string()), ("holder", pa.string())])

Gate: TypeAlias = Callable[[Budget, Run], None]
"""Looks at what was spent and at the run that wants to spend; raises PrivacyRefused to keep it out."""


class Reserved(NamedTuple):
    """A run that may train: its name in the ledger, and the hash of its entry, by which others can hold on to it."""

    run: str
    entry_sha256: str


def budget_folder() -> Path:
    """Where the ledger is: ROWTRAIL_BUDGET, for several clones that share one; else the project's own."""
    return project_root() / Path(os.environ.get("ROWTRAIL_BUDGET") or ".rowtrail/budget").expanduser()


def reserve(spend: Spend, holders: Mapping[str, str], gate: Gate, folder: Path | None = None) -> Reserved:
    """Write a run down, with the holder of each record that it will train on, unless `gate` refuses it.

    All under a lock: of two runs at once, the second is judged with the first one's spend. On return the entry is on
    the disk. Raises DataError for a ledger that was altered, and whatever `gate` raises.
    """
    with _open(folder or budget_folder()) as (place, budget):
        content = _parquet(holders)
        run, line = _next(spend, content, budget)
        gate(budget, run)
        file = holders_file(place, run.entry.holders)
        if not file.exists():
            _write(file, content)
        _append(place, budget, line)
    return Reserved(run.id, run.sha256)


def would_be(spend: Spend, holders: Mapping[str, str], budget: Budget) -> Run:
    """The run as `reserve` would write it down next; nothing is written."""
    return _next(spend, _parquet(holders), budget)[0]


def _next(spend: Spend, content: bytes, budget: Budget) -> tuple[Run, bytes]:
    """The next run of the ledger, and its line."""
    entry = Reserve(
        **spend.model_dump(),
        seq=budget.length, previous=budget.last, time=_now(), run=secrets.token_hex(8),
        experiment=os.environ.get("DVC_EXP_NAME") or None, holders=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    line = to_line(entry)
    return Run(entry, hashlib.sha256(line).hexdigest(), holders_table(content)), line


def confirm(run: str, steps: int, folder: Path | None = None) -> None:
    """Write down that a run has ended after so many steps; again, it changes nothing.

    Raises DataError for a run that the ledger lacks, that has taken more steps than it reserved, or that has ended with
    another number of steps.
    """
    with _open(folder or budget_folder()) as (place, budget):
        known = _known(budget, run, place)
        if known.confirmed == steps:
            return
        if known.confirmed is not None or steps > known.entry.mechanism.steps:
            most = known.entry.mechanism.steps if known.confirmed is None else known.confirmed
            problem = f"run {run} took {steps} steps, and the ledger has {most}"
            raise DataError(Fault(str(place / LEDGER), problem, "train anew: `dvc repro --force finetune`"))
        _append(
            place, budget, to_line(Confirm(seq=budget.length, previous=budget.last, time=_now(), run=run, steps=steps))
        )


def find(run: str, folder: Path | None = None) -> Run:
    """A run of the ledger. Raises DataError where it is gone: then what it has spent would be forgotten."""
    place = folder or budget_folder()
    return _known(read_budget(place), run, place)


def _known(budget: Budget, run: str, place: Path) -> Run:
    found = budget.find(run)
    if found is None:
        step = "bring the ledger back from a backup, or set ROWTRAIL_BUDGET to the folder that the run was started with"
        raise DataError(Fault(str(place / LEDGER), f"has no run {run}, which has spent from it", step))
    return found


@contextlib.contextmanager
def _open(place: Path) -> Iterator[tuple[Path, Budget]]:
    """The ledger, read and checked, while nobody else can write to it."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (place / "lock").open("w") as handle:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)  # the system drops it when the process ends, however it ends
        except ImportError:  # no flock on Windows
            pass
        yield place, read_budget(place)


def _append(place: Path, budget: Budget, line: bytes) -> None:
    """Add a line and move the head, after what an earlier process left undone is mended."""
    _mend(place, budget)
    _grow(place / LEDGER, line + b"\n")
    _write(place / HEAD, f"{budget.length + 1} {hashlib.sha256(line).hexdigest()}\n".encode())


def _mend(place: Path, budget: Budget) -> None:
    """End the last line where only its end is missing, put a part of a line aside, and bring the head up to date.

    Whose line it was has not been told that it may train, so that nothing is lost with it.
    """
    if budget.unended:
        _grow(place / LEDGER, b"\n")
    elif budget.torn:
        _grow(place / TORN, budget.torn + b"\n")
        with (place / LEDGER).open("r+b") as file:
            file.truncate(file.seek(0, os.SEEK_END) - len(budget.torn))
            os.fsync(file.fileno())
    if budget.length and budget.head != (budget.length, budget.last):
        _write(place / HEAD, f"{budget.length} {budget.last}\n".encode())


def _grow(file: Path, content: bytes) -> None:
    """Append bytes and see them on the disk; of an append that fails, nothing stays."""
    new = not file.exists()
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    if new:
        _settle(file.parent)


def _write(file: Path, content: bytes) -> None:
    """A whole file, beside and swapped in, and on the disk."""
    beside = file.with_name(f".{file.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    _settle(file.parent)


def _settle(folder: Path) -> None:
    """The names in a folder are on the disk, too."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _parquet(holders: Mapping[str, str]) -> bytes:
    rows = sorted(holders.items())
    table = pa.table([[id for id, _ in rows], [holder for _, holder in rows]], schema=_COLUMNS)
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
