"""What people decided when they reviewed a run: a small file in git, without any value in clear.

A value is named by its keyed hash, as the stage's events name it, so that nobody without the key can tell what was
decided about. Later versions apply the decisions again, and their history is git's.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Literal, NoReturn, cast, get_args

from stages.core.errors import DataError, Fault

PII_DECISIONS = Path("data/decisions/pii.csv")
PiiVerdict = Literal["right", "allow", "type", "deny"]
"""`right`: personal data of that entity. `allow`: never replace this value. `type`: personal data, but of the entity
`to`. `deny`: a value that was missed; find it from now on."""
MOST_WORDS = 50
"""Words in the longest value that can be denied."""

PII_VERDICTS: tuple[str, ...] = get_args(PiiVerdict)
_HASH = re.compile(r"[0-9a-f]{32}")
_ENTITY = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
_WORDS = re.compile(r"[1-9][0-9]?")
_REVIEWER = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,39})?")
_STEP = "`rowtrail review {} --import FILE` writes these lines; bring the last good file back with git"
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class PiiDecision:
    """One line: a value's keyed hash (32 hex digits), the entity it was hashed as, and what was decided.

    `to` is the right entity of a `type` decision; `words` is the number of words, by white space, of a denied value.
    """

    value: str
    entity: str
    decision: PiiVerdict
    to: str = ""
    words: int = 0
    reviewer: str = ""


_COLUMNS = [one.name for one in fields(PiiDecision)]


@dataclass(frozen=True)
class PiiDecisions:
    """All decisions about personal data, by the value's hash."""

    by_value: Mapping[str, PiiDecision] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.by_value)

    @cached_property
    def allowed(self) -> dict[str, frozenset[str]]:
        """Hashes that are never replaced, by entity."""
        return {entity: frozenset(one.value for one in some) for entity, some in self._by_entity("allow").items()}

    @cached_property
    def types(self) -> dict[str, dict[str, str]]:
        """The right entity by hash, by the entity that was found."""
        return {entity: {one.value: one.to for one in some} for entity, some in self._by_entity("type").items()}

    @cached_property
    def denied(self) -> dict[int, dict[str, frozenset[str]]]:
        """Hashes of what must be found, by number of words and entity."""
        found: dict[int, dict[str, set[str]]] = {}
        for entity, some in self._by_entity("deny").items():
            for one in some:
                found.setdefault(one.words, {}).setdefault(entity, set()).add(one.value)
        return {
            words: {entity: frozenset(values) for entity, values in by_entity.items()}
            for words, by_entity in sorted(found.items())
        }

    def within(self, entities: Collection[str]) -> PiiDecisions:
        """The decisions as they apply where only these entities are looked for.

        A denied value of another entity is not looked for, and a value whose right type is another one is left alone,
        as everything of that type is.
        """
        kept = [one for one in self.by_value.values() if one.entity in entities or one.decision != "deny"]
        return decisions_of(
            PiiDecision(one.value, one.entity, "allow", reviewer=one.reviewer)
            if one.decision == "type" and one.to not in entities
            else one
            for one in kept
        )

    def _by_entity(self, verdict: PiiVerdict) -> dict[str, list[PiiDecision]]:
        found: dict[str, list[PiiDecision]] = {}
        for one in self.by_value.values():
            if one.decision == verdict:
                found.setdefault(one.entity, []).append(one)
        return found


def decisions_of(decisions: Iterable[PiiDecision]) -> PiiDecisions:
    """Decisions by the hash of their value, sorted; of two about the same value the later one counts."""
    by_value = {one.value: one for one in decisions}
    return PiiDecisions(dict(sorted(by_value.items())))


def read_pii_decisions(path: Path = PII_DECISIONS) -> PiiDecisions:
    """The decisions in a file; none where there is no file.

    Raises DataError with the numbers of all lines that are not understood: skipping one would bring back a value that
    somebody found missing.
    """
    lines = read_rows(path, _COLUMNS, _is_pii_decision)
    decisions = [PiiDecision(v, e, cast("PiiVerdict", d), to, int(w or 0), r) for _, (v, e, d, to, w, r) in lines]
    first = {cells[0]: number for number, cells in reversed(lines)}
    if twice := [number for number, cells in lines if first[cells[0]] != number]:
        refuse_rows(path, _COLUMNS, twice, "decides about a value a second time")
    return decisions_of(decisions)


def write_pii_decisions(decisions: PiiDecisions, path: Path = PII_DECISIONS) -> None:
    """Write the file, sorted by value, swapped in whole."""
    rows = (astuple(one) for one in sorted(decisions.by_value.values(), key=lambda one: one.value))
    write_rows(path, _COLUMNS, ([cell or "" for cell in row] for row in rows))


def is_reviewer(name: str) -> bool:
    """Whether a name can stand in the file: up to 40 letters, digits, dots and dashes, or nothing."""
    return bool(_REVIEWER.fullmatch(name))


def _is_pii_decision(cells: Sequence[str]) -> bool:
    value, entity, decision, to, words, reviewer = cells
    shaped = _HASH.fullmatch(value) and _ENTITY.fullmatch(entity) and decision in PII_VERDICTS and is_reviewer(reviewer)
    right_to = bool(_ENTITY.fullmatch(to)) and to != entity if decision == "type" else not to
    right_words = bool(_WORDS.fullmatch(words)) and int(words) <= MOST_WORDS if decision == "deny" else not words
    return bool(shaped) and right_to and right_words


def read_rows(path: Path, columns: list[str], fits: Callable[[Sequence[str]], bool]) -> list[tuple[int, list[str]]]:
    """The lines of a file of decisions with their numbers, each with a cell for each column."""
    if not os.path.lexists(path):  # a link to nothing is no file that is not there
        return []
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise DataError(Fault(str(path), "is not a csv file in UTF-8", _STEP.format(path.stem))) from None
    rows = [(number, cells) for number, cells in enumerate(lines, 1) if number > 1 and cells]
    wrong = [number for number, cells in rows if len(cells) != len(columns) or not fits(cells)]
    if lines[:1] != [columns]:
        wrong.insert(0, 1)
    if wrong:
        refuse_rows(path, columns, wrong, "is not a decision")
    return rows


def refuse_rows(path: Path, columns: list[str], wrong: Sequence[int], problem: str) -> NoReturn:
    """Raises DataError naming the lines; a wrong header is said to be one."""
    step = _STEP.format(path.stem)
    faults = [Fault(f"{path}:{number}", problem, step) for number in wrong[:_SHOWN]]
    if 1 in wrong:
        faults[0] = Fault(f"{path}:1", f"the header must be `{','.join(columns)}`", step)
    if len(wrong) > _SHOWN:
        faults.append(Fault(str(path), f"{len(wrong) - _SHOWN} more such lines"))
    raise DataError(*faults)


def write_rows(path: Path, columns: list[str], rows: Iterable[Sequence[str | int]]) -> None:
    """Write a file of decisions, swapped in whole."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.parent / f".{path.name}.new"
    beside.write_text(text.getvalue(), encoding="utf-8")
    beside.replace(path)
