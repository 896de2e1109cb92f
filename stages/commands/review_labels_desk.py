"""The desk at which people decide about labels in doubt: the queue row by row, every decision written at once."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, get_args

from stages.commands.review_labels_run import LabelRun
from stages.core.label_decisions import (
    LABEL_VERDICTS,
    LabelDecision,
    LabelVerdict,
    exclusive,
    label_decisions_of,
    read_label_decisions,
    write_label_decisions,
)
from stages.core.records import Record
from stages.core.task import Task
from stages.methods.check_labels.review.cases import Case
from stages.methods.check_labels.review.page import card, choice

View = Literal["doubts", "all"]
"""`doubts`: records with a doubt, and those whose decision is stale. `all`: the whole queue."""
Go = Literal["at", "next", "previous", "open"]
"""Which row, seen from a rank: the one there, its neighbours, or the next without a decision, from the top again."""
VIEWS, GOES = get_args(View), get_args(Go)
_AHEAD = 32
"""Rows whose records are read together: finding one in the file costs as much as finding some."""
_HELD = 1024


class Refused(Exception):
    """What was asked for cannot be done; says why in words, without any text of a record."""


class Desk:
    """One run's queue for any number of tabs. What is decided goes into the file before the answer goes out.

    The file is read again for every answer: an import, or another desk, may have written to it.
    """

    def __init__(self, run: LabelRun, reviewer: str, task: Task) -> None:
        self._run, self._reviewer, self._task = run, reviewer, task
        self._lock = threading.Lock()
        self._ids = {row.rank: row.id for row in run.queue}
        self._ranks = {row.id: row.rank for row in run.queue}
        # A decision that did not fit when the desk opened is none; a later one about the same record is.
        self._stale = {row.id: run.decisions.by_id[row.id] for row in run.queue if run.state(row.id) == "stale"}
        doubted = [row.rank for row in run.queue if row.reasons or row.id in self._stale]
        self._views: dict[str, list[int]] = {"doubts": doubted, "all": sorted(self._ids)}
        self._doubted = {self._ids[rank] for rank in doubted}
        self._read: dict[str, Case] = {}
        self._made: dict[str, list[tuple[LabelDecision | None, LabelDecision]]] = {}

    @property
    def decided(self) -> int:
        """Records that were decided here, and not taken back."""
        return sum(1 for steps in self._made.values() if steps)

    def about(self) -> dict[str, Any]:
        """What the page must know before it asks for a row."""
        return {"labels": self._run.labels, "choice": choice(self._task.schema)}

    def row(self, view: str, rank: int, go: str) -> dict[str, Any]:
        """A row of the view, None where there is none that way, and how far the work is."""
        with self._lock:
            decisions = read_label_decisions().by_id
            found = self._found(view, rank, go, decisions)
            shown = None if found is None else self._card(self._ids[found], view, decisions)
            return {"row": shown, "progress": self._progress(decisions)}

    def decide(self, id: str, verdict: str, to: str | Sequence[str], version: str) -> dict[str, Any]:
        """Write a decision about what the page showed, which was of this version.

        Raises Refused for one that cannot be taken.
        """
        with self._lock:
            case = self._case(id)
            if verdict not in LABEL_VERDICTS:
                raise Refused("There is no such decision.")
            if case.version != version:
                raise Refused("The record has changed since it was shown; look at it again.")
            line = to if isinstance(to, str) else self._line(case.record, to)
            try:
                new = self._run.decide(case.record, cast("LabelVerdict", verdict), line, self._reviewer)
            except ValueError as error:
                problem = str(error).replace("`to`", "the line")
                raise Refused(f"{problem[:1].upper()}{problem[1:]}.") from None
            with exclusive():
                decisions = dict(read_label_decisions().by_id)
                before = decisions.get(id)
                decisions[id] = new
                write_label_decisions(label_decisions_of(decisions.values()))
            self._made.setdefault(id, []).append((before, new))
            return {"progress": self._progress(decisions)}

    def undo(self, id: str) -> dict[str, Any]:
        """Take back the last decision that was made here about a record, and put what was there before in its place.

        Raises Refused when there is none, or when somebody else has decided about the record since.
        """
        with self._lock, exclusive():
            if not self._made.get(id):
                raise Refused("Nothing was decided about this record since the page was started.")
            before, mine = self._made[id][-1]
            decisions = dict(read_label_decisions().by_id)
            if decisions.get(id) != mine:
                raise Refused("Somebody else has decided about this record since: nothing was taken back.")
            del decisions[id]
            if before is not None:
                decisions[id] = before
            write_label_decisions(label_decisions_of(decisions.values()))
            self._made[id].pop()
            return {"rank": self._ranks[id], "progress": self._progress(decisions)}

    def _found(self, view: str, rank: int, go: str, decisions: Mapping[str, LabelDecision]) -> int | None:
        """The rank of the row that was asked for."""
        ranks = self._views[view]
        if go == "at":
            return rank if rank in self._ids else None
        if go == "previous":
            at = bisect_left(ranks, rank) - 1
            return ranks[at] if at >= 0 else None
        at = bisect_right(ranks, rank)
        if go == "next":
            return ranks[at] if at < len(ranks) else None
        return next((one for one in (*ranks[at:], *ranks[:at]) if not self._is_settled(one, decisions)), None)

    def _is_settled(self, rank: int, decisions: Mapping[str, LabelDecision]) -> bool:
        id = self._ids[rank]
        return id in decisions and decisions[id] != self._stale.get(id)

    def _progress(self, decisions: Mapping[str, LabelDecision]) -> dict[str, dict[str, int]]:
        settled = [id for id, one in decisions.items() if id in self._ranks and one != self._stale.get(id)]
        counts = {"doubts": sum(id in self._doubted for id in settled), "all": len(settled)}
        return {view: {"decided": counts[view], "left": len(self._views[view]) - counts[view]} for view in VIEWS}

    def _card(self, id: str, view: str, decisions: Mapping[str, LabelDecision]) -> dict[str, Any]:
        decision = decisions.get(id)
        return {
            **card(self._case(id, view)),
            "of": len(self._ids),
            "decision": decision and {"verdict": decision.decision, "to": decision.to, "reviewer": decision.reviewer},
            "stale": decision is not None and decision == self._stale.get(id),
            "undoable": bool(self._made.get(id)),
        }

    def _line(self, record: Record, labels: Sequence[str]) -> str:
        """Classes as the task writes them in one line."""
        columns = self._task.schema.of_kind("labels")
        if not columns or not all(isinstance(label, str) for label in labels):
            raise Refused("These are no labels of this task.")
        return self._task.annotation(record.with_values(**{columns[0].name: tuple(sorted({*labels}))})) or ""

    def _case(self, id: str, view: str = "all") -> Case:
        """A record of the queue; with it, those that will be asked for next are read."""
        if id not in self._ranks:
            raise Refused("There is no such record in the queue.")
        if id not in self._read:
            ranks = self._views[view]
            at = bisect_left(ranks, self._ranks[id])
            if len(self._read) > _HELD:
                self._read.clear()
            wanted = dict.fromkeys([id, *(self._ids[rank] for rank in ranks[at : at + _AHEAD])])
            self._read.update({case.record.id: case for case in self._run.cases([*wanted])})
        if id not in self._read:
            raise Refused("The record is gone: check_labels ran again. Start the page again.")
        return self._read[id]
