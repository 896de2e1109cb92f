"""What a person filled in about personal data, checked row by row. Problems are told without any value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from stages.core.decisions import MOST_WORDS, PiiDecision, PiiDecisions, PiiVerdict, decisions_of
from stages.methods.scrub_pii.detection.findings import normalised
from stages.methods.scrub_pii.review.decisions import runs, trimmed

NEEDED = ("value_hash", "entity", "id", "decision", "to", "missed")
"""Columns that a filled-in file must have."""
_ANSWERS = ("right", "allow", "type")
_BOTH = {"right", "deny"}
_STRONGER = ("deny", "right")  # a missed value stays denied when someone confirms what is found because of that
_HASH = re.compile(r"[0-9a-f]{32}")
_ID = re.compile(r"[0-9a-f]{20}")
_ENTITY = re.compile(r"[A-Z][A-Z0-9_]{1,39}")


@dataclass(frozen=True, slots=True)
class Missed:
    """A stretch of a record's text that should have been found as `entity`, and the line that says so."""

    line: int
    id: str
    text: str
    entity: str


@dataclass(slots=True)
class Answers:
    """What a file says: decisions by line, stretches that were missed, problems by line, and rows without an answer."""

    decisions: list[tuple[int, PiiDecision]] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    unanswered: int = 0


def read_answers(rows: Iterable[tuple[int, Mapping[str, str]]], entities: Collection[str], reviewer: str) -> Answers:
    """The answers in the rows of a filled-in file, each with its line. `entities` are those that can be asked for."""
    answers = Answers()
    for line, row in rows:
        cells = {name: row.get(name, "").strip() for name in NEEDED}
        cells |= {"decision": cells["decision"].lower(), "to": cells["to"].upper()}
        problems = [*_problems(cells, entities)]
        answers.problems += [(line, problem) for problem in problems]
        if not cells["decision"] and not cells["missed"]:
            answers.unanswered += not problems
        elif not problems:
            if cells["decision"]:
                to = cells["to"] if cells["decision"] == "type" else ""
                verdict = cast("PiiVerdict", cells["decision"])
                decision = PiiDecision(cells["value_hash"], cells["entity"], verdict, to, reviewer=reviewer)
                answers.decisions.append((line, decision))
            if cells["missed"]:
                answers.missed.append(Missed(line, cells["id"], trimmed(cells["missed"]), cells["to"]))
    return answers


def _problems(cells: Mapping[str, str], entities: Collection[str]) -> Iterator[str]:
    """All that is wrong with a row."""
    decision, to, missed = cells["decision"], cells["to"], cells["missed"]
    if decision and decision not in _ANSWERS:
        yield f"`decision` must be {', '.join(_ANSWERS[:-1])} or {_ANSWERS[-1]}, or stay empty"
    elif decision:
        yield from _decision_problems(cells)
    if missed:
        yield from _missed_problems(cells)
    if to and decision != "type" and not missed:
        yield "`to` goes with `type` or with `missed` only"
    if (decision == "type" or missed) and to not in entities:
        yield "`to` must name an entity of scrub_pii.entities in params.yaml"
    if decision == "type" and missed:
        yield "one `to` cannot serve both `type` and `missed`: give the missed stretch a row of its own"


def _decision_problems(cells: Mapping[str, str]) -> Iterator[str]:
    if not _HASH.fullmatch(cells["value_hash"]):
        yield "`value_hash` is not 32 hex digits: did a spreadsheet take it for a number?"
    if not _ENTITY.fullmatch(cells["entity"]):
        yield "`entity` is not the name of an entity"
    elif cells["decision"] == "type" and cells["to"] == cells["entity"]:
        yield "`to` is the entity that was found: write `right`"


def _missed_problems(cells: Mapping[str, str]) -> Iterator[str]:
    value = trimmed(cells["missed"])
    if not value:
        yield "`missed` holds no letter or digit"
    if len(value.split()) > MOST_WORDS:
        yield f"`missed` has more than {MOST_WORDS} words"
    if not _ID.fullmatch(cells["id"]):
        yield "`id` is not 20 hex digits: did a spreadsheet take it for a number?"


def occurs(text: str, value: str) -> bool:
    """Whether a text holds a value as whole words, as `decided` will look for it."""
    wanted = normalised(value)
    return any(normalised(text[start:end]) == wanted for start, end in runs(text, len(value.split())))


def contradictions(decisions: Iterable[tuple[int, PiiDecision]]) -> list[tuple[int, str]]:
    """Lines that say something else about a value than a line before; found here and missed there is no such thing."""
    first: dict[str, tuple[int, PiiDecision]] = {}
    found: list[tuple[int, str]] = []
    for line, one in sorted(decisions, key=lambda pair: pair[0]):
        before, other = first.setdefault(one.value, (line, one))
        if other != one and {other.decision, one.decision} != _BOTH:
            found.append((line, f"contradicts line {before} about the same value"))
    return found


def merged(old: PiiDecisions, new: PiiDecisions) -> tuple[PiiDecisions, dict[str, int]]:
    """All decisions, the later ones in place of the earlier, and how many of them are new, changed, or the same."""
    counts = {"new": 0, "changed": 0, "same": 0}
    result = dict(old.by_value)
    for value, one in new.by_value.items():
        before = old.by_value.get(value)
        same = before is not None and (_said(before) == _said(one) or (before.decision, one.decision) == _STRONGER)
        counts["same" if same else "new" if before is None else "changed"] += 1
        if not same:  # who decided it first stays on record
            result[value] = one
    return decisions_of(result.values()), counts


def _said(one: PiiDecision) -> tuple[str, str, str, int]:
    return one.entity, one.decision, one.to, one.words
