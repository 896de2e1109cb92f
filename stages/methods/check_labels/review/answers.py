"""What a person filled in about labels, checked row by row. Problems are told without any text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from stages.core.decisions import is_reviewer
from stages.core.label_decisions import (
    LABEL_VERDICTS,
    LabelDecision,
    LabelDecisions,
    LabelVerdict,
    label_decisions_of,
)

NEEDED = ("id", "version", "decision", "to")
"""Columns that a filled-in file must have."""
_ID = re.compile(r"[0-9a-f]{20}")


@dataclass(frozen=True, slots=True)
class Given:
    """An answer about the record `id` as it was in `version`, and the line that says so.

    `to` is the right label of a `relabel`, as an annotation. Tools that people label in know no annotations: from them
    comes `value`, as the record's column holds it, and for places in a text `marked`, what stood there.
    """

    line: int
    id: str
    version: str
    decision: LabelVerdict
    to: str = ""
    reviewer: str = ""
    value: Any = None
    marked: tuple[str | None, ...] = ()


@dataclass(slots=True)
class Answers:
    """What a file says: answers, problems by line, and rows without an answer."""

    given: list[Given] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    unanswered: int = 0


def read_answers(rows: Iterable[tuple[int, Mapping[str, str]]], reviewer: str) -> Answers:
    """The answers in the rows of a filled-in file. `reviewer` decided where a row does not name another."""
    answers = Answers()
    for line, row in rows:
        cells = {name: row.get(name, "").strip() for name in (*NEEDED, "reviewer")}
        cells["decision"] = cells["decision"].lower()
        found = [*_problems(cells)]
        answers.problems += [(line, problem) for problem in found]
        if not cells["decision"]:
            answers.unanswered += not found
        elif not found:
            verdict = cast("LabelVerdict", cells["decision"])
            who = cells["reviewer"] or reviewer
            answers.given.append(Given(line, cells["id"], cells["version"], verdict, cells["to"], who))
    return answers


def _problems(cells: Mapping[str, str]) -> Iterator[str]:
    """What can be wrong with a row, whatever its record is."""
    if not _ID.fullmatch(cells["id"]):
        yield "`id` is not 20 hex digits: did a spreadsheet take it for a number?"
    if cells["decision"] and cells["decision"] not in LABEL_VERDICTS:
        yield f"`decision` must be {', '.join(LABEL_VERDICTS[:-1])} or {LABEL_VERDICTS[-1]}, or stay empty"
    if cells["to"] and not cells["decision"]:
        yield "`to` without a decision: write relabel there"
    if not is_reviewer(cells["reviewer"]):
        yield "`reviewer` must be up to 40 letters, digits, dots and dashes: it stands in git"


def contradictions(given: Iterable[Given]) -> list[tuple[int, str]]:
    """Lines that say something else about a record than a line before."""
    first: dict[str, Given] = {}
    found: list[tuple[int, str]] = []
    for one in sorted(given, key=lambda one: one.line):
        before = first.setdefault(one.id, one)
        if replace(one, line=before.line, reviewer=before.reviewer) != before:
            found.append((one.line, f"contradicts line {before.line} about the same record"))
    return found


def merged(old: LabelDecisions, new: Iterable[LabelDecision]) -> tuple[LabelDecisions, dict[str, int]]:
    """All decisions, the later ones in place of the earlier, and how many of them are new, changed, or the same."""
    counts = {"new": 0, "changed": 0, "same": 0}
    result = dict(old.by_id)
    for id, one in label_decisions_of(new).by_id.items():
        before = old.by_id.get(id)
        same = before is not None and replace(before, reviewer=one.reviewer) == one
        counts["same" if same else "new" if before is None else "changed"] += 1
        if not same:  # who decided it first stays on record
            result[id] = one
    return label_decisions_of(result.values()), counts
