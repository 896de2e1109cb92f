"""What people decided about labels in doubt: a small file in git, without any text.

A decision names the record, a keyed hash of its text and the label that was seen. Later runs apply it again as long as
all three still hold; one that no longer fits is reported as stale.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Literal, cast, get_args

from stages.core.decisions import is_reviewer, read_rows, refuse_rows, write_rows

LABEL_DECISIONS = Path("data/decisions/labels.csv")
LabelVerdict = Literal["keep", "relabel", "drop"]
"""`keep`: the label is right. `relabel`: it should be `to`. `drop`: nothing should be learned from or tested on it."""

LABEL_VERDICTS: tuple[str, ...] = get_args(LabelVerdict)
_ID = re.compile(r"[0-9a-f]{1,20}")
_HASH = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class LabelDecision:
    """One line: the record's id, its text's keyed hash (32 hex digits), the label seen, and what was decided.

    `seen` and `to` are annotations as `Task.annotation` writes them, empty where there is none; `to` is the right one
    of a `relabel` decision.
    """

    id: str
    text: str
    seen: str
    decision: LabelVerdict
    to: str = ""
    reviewer: str = ""

    def fits(self, text: str, seen: str) -> bool:
        """Whether the record is still what was judged."""
        return (self.text, self.seen) == (text, seen)


_COLUMNS = [one.name for one in fields(LabelDecision)]


@dataclass(frozen=True)
class LabelDecisions:
    """All decisions about labels, by the record's id."""

    by_id: Mapping[str, LabelDecision] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_id)


def label_decisions_of(decisions: Iterable[LabelDecision]) -> LabelDecisions:
    """Decisions by id, sorted; of two about the same record the later one counts."""
    return LabelDecisions(dict(sorted({one.id: one for one in decisions}.items())))


def read_label_decisions(path: Path = LABEL_DECISIONS) -> LabelDecisions:
    """The decisions in a file; none where there is no file.

    Raises DataError with the numbers of all lines that are not understood: skipping one would undo a person's work.
    """
    lines = read_rows(path, _COLUMNS, _is_decision)
    first = {cells[0]: number for number, cells in reversed(lines)}
    if twice := [number for number, cells in lines if first[cells[0]] != number]:
        refuse_rows(path, _COLUMNS, twice, "decides about a record a second time")
    return label_decisions_of(
        LabelDecision(id, text, seen, cast("LabelVerdict", decision), to, reviewer)
        for _, (id, text, seen, decision, to, reviewer) in lines
    )


def write_label_decisions(decisions: LabelDecisions, path: Path = LABEL_DECISIONS) -> None:
    """Write the file, sorted by id, swapped in whole."""
    write_rows(path, _COLUMNS, (astuple(one) for one in decisions.by_id.values()))


def forget_label_decisions(ids: Collection[str], path: Path = LABEL_DECISIONS) -> int:
    """Take the decisions about these records out of the file, and give their number."""
    if not path.exists():
        return 0
    with exclusive(path):
        decisions = read_label_decisions(path).by_id
        left = {id: one for id, one in decisions.items() if id not in ids}
        if len(left) < len(decisions):
            write_label_decisions(LabelDecisions(left), path)
    return len(decisions) - len(left)


@contextlib.contextmanager
def exclusive(path: Path = LABEL_DECISIONS) -> Iterator[None]:
    """Wait for, then hold, the folder of the decisions, so that of two processes none undoes the other's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # no flock on Windows
        yield
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _is_decision(cells: Sequence[str]) -> bool:
    id, text, seen, decision, to, reviewer = cells
    shaped = _ID.fullmatch(id) and _HASH.fullmatch(text) and decision in LABEL_VERDICTS and is_reviewer(reviewer)
    return bool(shaped) and (to != seen if decision == "relabel" else not to)
