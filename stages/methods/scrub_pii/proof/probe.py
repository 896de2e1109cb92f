"""Self-measurement: invented personal data is planted in a shadow copy of the user's texts, and looked for.

No planted value reaches an output; what comes out are counts by entity.
"""

from __future__ import annotations

import hashlib
import heapq
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from stages.core.errors import Fault
from stages.methods.audit.roc import wilson
from stages.methods.scrub_pii.detection.findings import Finding
from stages.methods.scrub_pii.proof.probe_texts import INSIDE, STANDS_ALONE, sentences
from stages.methods.scrub_pii.proof.probe_values import INVENTED, invented

Find: TypeAlias = Callable[[Sequence[str], Sequence[str | None]], list[list[Finding]]]

WINDOW = 500
"""Characters of a long text that a value is planted in: bounds what the probe costs."""
FOUND = 0.9
"""Share of a value's characters that must be found; less is a part of a name, and counts as half found."""
DONORS = 5_000
"""Texts that values are planted in, at most."""
UPPER_BOUND = (
    "These figures are an upper bound: planted values stand in complete sentences and have the forms that were thought "
    "of; real ones are misspelt, cut, and follow from what the text said before. They compare settings and show what "
    "fails; how many real values were missed they do not show."
)
_HALF_SENTENCE = 0.3  # share of the values that stand between two words of the text, where that can be
_DIGITS = 6
# Two letters before a full stop are an abbreviation more often than the end of a sentence
_BOUNDARY = re.compile(r"\A|(?<=\w\w\w[.!?])\s+|(?<=[.!?][\"'”)])\s+|\n+|\Z")
_GAP = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])")


