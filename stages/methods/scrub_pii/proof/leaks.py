"""Search what was scrubbed for what is left: proven identifiers, values detected anywhere, and a second detection.

Values and texts are held in memory only. What comes out are counts by entity, and ids of records.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeAlias

from stages.core.errors import Fault
from stages.methods.scrub_pii.detection.findings import NER, Finding
from stages.methods.scrub_pii.proof.check import Scrubbed, proven
from stages.methods.scrub_pii.proof.value_search import ValueSearch, Within
from stages.methods.scrub_pii.replacement.resolve import allowed_and_not

Find: TypeAlias = Callable[[Sequence[str], Sequence[str | None]], list[list[Finding]]]

IDS = 20
"""Record ids that a report names for each kind of leak: those that come first."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One kind of leak: how many by entity, in how many records, and the ids of those that come first."""

    found: Counter[str] = field(default_factory=Counter)
    records: int = 0
    ids: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        ids = tuple(heapq.nsmallest(IDS, {*self.ids, *other.ids}))
        return Tally(self.found + other.found, self.records + other.records, ids)


KINDS = {
    "proven": "identifiers that their form proves (see `check`)",
    "known": "values that were detected, and replaced, elsewhere in the corpus",
    "patterns": "what the patterns find in a second look, outside of what was replaced",
    "names": "what the model for names finds in a second look: mostly words that look like a name beside a surrogate",
    "beside": "findings of the second look that reach out of something replaced: the rest of a name, or its neighbours",
    "surrogate_collisions": "surrogates that equal a value detected elsewhere: they belong to somebody after all",
    "proven_surrogates": "surrogates that pass a test which only real identifiers should pass",
}
"""What is looked for in the output."""
_FAIL: Mapping[str, tuple[str, ...]] = {"proven": ("proven",), "any": ("proven", "known", "patterns"), "none": ()}


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in some records; looks at different records add up."""

    records: int = 0
    rechecked: int = 0
    tallies: Mapping[str, Tally] = field(default_factory=dict)

    def __add__(self, other: Look) -> Look:
        kinds = {*self.tallies, *other.tallies}
        tallies = {kind: self.tallies.get(kind, Tally()) + other.tallies.get(kind, Tally()) for kind in kinds}
        return Look(self.records + other.records, self.rechecked + other.rechecked, tallies)


@dataclass(frozen=True, slots=True)
class Inspector:
    """Looks at scrubbed records in every way at once; travels to worker processes with the values it searches for.

    `entities` are those that are replaced (operator other than `keep`), `allowed` the `normalised` values that are
    never personal, `share` that of the changed records which `find` goes through again: an unchanged text was seen as
    it is. Which of them is drawn from the record's id.
    """

    values: ValueSearch
    entities: frozenset[str]
    allowed: frozenset[str]
    share: float
    find: Find

    @classmethod
    def of(cls, values: ValueSearch, operators: Mapping[str, str], allowed: Collection[str], share: float,
           find: Find) -> Self:  # fmt: skip
        """For the operators by entity; `find` must be importable by name, or a partial of what is."""
        replaced = frozenset(entity for entity, operator in operators.items() if operator != "keep")
        return cls(values, replaced, frozenset(allowed), share, find)

    def __call__(self, records: Sequence[Scrubbed]) -> Look:
        """What is left in the records."""
        seen: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        for record in records:
            for path in record.texts:
                for kind, entity in self._left(_Place(record, path)):
                    seen[kind][record.id][entity] += 1
        chosen = [record for record in records if any(record.replaced.values()) and _drawn(record.id, self.share)]
        for id, kind, entity in self._found_again(chosen):
            seen[kind][id][entity] += 1
        tallies = {kind: _tally(by_record) for kind, by_record in seen.items()}
        return Look(len(records), len(chosen), tallies)

    def _left(self, place: _Place) -> Iterator[tuple[str, str]]:
        """Kind and entity of what the two searches without a detector see."""
        for start, end, entity in proven(place.text, self.entities, self.allowed):
            if not place.spared.holds(start, end):
                yield "proven_surrogates" if place.replaced.holds(start, end) else "proven", entity
        for start, end, entity in self.values.hits(place.text):
            if not place.spared.holds(start, end):
                yield "surrogate_collisions" if place.replaced.holds(start, end) else "known", entity

    def _found_again(self, records: Sequence[Scrubbed]) -> Iterator[tuple[str, str, str]]:
        """Record's id, kind and entity of what the detector finds in the output, outside of what was replaced."""
        places = [_Place(record, path) for record in records for path in record.texts]
        if not places:
            return
        found = self.find([place.text for place in places], [place.record.language or None for place in places])
        for place, findings in zip(places, found, strict=True):
            for one in allowed_and_not(place.text, findings, self.allowed, self.entities)[0]:
                if one.entity in self.entities and not place.is_accounted_for(one):
                    yield place.record.id, place.kind(one), one.entity


class _Place:
    """A text of a record, and which of its stretches were replaced or spared."""

    def __init__(self, record: Scrubbed, path: str) -> None:
        self.record, self.text = record, record.texts[path]
        self.replaced = Within(record.replaced.get(path, ()), self.text)
        self.spared = Within(record.spared.get(path, ()), self.text)

    def is_accounted_for(self, finding: Finding) -> bool:
        return self.replaced.holds(finding.start, finding.end) or self.spared.holds(finding.start, finding.end)

    def kind(self, finding: Finding) -> str:
        if self.replaced.touches(finding.start, finding.end):
            return "beside"
        return "names" if finding.strength == NER else "patterns"


def _drawn(id: str, share: float) -> bool:
    digest = hashlib.sha256(f"recheck:{id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _tally(by_record: Mapping[str, Counter[str]]) -> Tally:
    found: Counter[str] = Counter()
    for counts in by_record.values():
        found.update(counts)
    return Tally(found, len(by_record), tuple(heapq.nsmallest(IDS, by_record)))


def leak_report(look: Look) -> dict[str, Any]:
    """The look for a report: by kind the number found, by entity, in how many records, and the first of their ids."""
    kinds = {}
    for kind in KINDS:
        tally = look.tallies.get(kind, Tally())
        by_entity = dict(sorted(tally.found.items()))
        kinds[kind] = {"found": tally.found.total(), "by_entity": by_entity, "records": tally.records}
        kinds[kind]["first_ids"] = list(tally.ids)
    return {"records": look.records, "rechecked": look.rechecked, **kinds}


def leak_faults(look: Look, policy: Literal["proven", "any", "none"]) -> list[Fault]:
    """What must stop the stage under `scrub_pii.fail_on_leak`, as one fault a kind; no value is in it."""
    step = (
        "look at these records with `rowtrail review pii`; what was missed belongs in scrub_pii.deny or .patterns, "
        "what is nobody's to scrub_pii.allow, or set scrub_pii.fail_on_leak to what may stop the stage"
    )
    faults = []
    for kind in _FAIL[policy]:
        tally = look.tallies.get(kind, Tally())
        if tally.records:
            counts = ", ".join(f"{count} {entity}" for entity, count in sorted(tally.found.items()))
            problem = f"still in the output: {KINDS[kind]}: {counts}, in {tally.records} records"
            faults.append(Fault(f"scrub_pii ({kind})", f"{problem}; the first: {', '.join(tally.ids[:5])}", step))
    return faults
