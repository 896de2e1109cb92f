"""Events, counts and the conservation law: in = kept + dropped + quarantined, by number and by identity."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.records import Decision, Event, Label, Outcome, Record

_CODE = re.compile(r"[A-Za-z0-9_.:/+\-]{0,80}\Z")
_DIGITS = 6


class IdSet:
    """A digest of a set of ids that does not depend on their order and can be added to another.

    It is the sum of the ids' SHA-256 modulo 2**256 (AdHash, Bellare and Micciancio 1997), so that
    digest(in) = digest(kept) + digest(dropped) + digest(quarantined) can be checked by anyone.
    """

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0

    def add(self, id: str) -> None:
        """Count one more id."""
        self.count += 1
        self.total = (self.total + int.from_bytes(hashlib.sha256(id.encode()).digest())) % 2**256

    def __add__(self, other: IdSet) -> IdSet:
        result = IdSet()
        result.count = self.count + other.count
        result.total = (self.total + other.total) % 2**256
        return result

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdSet) and (self.count, self.total) == (other.count, other.total)

    __hash__ = None  # type: ignore[assignment]  # it changes with every add

    @property
    def digest(self) -> str:
        """64 hex digits."""
        return f"{self.total:064x}"


class Tally:
    """Counts decisions as they are written, and refuses what the stage did not declare."""

    def __init__(self, stage: str, reasons: Mapping[str, str]) -> None:
        self.stage = stage
        self.reasons = reasons
        self.given = IdSet()
        self.by_outcome: dict[Outcome, IdSet] = {
            outcome: IdSet() for outcome in ("created", "kept", "dropped", "quarantined")
        }
        self.by_reason: Counter[tuple[str, str]] = Counter()

    def count(self, decision: Decision, before: Record | None) -> list[dict[str, Any]]:
        """Count one decision and give the rows of its events. `before` is None for source rows."""
        self.given.add(decision.id if before is None else before.id)
        self.by_outcome[decision.outcome].add(decision.id)
        events = written_events(self.stage, decision, before)
        for event in events:
            self.by_reason[event.action, event.reason] += 1
        return [self.row(decision.id, seq, event) for seq, event in enumerate(events)]

    def row(self, id: str, seq: int, event: Event) -> dict[str, Any]:
        """An event as a row of `events.parquet`. Raises ValueError for an undeclared reason or text in evidence."""
        if event.reason not in self.reasons:
            raise ValueError(f"{self.stage}: reason {event.reason!r} is not in the stage's REASONS")
        evidence = {name: checked_evidence(name, value) for name, value in event.evidence.items()}
        dumped = json.dumps(evidence, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return {"id": id, "seq": seq, "action": event.action, "reason": event.reason, "evidence": dumped}

    def add(self, other: Tally) -> None:
        """Count what another tally of the same stage has counted."""
        self.given = self.given + other.given
        self.by_outcome = {outcome: ids + other.by_outcome[outcome] for outcome, ids in self.by_outcome.items()}
        self.by_reason.update(other.by_reason)

    def check_conservation(self) -> None:
        """Every record given was decided exactly once. Raises DataError otherwise."""
        out = IdSet()
        for ids in self.by_outcome.values():
            out = out + ids
        if out != self.given:
            problem = f"{self.given.count} records in, {out.count} decided: they are not the same records"
            raise DataError(Fault(self.stage, problem, "this is a fault of the stage's code; nothing was written"))

    def counts(self) -> dict[str, int]:
        """Records by outcome, `in` first."""
        return {"in": self.given.count, **{name: ids.count for name, ids in self.by_outcome.items()}}

    def digests(self) -> dict[str, str]:
        """Digests of the id sets by outcome."""
        return {"in": self.given.digest, **{name: ids.digest for name, ids in self.by_outcome.items()}}

    def reasons_by_action(self) -> dict[str, dict[str, int]]:
        """Events by action and reason, sorted."""
        found: dict[str, dict[str, int]] = {}
        for (action, reason), count in sorted(self.by_reason.items()):
            found.setdefault(action, {})[reason] = count
        return found


def written_events(stage: str, decision: Decision, before: Record | None) -> Iterable[Event]:
    """The events to write: an `edit` only where the values changed, and no change without an event."""
    if before is None or decision.record is None:
        return decision.events
    if decision.record.id != before.id:
        raise ValueError(f"{stage}: decided {decision.record.id} when asked about {before.id}")
    if decision.record.values == before.values:
        return [event for event in decision.events if event.action != "edit"]
    if not any(event.action in ("edit", "relabel") for event in decision.events):
        raise ValueError(f"{stage}: record {before.id} was changed without a reason")
    return decision.events


def checked_evidence(name: str, value: Any) -> Any:
    """A value fit for evidence: a number, a code, a hash, an id, or a list of those; never free text."""
    if value is None or isinstance(value, bool | int | Label):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"evidence {name} is not a finite number")
        return round(value, _DIGITS)
    if isinstance(value, str) and _CODE.match(value):
        return value
    if isinstance(value, list | tuple):
        return [checked_evidence(name, item) for item in value]
    raise ValueError(f"evidence {name} may hold text; use numbers, codes, ids or hashes")
