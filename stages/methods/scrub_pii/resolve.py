"""From findings to the places that are replaced: names spread through a record, exceptions leave, overlaps merge."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from stages.methods.scrub_pii.detect import Finding

_MIN_NAME = 3  # letters; shorter names, and those in small letters, are too often words


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a text that is replaced (or knowingly kept) as one, and the finding that speaks for it."""

    start: int
    end: int
    best: Finding


def normalised(value: str) -> str:
    """A value as it is compared and hashed: NFKC, case folded, white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def spread_names(texts: Mapping[str, str], found: Mapping[str, Sequence[Finding]]) -> dict[str, list[Finding]]:
    """The findings by text, with every further whole-word occurrence of a person's name found in any of the texts.

    A model that knows a name in one sentence misses it in the next; nobody is a person in only one of them.
    """
    names: dict[str, Finding] = {}
    for path, some in found.items():
        for one in some:
            value = texts[path][one.start : one.end].strip()
            if one.entity == "PERSON" and sum(map(str.isalpha, value)) >= _MIN_NAME and not value.islower():
                names.setdefault(value, one)
    if not names:
        return {path: list(some) for path, some in found.items()}
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
    spread: dict[str, list[Finding]] = {}
    for path, some in found.items():
        taken = {(one.start, one.end) for one in some}
        more = [
            replace(names[match[0]], start=match.start(), end=match.end(), recognizer="NameSpread")
            for match in pattern.finditer(texts[path])
            if match.span() not in taken
        ]
        spread[path] = sorted([*some, *more])
    return spread


def without_exceptions(
    text: str, findings: Iterable[Finding], allowed: Collection[str], entities: Collection[str]
) -> list[Finding]:
    """The findings whose value is neither in `allowed`, which are `normalised`, nor only a tag such as `<PERSON>`."""
    tags = re.compile(rf"<(?:{'|'.join(map(re.escape, sorted(entities)))})>")
    tagged = [match.span() for match in tags.finditer(text)]
    return [
        one
        for one in findings
        if normalised(text[one.start : one.end]) not in allowed and not _is_tag(text, one, tagged)
    ]


def _is_tag(text: str, finding: Finding, tagged: Sequence[tuple[int, int]]) -> bool:
    """Whether nothing but tags, and signs around them, is in the finding."""
    inside = [(start, end) for start, end in tagged if start < finding.end and end > finding.start]
    covered = {at for start, end in inside for at in range(start, end)}
    rest = (text[at] for at in range(finding.start, finding.end) if at not in covered)
    return bool(inside) and not any(map(str.isalnum, rest))


def resolve(findings: Iterable[Finding], kept: Collection[str] = ()) -> list[Place]:
    """Places that do not overlap, left to right.

    Overlapping findings become one place: it covers all of them, so that no part of any is left, and the one whose type
    can be trusted most speaks for it (a valid checksum before a pattern before a model, then the score, then the
    length). Entities in `kept` stay in the text only where they overlap nothing that must go.
    """
    findings = sorted(findings)
    places = _merged(one for one in findings if one.entity not in kept)
    spared = _merged(one for one in findings if one.entity in kept)
    free = [spare for spare in spared if not any(spare.start < p.end and p.start < spare.end for p in places)]
    return sorted([*places, *free], key=lambda place: place.start)


def _merged(findings: Iterable[Finding]) -> list[Place]:
    places: list[Place] = []
    for one in findings:
        if places and one.start < places[-1].end:
            last = places[-1]
            places[-1] = Place(last.start, max(last.end, one.end), max(last.best, one, key=_trust))
        else:
            places.append(Place(one.start, one.end, one))
    return places


def _trust(finding: Finding) -> tuple[int, float, int]:
    return finding.strength, finding.score, finding.end - finding.start
