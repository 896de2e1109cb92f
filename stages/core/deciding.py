"""Decisions turned into rows to write, and counted: the part of a run that workers do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from stages.core.ledger import Tally
from stages.core.records import Decision, Record, Schema
from stages.core.stage import Context, Stage
from stages.core.storage import Piece
from stages.core.tables import events_table, records_table

Step: TypeAlias = tuple[Decision, Record | None]
"""A decision, and the record as it was before; None for a source row."""
Portion: TypeAlias = tuple[Piece, Sequence[Any] | None]
"""Some records by place, and a set stage's verdict on each."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of some records: their events and the records that go on as rows, and the count."""

    tally: Tally
    events: pa.Table
    records: pa.Table | None


def settle(stage: Stage, schema: Schema, steps: Iterable[Step]) -> Decided:
    """Rows and count of some decisions. Raises ValueError for a decision that the stage may not take."""
    tally = Tally(stage.name, stage.reasons)
    events: list[dict[str, Any]] = []
    kept: list[Record] = []
    for decision, before in steps:
        events += tally.count(decision, before)
        if decision.record is not None:
            kept.append(decision.record)
    return Decided(tally, events_table(events), records_table(kept, schema) if kept else None)


@dataclass(frozen=True)
class DecidePiece:
    """Reads some records and decides them; travels to worker processes."""

    stage: Stage
    context: Context

    def __call__(self, portion: Portion) -> Decided:
        """What became of the records of the portion."""
        piece, verdicts = portion
        schema = self.context.task.schema
        records = piece.records(schema)
        return settle(self.stage, schema, zip(self._decisions(records, verdicts), records, strict=True))

    def _decisions(self, records: list[Record], verdicts: Sequence[Any] | None) -> Iterator[Decision]:
        decide, params = self.stage.decide, self.context.params
        assert decide is not None
        if verdicts is None and self.stage.prepare is None:
            return (decide(record, params) for record in records)
        if verdicts is None and self.stage.prepare is not None:
            verdicts = self.stage.prepare(records, self.context)
        assert verdicts is not None
        return (decide(record, params, verdict) for record, verdict in zip(records, verdicts, strict=True))
