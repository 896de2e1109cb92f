"""The erasure list: records and subjects that must not enter the pipeline again, whatever the sources hold."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from stages.core.errors import DataError, Fault

ERASURE_LIST = Path("data/erasure.csv")
_COLUMNS = ["kind", "value"]
_SHAPES = {"record": re.compile(r"[0-9a-f]{20}"), "subject": re.compile(r"[0-9a-f]{32}")}
_STEP = "each line is `record,<20 hex digits>` or `subject,<32 hex digits>`; `rowtrail forget` writes them"
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Erasures:
    """Ids of records, and keyed hashes of subjects. It holds no personal data that the key would not give back."""

    records: Collection[str] = frozenset()
    subjects: Collection[str] = frozenset()

    def kind(self, id: str, subject: str | None) -> str:
        """Why a record is erased: `record`, `subject`, or an empty string when it is not."""
        return "record" if id in self.records else "subject" if subject in self.subjects else ""

    def __len__(self) -> int:
        return len(self.records) + len(self.subjects)


def read_erasures(path: Path = ERASURE_LIST) -> Erasures:
    """The list in a file with the columns `kind` and `value`; an empty one where there is no file.

    Raises DataError with the numbers of all lines that are not understood: skipping one would bring a person back.
    """
    if not path.exists():
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


def _fits(cells: list[str]) -> bool:
    return len(cells) == 2 and cells[0] in _SHAPES and bool(_SHAPES[cells[0]].fullmatch(cells[1]))


def _refuse(path: Path, wrong: list[int]) -> None:
    faults = [Fault(f"{path}:{number}", "is not an erasure", _STEP) for number in wrong[:_SHOWN]]
    if 1 in wrong:
        faults[0] = Fault(f"{path}:1", "the header must be `kind,value`", _STEP)
    if len(wrong) > _SHOWN:
        faults.append(Fault(str(path), f"{len(wrong) - _SHOWN} more such lines"))
    raise DataError(*faults)
