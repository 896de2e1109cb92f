"""The erasure list: records and subjects that must not enter the pipeline again, whatever the sources hold.

It stands twice. `data/erasure.csv` is in git, so that every clone knows it; `.rowtrail/erasure.csv` is not, so that
checking out an old version, whose list is shorter, brings nobody back.
"""

from __future__ import annotations

import contextlib
import csv
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from stages.core.errors import DataError, Fault
from stages.core.keys import project_root

ERASURE_LIST = Path("data/erasure.csv")
_COLUMNS = ["kind", "value"]
_SHAPES = {"record": re.compile(r"[0-9a-f]{20}"), "subject": re.compile(r"[0-9a-f]{32}")}
_STEP = "each line is `record,<20 hex digits>` or `subject,<32 hex digits>`; `rowtrail forget` writes them"
_RESTORE = "`rowtrail forget --restore` adds them again; or take the newest list: `git checkout BRANCH -- {path}`"
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Erasures:
    """Ids of records, and keyed hashes of subjects. It holds no personal data that the key would not give back."""

    records: Collection[str] = frozenset()
    subjects: Collection[str] = frozenset()

    def kind(self, id: str, subject: str | None) -> str:
        """Why a record is erased: `record`, `subject`, or an empty string when it is not."""
        return "record" if id in self.records else "subject" if subject in self.subjects else ""

    def lines(self) -> list[str]:
        """The list's lines, sorted."""
        kinds = {"record": self.records, "subject": self.subjects}
        return sorted(f"{kind},{value}" for kind, values in kinds.items() for value in values)

    def __len__(self) -> int:
        return len(self.records) + len(self.subjects)


def memory_file() -> Path:
    """The project's own copy of the list, outside git."""
    return project_root() / ".rowtrail" / "erasure.csv"


def read_erasures(path: Path = ERASURE_LIST, memory: Path | None = None) -> Erasures:
    """The list in a file with the columns `kind` and `value`; an empty one where there is no file.

    Raises DataError with the numbers of all lines that are not understood: skipping one would bring a person back. And
    when the project's own copy (`memory`) knows more than the file: then an old version of the list was checked out.
    """
    listed = read_list(path)
    if missing := set(read_list(memory or memory_file()).lines()) - set(listed.lines()):
        problem = f"lacks {len(missing)} that were erased from this project: this version would bring them back"
        raise DataError(Fault(str(path), problem, _RESTORE.format(path=path)))
    return listed


def read_list(path: Path) -> Erasures:
    """One file of the two, as it stands. Raises DataError as `read_erasures` does for lines."""
    if not os.path.lexists(path):  # a link to nothing is no file that is not there
        return Erasures()
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise DataError(Fault(str(path), "is not a csv file in UTF-8", _STEP)) from None
    wrong = [number for number, cells in enumerate(lines, 1) if number > 1 and cells and not _fits(cells)]
    if lines[:1] != [_COLUMNS]:
        wrong.insert(0, 1)
    if wrong:
        _refuse(path, wrong)
    values = {kind: frozenset(cells[1] for cells in lines[1:] if cells and cells[0] == kind) for kind in _SHAPES}
    return Erasures(values["record"], values["subject"])


def add_erasures(new: Erasures, path: Path = ERASURE_LIST, memory: Path | None = None) -> int:
    """Put erasures on the list and into the project's copy, and what only one of the two knows into the other.

    Gives how many lines the list got. The copy is written first: after a kill between the two, the next run is refused
    rather than done with a list that is too short. Raises DataError for lines that are not understood.
    """
    memory = memory or memory_file()
    memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(memory.with_suffix(".lock")):
        wanted = {*new.lines(), *read_list(path).lines(), *read_list(memory).lines()}
        _extend(memory, wanted, mode=0o600)
        return _extend(path, wanted)


def _extend(path: Path, wanted: Collection[str], mode: int | None = None) -> int:
    """Append the lines that a list lacks; it is written beside and swapped in. Gives how many."""
    missing = sorted(set(wanted) - set(read_list(path).lines()))
    if not missing and path.exists():
        return 0
    text = path.read_text(encoding="utf-8") if path.exists() else ",".join(_COLUMNS) + "\n"
    text += "\n" if text and not text.endswith("\n") else ""
    beside = path.with_name(f".{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with beside.open("w", encoding="utf-8", newline="") as file:
        if mode is not None:
            beside.chmod(mode)
        file.write(text + "".join(f"{line}\n" for line in missing))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return len(missing)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Wait for, then hold, a lock that the system drops when the process ends, however it ends."""
    with file.open("w") as handle:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        except ImportError:  # no flock on Windows
            pass
        yield


def _fits(cells: list[str]) -> bool:
    return len(cells) == 2 and cells[0] in _SHAPES and bool(_SHAPES[cells[0]].fullmatch(cells[1]))


def _refuse(path: Path, wrong: list[int]) -> None:
    faults = [Fault(f"{path}:{number}", "is not an erasure", _STEP) for number in wrong[:_SHOWN]]
    if 1 in wrong:
        faults[0] = Fault(f"{path}:1", "the header must be `kind,value`", _STEP)
    if len(wrong) > _SHOWN:
        faults.append(Fault(str(path), f"{len(wrong) - _SHOWN} more such lines"))
    raise DataError(*faults)
