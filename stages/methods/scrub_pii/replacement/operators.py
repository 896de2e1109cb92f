"""What stands in a text instead of personal data: surrogate, tag, mask, another date, something less precise, nothing.

Operators whose result differs at every mention (salted hashes, encryption) are left out: a model cannot
learn from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stages.core.errors import Fault
from stages.core.params.pii import Operator, PiiPattern
from stages.methods.scrub_pii.detection.findings import normalised
from stages.methods.scrub_pii.replacement.dates import shifted
from stages.methods.scrub_pii.replacement.draws import Draws
from stages.methods.scrub_pii.replacement.generalise import GENERALISED, generalised
from stages.methods.scrub_pii.replacement.surrogates import surrogate

MASK = "*****"
"""Always five signs: the number of signs would tell something about the value."""


def operator_faults(operators: Mapping[str, str], patterns: Sequence[PiiPattern]) -> list[Fault]:
    """What is wrong with the operators by entity: `shift` where there are no dates, `generalise` where nothing is less.

    Entities of one's own patterns may be shifted: only their owner knows whether they are dates.
    """
    dates = {"DATE_TIME", *(pattern.entity for pattern in patterns)}
    lacking = {
        "shift": [e for e, operator in operators.items() if operator == "shift" and e not in dates],
        "generalise": [e for e, operator in operators.items() if operator == "generalise" and e not in GENERALISED],
    }
    able = {"shift": "DATE_TIME and your own patterns", "generalise": ", ".join(sorted(GENERALISED))}
    return [
        Fault(
            "scrub_pii.entities",
            f"{operator} is not possible for {', '.join(sorted(entities))}",
            f"use surrogate, tag, numbered, mask, delete or keep; {operator} works for {able[operator]}",
        )
        for operator, entities in lacking.items()
        if entities
    ]


@dataclass(slots=True)
class Writer:
    """Writes what stands instead of the values of one record; one is made for each record.

    `number(purpose, name)` is a keyed 64-bit number, `owner` whose dates move together: the subject, or the record
    where there is none. `shift_days` is the most that they move, `language` the record's (ISO 639-1).
    """

    operators: Mapping[str, Operator]
    number: Callable[[str, str], int]
    owner: str
    shift_days: int
    language: str
    patterns: Sequence[PiiPattern] = ()
    _numbers: dict[str, dict[str, int]] = field(default_factory=dict, init=False)

    def write(self, entity: str, value: str) -> str:
        """What stands in the text instead of a value; the tag where its operator cannot be applied to it."""
        operator = self.operators[entity]
        if operator in ("keep", "delete", "mask"):
            return {"keep": value, "delete": "", "mask": MASK}[operator]
        if operator == "numbered":
            return self._numbered(entity, value)
        new = None if operator == "tag" else self._changed(operator, entity, value)
        return f"<{entity}>" if new is None else new

    def _changed(self, operator: Operator, entity: str, value: str) -> str | None:
        if operator == "generalise":
            return generalised(entity, value, self.language)
        if operator == "shift" or entity == "DATE_TIME":  # an invented date would break the intervals
            return shifted(value, self._days(), self.language)
        draws = Draws(self._drawn, f"{entity}|{normalised(value)}", self.language)
        return surrogate(entity, value, draws, self._checks(entity))

    def _numbered(self, entity: str, value: str) -> str:
        """Numbers from 1 in the order in which the values are first written."""
        seen = self._numbers.setdefault(entity, {})
        return f"<{entity}_{seen.setdefault(normalised(value), len(seen) + 1)}>"

    def _days(self) -> int:
        """The owner's constant: from -shift_days to shift_days, never 0."""
        drawn = self.number("pii-shift", self.owner) % (2 * self.shift_days)
        return drawn - self.shift_days + (drawn >= self.shift_days)

    def _drawn(self, name: str) -> int:
        return self.number("pii-surrogate", name)

    def _checks(self, entity: str) -> list[str]:
        """Check digits that the entity's patterns ask for."""
        own = [pattern.checksum for pattern in self.patterns if pattern.entity == entity]
        known = {"CREDIT_CARD": ["luhn"]}.get(entity, [])
        return sorted({*known, *(check for check in own if check)})
