"""From findings to the places that are replaced: what is allowed leaves, overlaps merge."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from stages.methods.scrub_pii.detection.findings import Finding, normalised


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a text that is replaced (or knowingly kept) as one, and the finding that speaks for it.

    `mixed` tells that findings of several entities met here.
    """

    start: int
    end: int
    best: Finding
    mixed: bool = False


def allowed_and_not(
    text: str, findings: Iterable[Finding], allowed: Collection[str], entities: Collection[str]
) -> tuple[list[Finding], list[Finding]]:
    """The findings that count, and those whose value is in `allowed`, whose values are `normalised`.

    What lies inside an allowed value is allowed with it: of `info@acme.example`, the host is found as well. What is
    only a tag such as `<PERSON>` or `<PERSON_2>` is neither: it is what an earlier scrubbing left.
    """
    tags = re.compile(rf"<(?:{'|'.join(map(re.escape, sorted(entities)))})(?:_\d+)?>")
    tagged = [match.span() for match in tags.finditer(text)] if "<" in text else []
    findings = list(findings)
    free = [one for one in findings if allowed and normalised(text[one.start : one.end]) in allowed]
    counted: list[Finding] = []
    spared: list[Finding] = []
    for one in findings:
        if any(value.start <= one.start and one.end <= value.end for value in free):
            spared.append(one)
        elif not _is_tag(text, one, tagged):
            counted.append(one)
    return counted, spared


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
            mixed = last.mixed or one.entity != last.best.entity
            places[-1] = Place(last.start, max(last.end, one.end), max(last.best, one, key=_trust), mixed)
        else:
            places.append(Place(one.start, one.end, one))
    return places


def _trust(finding: Finding) -> tuple[int, float, int]:
    return finding.strength, finding.score, finding.end - finding.start
