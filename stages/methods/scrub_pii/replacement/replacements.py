"""What is replaced in one record: from the findings in its texts to places, their new text, and their keyed hash."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from stages.core.decisions import PiiDecisions
from stages.core.keys import Keys
from stages.core.params import ScrubPiiParams
from stages.core.records import Record
from stages.methods.scrub_pii.detection.findings import Finding, normalised
from stages.methods.scrub_pii.detection.spread import spread_names
from stages.methods.scrub_pii.replacement.operators import Writer
from stages.methods.scrub_pii.replacement.resolve import Place, allowed_and_not, resolve
from stages.methods.scrub_pii.review.decisions import decided, value_hash

ALLOWED = "allow"
"""Stands for an operator in the event of a value that is personal in form, and that someone declared not to be."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A place in the text at `field`, what goes there (None: nothing changes), and the keyed hash of what stood there.

    `operator` is that of the place's entity, or `allow`. Only `shift` may find nothing to change, and is `keep` then: a
    year may stay when its dates move by some days, and a time of day always does.
    """

    field: str
    place: Place
    operator: str
    new: str | None
    value: str


class Replacer:
    """Decides what is replaced in records, one after the other."""

    def __init__(self, params: ScrubPiiParams, keys: Keys, decisions: PiiDecisions) -> None:
        self._params, self._keys, self._decisions = params, keys, decisions.within(params.entities)
        self._allowed = {normalised(value) for value in params.allow}
        self._kept = [entity for entity, operator in params.entities.items() if operator == "keep"]

    def of(self, record: Record, found: Mapping[str, Sequence[Finding]]) -> list[Replacement]:
        """Replacements by field and from left to right; `found` are the findings by the path of the text."""
        texts = record.texts()
        writer = self._writer(record)
        made: list[Replacement] = []
        # Exceptions first, so that an allowed name does not spread and a denied one does; then for what has spread.
        known = {path: self._without_exceptions(record, texts[path], some) for path, some in found.items()}
        first = {path: wanted for path, (wanted, _) in known.items()}
        for path, findings in spread_names(texts, first, record.language or self._params.language).items():
            wanted, allowed = self._without_exceptions(record, texts[path], [*findings, *known[path][1]])
            places = resolve(wanted, self._kept)
            here = [self._replacement(record, path, place, writer) for place in places]
            here += self._spared(record, path, allowed, places)
            made += sorted(here, key=lambda one: one.place.start)
        return made

    def _writer(self, record: Record) -> Writer:
        params, source = self._params, record.source

        def number(purpose: str, name: str) -> int:
            return self._keys.number(purpose, source, name)

        language = record.language or params.language
        return Writer(params.entities, number, self._owner(record), params.shift_days, language, params.patterns)

    def _owner(self, record: Record) -> str:
        """Whose dates move together: those of a text that records share, of a subject, or of the record.

        A shared text must come out the same in each of them: several shifts of one date would give it away, and the
        split would no longer see that the records belong together.
        """
        if shared := record.shared_texts():
            return self._keys.hash("shared-text", record.source, "\x1f".join(shared))
        return record.subject or record.id

    def _without_exceptions(
        self, record: Record, text: str, findings: Sequence[Finding]
    ) -> tuple[list[Finding], list[Finding]]:
        """Findings that count, and those that the params or a reviewer allow."""
        wanted, allowed = allowed_and_not(text, findings, self._allowed, self._params.entities)
        wanted, spared = decided(text, wanted, partial(self._hash, record.source), self._decisions)
        return wanted, [*allowed, *spared]

    def _replacement(self, record: Record, path: str, place: Place, writer: Writer) -> Replacement:
        """New text and hash follow from the value of the surest finding.

        What is written stands for all of the place where one entity fills it (`10am - 4pm`, of which a pattern knows
        only the end); where entities meet, for the surest alone, however far the place reaches beyond it.
        """
        text, entity = record.texts()[path], place.best.entity
        operator, value = self._params.entities[entity], text[place.best.start : place.best.end]
        whole = value if place.mixed else text[place.start : place.end]
        new = None if operator == "keep" else writer.write(entity, whole)
        if new == text[place.start : place.end]:
            operator, new = "keep", None
        return Replacement(path, place, operator, new, value_hash(self._keys, record.source, entity, value))

    def _spared(
        self, record: Record, path: str, allowed: Sequence[Finding], taken: Collection[Place]
    ) -> list[Replacement]:
        """Events for what stays; where something beside it must go, that is what happens to both."""
        text, made = record.texts()[path], []
        for place in resolve(allowed):
            if not any(place.start < other.end and other.start < place.end for other in taken):
                value = text[place.best.start : place.best.end]
                hashed = value_hash(self._keys, record.source, place.best.entity, value)
                made.append(Replacement(path, place, ALLOWED, None, hashed))
        return made

    def _hash(self, source: str, name: str) -> str:
        return self._keys.hash("pii-value", source, name)[:32]
