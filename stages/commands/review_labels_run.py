"""The last run of check_labels as a review sees it: its queue, the records it was given, and what is decided."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from stages.core.errors import DataError, Fault
from stages.core.keys import load_keys
from stages.core.label_decisions import (
    LabelDecision,
    LabelVerdict,
    exclusive,
    read_label_decisions,
    write_label_decisions,
)
from stages.core.params import Params
from stages.core.records import Evidence, Record
from stages.core.storage import StageFolder
from stages.methods.check_labels.queue import QUEUE
from stages.methods.check_labels.reasons import LABEL_REASONS
from stages.methods.check_labels.review.answers import merged
from stages.methods.check_labels.review.cases import Case
from stages.methods.check_labels.summary import text_hash
from stages.tasks import load_task

State = Literal["open", "decided", "stale"]
"""`stale`: decided, but the record's text or label has changed since, or it is gone."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One record in the queue, as `queue.parquet` has it (see `stages.methods.check_labels.queue`)."""

    id: str
    rank: int
    margin: float
    given: str | None
    suggested: str | None
    reasons: tuple[str, ...]
    reserved: bool

    @property
    def suspect(self) -> bool:
        """Whether the label is in doubt; findings about the data alone do not make a suspect."""
        return any(reason in LABEL_REASONS for reason in self.reasons)


class LabelRun:
    """Queue and events of check_labels, and its input. Raises DataError when these do not belong together."""

    def __init__(self, data: Path, params: Params) -> None:
        self._folder = StageFolder(data / "check_labels")
        name, digest = next(iter(self._folder.manifest["inputs"].items()))
        self._input = StageFolder(data / name)
        if self._input.digest != digest:
            problem = f"was made from another version of {self._input.path} than the one that is there"
            raise DataError(Fault(str(self._folder.path), problem, "run `dvc repro check_labels`"))
        self.task = load_task(params.task)
        self.decisions = read_label_decisions()
        self._declared = params.ingest.labels
        self._keys = load_keys({source.name: source.public for source in params.ingest.sources})

    @cached_property
    def queue(self) -> list[QueueRow]:
        """Every record that was checked or is in doubt, the most doubtful first."""
        rows = self._folder.table("queue.parquet", QUEUE.names).to_pylist()
        return [QueueRow(**{**row, "reasons": tuple(row["reasons"])}) for row in rows]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The names of all classes, sorted: those declared, else those seen; none where the answer is text."""
        if self._declared is not None:
            return tuple(sorted(self._declared))
        return tuple(
            sorted({label for record in self._input.records(self.task.schema) for label in self.task.labels(record)})
        )

    def records(self, ids: Collection[str]) -> Iterator[Record]:
        """Those of these records that are there, as check_labels was given them, in order of id."""
        for piece in self._input.pieces() if ids else ():
            if offsets := [at for at, id in enumerate(piece.ids()) if id in ids]:
                yield from piece.records(self.task.schema, offsets)

    def ids(self) -> Iterator[str]:
        """The ids of all records that check_labels was given, sorted."""
        for piece in self._input.pieces():
            yield from piece.ids()

    def evidence(self, ids: Collection[str]) -> dict[str, list[tuple[str, Evidence]]]:
        """What the run noted of these records: the code of each reason and its evidence. None, where it noted none."""
        found: dict[str, list[tuple[str, Evidence]]] = {}
        wanted = pc.is_in(self._events["id"], value_set=pa.array(sorted(ids), pa.string()))
        for row in self._events.filter(wanted).to_pylist():
            found.setdefault(row["id"], []).append((row["reason"], json.loads(row["evidence"])))
        return found

    @cached_property
    def _events(self) -> pa.Table:
        return self._folder.table("events.parquet", ["id", "reason", "evidence"])

    @cached_property
    def _rows(self) -> dict[str, QueueRow]:
        return {row.id: row for row in self.queue}

    def version(self, record: Record) -> str:
        """A keyed hash of what a person is asked to judge: the texts and the label."""
        shown = f"{text_hash(self._keys, record)}{self.task.annotation(record) or ''}"
        return "v" + self._keys.hash("label_shown", record.source, shown)[:16]  # the letter: a spreadsheet's number

    def cases(self, ids: Sequence[str]) -> list[Case]:
        """These records as a person is asked about them, in this order; those that are not there are left out."""
        evidence, records = self.evidence({*ids}), {record.id: record for record in self.records({*ids})}
        return [self._case(records[id], self._rows.get(id), evidence.get(id, [])) for id in ids if id in records]

    def _case(self, record: Record, row: QueueRow | None, evidence: Sequence[tuple[str, Evidence]]) -> Case:
        version = self.version(record)
        if row is None:
            return Case(record, self.task, None, None, (), None, reserved=False, version=version)
        noted = dict(evidence)
        findings = [(reason, noted.get(reason, {})) for reason in row.reasons]
        return Case(record, self.task, row.rank, row.margin, findings, row.suggested, row.reserved, version)

    def decide(self, record: Record, verdict: LabelVerdict, to: str = "", reviewer: str = "") -> LabelDecision:
        """The decision about a record as it is now. Raises ValueError, saying why in words, for one that cannot be."""
        seen = self.task.annotation(record) or ""
        if verdict == "relabel":
            to = self._checked(record, to, seen)
        elif to:
            raise ValueError("`to` goes with relabel only")
        return LabelDecision(record.id, text_hash(self._keys, record), seen, verdict, to, reviewer)

    def _checked(self, record: Record, to: str, seen: str) -> str:
        """The label as `Task.annotation` writes it."""
        missing = "relabel needs the right label in `to`"
        try:
            changed = self.task.with_annotation(record, to)
        except ValueError:
            raise ValueError("`to` is not a label as this task writes them" if to else missing) from None
        if not {*self.task.labels(changed)} <= {*self.labels}:
            raise ValueError("`to` names a label that is not declared, and that no record has" if to else missing)
        line = self.task.annotation(changed) or ""
        if line == seen:
            raise ValueError("`to` is the label that the record has: that is keep")
        return line

    def state(self, id: str) -> State:
        """Whether somebody decided about the record, and whether it is still what was judged."""
        if id not in self.decisions.by_id:
            return "open"
        return "stale" if id in self._stale else "decided"

    @cached_property
    def _stale(self) -> set[str]:
        by_id = self.decisions.by_id
        fitting = {
            record.id
            for record in self.records(by_id.keys())
            if by_id[record.id].fits(text_hash(self._keys, record), self.task.annotation(record) or "")
        }
        return {*by_id} - fitting

    def save(self, decided: Iterable[LabelDecision]) -> dict[str, int]:
        """Add decisions to the file, the later of two about a record in place of the earlier.

        Gives how many are new, changed, or the same. They must be made by `decide` of this run. The file is read again
        before: somebody else may have added to it.
        """
        decided = [*decided]
        with exclusive():
            self.decisions, counts = merged(read_label_decisions(), decided)
            write_label_decisions(self.decisions)
        vars(self).pop("_stale", None)
        return counts
