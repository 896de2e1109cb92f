"""Apply what reviewers decided about single values to the findings in a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from stages.core.decisions import PiiDecisions
from stages.core.keys import Keys
from stages.methods.scrub_pii.detection.findings import PATTERN, VALIDATED, Finding, normalised

RECOGNIZER = "ReviewDecision"
"""Stands in the findings that a reviewer asked for."""
_WORD = re.compile(r"\S+")
_POSSESSIVE = re.compile(r"['’][sS]\Z")


def value_name(entity: str, value: str) -> str:
    """A found value as it is hashed: equal for equal entities and values that differ in case and spacing only."""
    return f"{entity}|{normalised(value)}"


def value_hash(keys: Keys, source: str, entity: str, value: str) -> str:
    """The keyed hash by which events and decisions name a value: 32 hex digits."""
    return keys.hash("pii-value", source, value_name(entity, value))[:32]


def decided(
    text: str, findings: Iterable[Finding], hash_of: Callable[[str], str], decisions: PiiDecisions
) -> tuple[list[Finding], list[Finding]]:
    """The findings to act on, and those that a reviewer allowed; both sorted.

    First a wrong type is corrected, then what is allowed leaves, with all that lies inside it, then denied values are
    added. `hash_of` gives the keyed hash of a `value_name`, for the record's source. Nothing is hashed for an entity
    that nobody decided about.
    """
    if not decisions:
        return sorted(findings), []
    known = cache(hash_of)
    typed = [_retyped(text, one, known, decisions) for one in findings]
    free = [one for one in typed if _is_allowed(text, one, known, decisions)]
    wanted: list[Finding] = []
    spared: list[Finding] = []
    for one in typed:
        inside = any(value.start <= one.start and one.end <= value.end for value in free)
        (spared if inside else wanted).append(one)
    return sorted(_with_denied(wanted, _denied(text, known, decisions))), sorted(spared)


def _with_denied(findings: Sequence[Finding], denied: Iterable[Finding]) -> list[Finding]:
    """Findings and denied values; what a recognizer found itself stays its own finding, and is trusted as much."""
    missing = {_place(one): one for one in denied}
    sure = [replace(one, strength=VALIDATED) if _place(one) in missing else one for one in findings]
    for one in findings:
        missing.pop(_place(one), None)
    return [*sure, *missing.values()]


def _place(one: Finding) -> tuple[int, int, str]:
    return one.start, one.end, one.entity


def _retyped(text: str, one: Finding, hash_of: Callable[[str], str], decisions: PiiDecisions) -> Finding:
    """The finding under its right entity. A decision about that entity is followed in turn, but never in a circle."""
    value, seen = text[one.start : one.end], {one.entity}
    while types := decisions.types.get(one.entity):
        to = types.get(hash_of(value_name(one.entity, value)))
        if to is None or to in seen:
            break
        seen.add(to)
        one = replace(one, entity=to, strength=PATTERN)
    return one


def _is_allowed(text: str, one: Finding, hash_of: Callable[[str], str], decisions: PiiDecisions) -> bool:
    allowed = decisions.allowed.get(one.entity)
    return allowed is not None and hash_of(value_name(one.entity, text[one.start : one.end])) in allowed


def _denied(text: str, hash_of: Callable[[str], str], decisions: PiiDecisions) -> Iterator[Finding]:
    for words, by_entity in decisions.denied.items():
        for start, end in runs(text, words):
            for entity, values in by_entity.items():
                if hash_of(value_name(entity, text[start:end])) in values:
                    yield Finding(start, end, entity, 1.0, RECOGNIZER, VALIDATED)


def runs(text: str, words: int) -> Iterator[tuple[int, int]]:
    """Where each run of so many words stands, left to right: words by white space, without the signs around the run.

    A run that ends in a possessive (`Anna's`) comes without its ending as well.
    """
    found = [(match.start(), *_edges(match[0])) for match in _WORD.finditer(text)]
    for (place, start, inside), (last_place, last_start, end) in zip(found, found[words - 1 :], strict=False):
        if start < inside and last_start < end:  # no run begins or ends in mere signs
            yield place + start, last_place + end
            if ending := _POSSESSIVE.search(text, place + start + 1, last_place + end):
                yield place + start, ending.start()


def trimmed(value: str) -> str:
    """A value without the signs and spaces around it, as `runs` finds it; empty where there is nothing else."""
    start, end = _edges(value)
    return value[start:end]


def _edges(word: str) -> tuple[int, int]:
    """Where the letters and digits of a word begin and end."""
    start, end = 0, len(word)
    while start < end and _is_sign(word[start]):
        start += 1
    while end > start and _is_sign(word[end - 1]):
        end -= 1
    return start, end


def _is_sign(character: str) -> bool:
    """Neither a letter, a digit, nor a mark that belongs to the letter before it (accents, Indic vowels)."""
    return not character.isalnum() and not unicodedata.category(character).startswith("M")