@dataclass(frozen=True, slots=True, order=True)
class Donor:
    """A text that values may be planted in; those with the lowest `rank`, a hash of the record's id, are taken."""

    rank: int
    text: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Plant:
    """A text with a planted value of an entity at `start` to `end`."""

    entity: str
    text: str
    start: int
    end: int
    language: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of a planted value: the share of its characters, 0..1."""

    entity: str
    language: str
    covered: float


def choose_donors(texts: Iterable[tuple[str, str | None, str]], count: int, seed: int) -> list[Donor]:
    """The donors among (name, language, text), whatever their order; a name is the record's id and the text's field.

    Memory is bounded by `count`. Donors of parts of the set, through `lowest`, give those of the set.
    """
    named = ((_number(f"{seed}:probe:{name}"), language, text) for name, language, text in texts if text.strip())
    return lowest((Donor(rank, _window(text, rank), language) for rank, language, text in named), count)


def lowest(donors: Iterable[Donor], count: int) -> list[Donor]:
    """The donors that are taken, at most `DONORS`."""
    return heapq.nsmallest(min(count, DONORS), donors)


def plan_probe(
    donors: Sequence[Donor], entities: Iterable[str], count: int, seed: int, regions: Sequence[str] = ()
) -> Iterator[Plant]:
    """`count` plants of each entity that can be invented, made as they are asked for; none without a donor.

    The n-th value of an entity follows from (seed, entity, n), its text from these and the donors. Half of the values
    have a form of the text's language, all follow its case where a text knows only one.
    """
    for entity in sorted(INVENTED.intersection(entities)) if donors else ():
        for number in range(count):
            draw = random.Random(hashlib.sha256(f"{seed}:probe:{entity}:{number}".encode()).digest())
            yield _planted(entity, donors[int(draw.random() * len(donors))], regions, draw)


def not_invented(entities: Iterable[str]) -> list[str]:
    """The entities of which no value can be invented, so that nothing is known about them."""
    return sorted(set(entities) - INVENTED)


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _window(text: str, rank: int) -> str:
    """The text, or a piece of a long one at a place that follows from the rank; cut at spaces."""
    if len(text) <= WINDOW:
        return text
    start = rank % (len(text) - WINDOW)
    piece = text[start : start + WINDOW]
    first, last = piece.find(" ") + 1 if start else 0, piece.rfind(" ")
    return piece[first : last if last > first else None]


def _planted(entity: str, donor: Donor, regions: Sequence[str], draw: random.Random) -> Plant:
    text, alone = donor.text, entity in STANDS_ALONE and draw.random() < _HALF_SENTENCE
    gaps = [found.end() for found in _GAP.finditer(text)] if alone else []
    if gaps:
        at, template = draw.choice(gaps) - 1, draw.choice(INSIDE)
    else:
        bounds = [found.span() for found in _BOUNDARY.finditer(text)]
        before, at = draw.choice(bounds)
        template = draw.choice(sentences(donor.language, entity))
        template = (" " if before == at > 0 else "") + template + (" " if at < len(text) else "")
    value = invented(entity, donor.language or "", regions, draw)
    head, _, tail = template.partition("{}")
    head, value, tail = (_cased(part, text) for part in (head, value, tail))
    start = at + len(head)
    return Plant(entity, text[:at] + head + value + tail + text[at:], start, start + len(value), donor.language)


def _cased(new: str, text: str) -> str:
    """In small letters or capitals where all of the text is."""
    return new.lower() if text.islower() else new.upper() if text.isupper() else new


@dataclass(frozen=True, slots=True)
class Prober:
    """Looks for planted values; travels to worker processes. `find` must be importable by name, or a partial of it."""

    find: Find

    def __call__(self, plants: Sequence[Plant]) -> list[Outcome]:
        """What is found of each."""
        found = self.find([plant.text for plant in plants], [plant.language for plant in plants])
        return [
            Outcome(plant.entity, plant.language or "", covered(plant.start, plant.end, findings))
            for plant, findings in zip(plants, found, strict=True)
        ]


def covered(start: int, end: int, findings: Iterable[Finding]) -> float:
    """The share of the characters from `start` to `end` that lie in any of the findings, whatever their entity."""
    seen: set[int] = set()
    for one in findings:
        seen.update(range(max(start, one.start), min(end, one.end)))
    return len(seen) / (end - start)


def recall_report(outcomes: Iterable[Outcome], skipped: Sequence[str] = ()) -> dict[str, Any]:
    """Recall by entity with Wilson's 95 % interval, over all languages, and the same by language over all entities."""
    entities: Counter[tuple[str, str]] = Counter()
    languages: Counter[tuple[str, str]] = Counter()
    for one in outcomes:
        result = "found" if one.covered >= FOUND else "half_found" if one.covered else "missed"
        entities[one.entity, result] += 1
        languages[one.language, result] += 1
    reach = "Nothing was planted: there are no texts, or no entities that can be invented." if not entities else ""
    return {
        "entities": _by_name(entities),
        "languages": _by_name(languages),
        "not_measured": list(skipped),
        "note": reach or UPPER_BOUND,
    }


def _by_name(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, Any]]:
    return {name: _recall(counts, name) for name in sorted({name for name, _ in counts})}


def _recall(counts: Mapping[tuple[str, str], int], name: str) -> dict[str, Any]:
    found, half, missed = (counts.get((name, result), 0) for result in ("found", "half_found", "missed"))
    planted = found + half + missed
    low, high = wilson(found, planted)
    recall = round(found / planted, _DIGITS)
    return {"planted": planted, "found": found, "half_found": half, "recall": recall, "low": low, "high": high}


def recall_faults(report: Mapping[str, Any], min_recall: float) -> list[Fault]:
    """One fault for each entity whose interval begins below the gate `scrub_pii.min_recall`."""
    faults = []
    for entity, seen in report["entities"].items():
        planted, low = seen["planted"], seen["low"]
        if low >= min_recall:
            continue
        problem = f"{seen['found']} of {planted} planted values were found; the 95 % interval begins at {low:g}"
        step = "add scrub_pii.patterns or regions, take a better scrub_pii.ner, or lower the gate"
        if wilson(planted, planted)[0] < min_recall:
            step = f"so few values could not show {min_recall:g} even if all were found: raise scrub_pii.probe"
        faults.append(Fault(f"scrub_pii.min_recall {min_recall:g}: {entity}", problem, step))
    return faults


def in_batches(plants: Iterable[Plant], size: int = 256) -> Iterator[list[Plant]]:
    """The plants in lists of `size`, as work for the engine."""
    rest = iter(plants)
    while batch := list(islice(rest, size)):
        yield batch
