"""Group `events` of `verify`: each event is one that a stage could have written."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.commands.verify_checks import Check, Finding, some
from stages.commands.verify_project import DATA, EVENTS, Project
from stages.core import tables
from stages.core.errors import DataError, Fault
from stages.core.ledger import checked_evidence
from stages.core.records import Label
from stages.methods.check_labels.annotations import names_in

_ACTIONS = frozenset({"create", "keep", "edit", "drop", "relabel", "assign", "quarantine"})
_STEP = "the file is not what the stage wrote: `dvc checkout` brings that back"
_LOT = 2**16
_VALUE = r'(-?[0-9]+(\.[0-9]{1,6})?(e-?[0-9]+)?|true|false|null|"[A-Za-z0-9_.:/+\-]{0,80}")'
_SIMPLE = rf'^\{{("[a-z_]+": {_VALUE}(, "[a-z_]+": {_VALUE})*)?\}}$'
"""Evidence without lists and labels, all of which is allowed; whatever else there is is looked at value by value."""
_PROBLEMS = {
    "order": "events are not in the order of id and seq, or one is missing or doubled",
    "action": "events have an action that there is none of",
    "reason": "events have a reason that the manifest does not declare",
    "json": "events have evidence that is not JSON as a stage writes it",
    "text": "events have evidence that is neither number, code, id, hash nor declared label",
}


def event_checks(project: Project) -> Iterator[Check]:
    """The events of each stage."""
    for stage in project.stages:
        yield Check(f"{DATA / stage / EVENTS}", partial(_events, project, stage))


def _events(project: Project, stage: str) -> Iterator[Finding]:
    path = DATA / stage / EVENTS
    reader = _Reader(frozenset(project.manifest(stage)["reason_texts"]), project.labels)
    if not path.is_file():
        raise DataError(Fault(str(path), "no such file", _STEP))
    with pq.ParquetFile(path) as file:
        if not file.schema_arrow.equals(tables.EVENTS):
            yield Fault(str(path), f"its columns are not {', '.join(tables.EVENTS.names)}", _STEP)
            return
        for batch in file.iter_batches(_LOT):
            reader.read(batch)
    for kind, ids in reader.wrong.items():
        if ids:
            yield Fault(str(path), f"{_PROBLEMS[kind]}; records: {some(ids)}", _STEP)


@dataclass
class _Reader:
    """Goes through events in their order, and notes the ids of the records where something is wrong."""

    reasons: Collection[str]
    labels: Collection[str]
    wrong: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in _PROBLEMS})
    last: tuple[str, int] = ("", -1)

    def read(self, batch: pa.RecordBatch) -> None:
        """Look at some more events."""
        self._note("order", batch, self._in_order(batch["id"], batch["seq"]))
        self._note("action", batch, pc.is_in(batch["action"], pa.array(sorted(_ACTIONS))))
        self._note("reason", batch, pc.is_in(batch["reason"], pa.array(sorted(self.reasons), pa.string())))
        simple = pc.fill_null(pc.match_substring_regex(batch["evidence"], _SIMPLE), False)
        others = batch.filter(pc.invert(simple))
        for id, evidence in zip(others["id"].to_pylist(), others["evidence"].to_pylist(), strict=True):
            if fault := self._evidence(evidence):
                self.wrong[fault].add(id)

    def _in_order(self, ids: pa.Array, seq: pa.Array) -> pa.Array:
        before = pa.concat_arrays([pa.array([self.last[0]], pa.string()), ids[:-1]])
        place = pa.concat_arrays([pa.array([self.last[1]], pa.int32()), seq[:-1]])
        self.last = (ids[-1].as_py() or "", seq[-1].as_py() or 0)
        follows = pc.and_(pc.equal(ids, before), pc.equal(seq, pc.add(place, 1)))
        return pc.or_(follows, pc.and_(pc.greater(ids, before), pc.equal(seq, 0)))

    def _note(self, kind: str, batch: pa.RecordBatch, right: pa.Array) -> None:
        wrong = batch["id"].filter(pc.invert(pc.fill_null(right, False)))
        self.wrong[kind].update(str(id) for id in wrong.to_pylist())

    def _evidence(self, text: str) -> str:
        """What is wrong with an event's evidence: `json`, `text`, or nothing."""
        try:
            said = json.loads(text)
            if not isinstance(said, dict) or json.dumps(said, sort_keys=True, ensure_ascii=False) != text:
                return "json"
        except (ValueError, TypeError):
            return "json"
        try:
            fit = all(checked_evidence(name, self._marked(value)) == value for name, value in said.items())
        except ValueError:
            return "text"
        return "" if fit else "text"

    def _marked(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._marked(one) for one in value]
        if not isinstance(value, str):
            return value
        named = names_in(value)
        return Label(value) if value in self.labels or (named is not None and named <= {*self.labels}) else value
