"""Reading the budget ledger, and all that tells whether it was altered. It writes nothing and takes no lock."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.budget_entries import START, Confirm, Reserve, from_line
from stages.core.errors import DataError, Fault

LEDGER, HEAD = "ledger.jsonl", "head"
Head: TypeAlias = tuple[int, str]
"""How many lines there are, and the hash of the last one."""
_HEAD = re.compile(rb"(\d{1,9}) ([0-9a-f]{64})\n")
_STEP = "bring the folder back from a backup; where there is none, what was spent is unknown: treat it as all"


@dataclass(frozen=True, slots=True)
class Run:
    """A private training: what it reserved, on whom, and whether it ended."""

    entry: Reserve
    sha256: str
    """Hash of the reserving line."""
    exposed: pa.Table = field(repr=False, compare=False)
    """The records that it trains on: columns `id`, and `holder`, the key of the component that stays together."""
    confirmed: int | None = None
    """The steps it has taken, once it has ended."""

    @property
    def id(self) -> str:
        """Its name in the ledger."""
        return self.entry.run


@dataclass(frozen=True, slots=True)
class Budget:
    """The ledger as it stands: every run, and where the next line goes."""

    runs: tuple[Run, ...] = ()
    length: int = 0
    last: str = START
    head: Head | None = None
    unended: bool = False
    """The last line is whole, but for its end."""
    torn: bytes = b""
    """The part of a line at the end that a killed process or a full disk left; it counts for nothing."""

    def find(self, run: str) -> Run | None:
        """The run of this name."""
        return next((one for one in self.runs if one.id == run), None)


def holders_file(folder: Path, digest: str) -> Path:
    """The file that says whom a run trains on. It bears its own hash: runs over the same records share one."""
    return folder / f"holders-{digest}.parquet"


def holders_table(content: bytes) -> pa.Table:
    """What a file of holders says: `id` of each record, `holder` whose budget it spends. Raises pyarrow.ArrowException.

    Read by this thread alone and without a file object of Python: the threads that Arrow reads one with still need the
    interpreter after the read, and abort a process that ends right then (apache/arrow#50482, #34314).
    """
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        return file.read(columns=["id", "holder"], use_threads=False)


def read_budget(folder: Path) -> Budget:
    """The ledger in a folder, checked; an empty one where there is none. Raises DataError with all that is wrong."""
    head, faults = _read_head(folder)  # first: a line that is being added can only make the ledger longer
    content = _content(folder / LEDGER) if (folder / LEDGER).exists() else b""
    reader = _Reader(folder, faults)
    *lines, tail = content.split(b"\n")
    for line in lines:
        reader.read(line)
    unended = bool(tail) and reader.would_fit(tail)
    if unended:
        reader.read(tail)
    faults += reader.compare(head)
    if faults:
        raise DataError(*faults)
    runs = tuple(reader.runs.values())
    return Budget(runs, reader.length, reader.last, head, unended, b"" if unended else tail)


def _read_head(folder: Path) -> tuple[Head | None, list[Fault]]:
    place = folder / HEAD
    if not place.exists():
        return None, []
    found = _HEAD.fullmatch(_content(place))
    if found is None:
        return None, [Fault(str(place), "was altered: it is not a number and a hash", _STEP)]
    return (int(found[1]), found[2].decode()), []


def _content(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError:
        raise DataError(Fault(str(place), "cannot be read", _STEP)) from None


class _Reader:
    """Goes from line to line, and notes what does not fit."""

    def __init__(self, folder: Path, faults: list[Fault]) -> None:
        self.folder, self.faults = folder, faults
        self.length, self.last = 0, START
        self.hashes: list[str] = []
        self.runs: dict[str, Run] = {}
        self._tables: dict[str, pa.Table] = {}

    def read(self, line: bytes) -> None:
        """Take the next line."""
        digest = hashlib.sha256(line).hexdigest()
        try:
            entry = from_line(line)
        except ValueError:
            self._fault("is not an entry as it is written: it was altered, or written by another version of Rowtrail")
        else:
            for problem in (*self._out_of_place(entry), *self._take(entry, digest)):
                self._fault(problem)
        self.length, self.last = self.length + 1, digest
        self.hashes.append(digest)

    def would_fit(self, line: bytes) -> bool:
        """Whether a line without an end is the next one all the same."""
        try:
            return not list(self._out_of_place(from_line(line)))
        except ValueError:
            return False

    def compare(self, head: Head | None) -> Iterator[Fault]:
        """The ledger against its head, which may be one line behind."""
        place = str(self.folder / LEDGER)
        count, digest = head or (0, START)
        if count > self.length:
            yield Fault(place, f"has {self.length} lines, and had {count}: its end was cut off", _STEP)
        elif count < self.length - 1:
            yield Fault(str(self.folder / HEAD), f"tells of {count} lines of {self.length}: it was altered", _STEP)
        elif count and self.hashes[count - 1] != digest:
            yield Fault(f"{place}:{count}", "is not the line that `head` tells of: it was altered", _STEP)

    def _fault(self, problem: str) -> None:
        self.faults.append(Fault(f"{self.folder / LEDGER}:{self.length + 1}", problem, _STEP))

    def _out_of_place(self, entry: Reserve | Confirm) -> Iterator[str]:
        if entry.seq != self.length:
            yield f"has the number {entry.seq} instead of {self.length}: lines are missing, or moved"
        if entry.previous != self.last:
            yield "does not follow the line before it: one of them was altered"

    def _take(self, entry: Reserve | Confirm, digest: str) -> Iterator[str]:
        known = self.runs.get(entry.run)
        if isinstance(entry, Reserve):
            if known is not None:
                yield f"reserves for run {entry.run} once more"
                return
            exposed = self._exposed(entry)
            if exposed is None:
                yield f"names holders that are gone or were altered: {holders_file(self.folder, entry.holders)}"
            self.runs[entry.run] = Run(entry, digest, exposed)
        elif known is None or known.confirmed is not None:
            yield f"confirms run {entry.run}, {'which nothing reserved for' if known is None else 'once more'}"
        elif entry.steps > known.entry.mechanism.steps:
            yield f"confirms {entry.steps} steps of run {entry.run}, which reserved {known.entry.mechanism.steps}"
        else:
            self.runs[entry.run] = replace(known, confirmed=entry.steps)

    def _exposed(self, entry: Reserve) -> pa.Table | None:
        if entry.holders not in self._tables:
            try:
                content = holders_file(self.folder, entry.holders).read_bytes()
                if hashlib.sha256(content).hexdigest() != entry.holders:
                    return None
                self._tables[entry.holders] = holders_table(content)
            except (OSError, pa.ArrowException):
                return None
        return self._tables[entry.holders]
