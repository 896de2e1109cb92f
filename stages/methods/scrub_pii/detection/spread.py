"""Find a name that was found once in a record at all its other places."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from stages.methods.scrub_pii.detection.cues import capital_cues, cues
from stages.methods.scrub_pii.detection.findings import NER, Finding
from stages.methods.scrub_pii.detection.gazetteer import GIVEN, Gazetteer, folded, gazetteer

_LETTER = "(?:[^\\W\\d_]|[\u0300-\u036f])"  # accents may stand apart
_WORD = re.compile(rf"[^\W\d_]{_LETTER}*(?:['’\-‐‑][^\W\d_]{_LETTER}*)*")
_POSSESSIVE = re.compile(r"['’][sS]$")
_BETWEEN = re.compile(r"\.?[ \t\u00a0]{1,2}|\n|-")  # between two words of one name
_SENTENCE_END = frozenset('.!?:;\n"“”•>')
_MIN_LETTERS = 3  # shorter words are too often words
_ORDINARY = 3_000  # times in small letters: an ordinary word, no name by itself
_EVERYDAY = 500_000  # times in small letters: too common to be looked for as a part of a name
_BODY_CODES = frozenset("OQ")
_MIN_INFLECTED = 5  # letters of "Smiths"


@dataclass(slots=True)
class _Names:
    """Names of a record: whole, by their words; and the words that stand for a person alone."""

    lists: Gazetteer
    whole: dict[tuple[str, ...], Finding] = field(default_factory=dict)
    lengths: dict[str, set[int]] = field(default_factory=dict)  # in words, by the first
    parts: dict[str, Finding] = field(default_factory=dict)
    initials: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    text: str
    folded: str


def spread_names(
    texts: Mapping[str, str], found: Mapping[str, Sequence[Finding]], language: str = "en"
) -> dict[str, list[Finding]]:
    """The findings by text, with every further whole-word occurrence of the names found in any of the texts.

    A model that knows a name in one sentence misses it in the next. Persons are found in all their parts (the surname
    alone, with initials, in capitals, with a possessive), organizations and places as a whole. Parts that are ordinary
    words of the language (ISO 639-1) count only where a capital inside a sentence says that they are names. What a
    model alone takes for an organization stays where it was found: too often that is an illness, a drug or a term.
    """
    names = _names(texts, found, gazetteer(language))
    spread: dict[str, list[Finding]] = {}
    for path, some in found.items():
        known = sorted(some)
        more = _occurrences(texts[path], names) if names.whole else ()
        spread[path] = sorted([*known, *_not_in(more, known)])
    return spread


def _names(texts: Mapping[str, str], found: Mapping[str, Sequence[Finding]], lists: Gazetteer) -> _Names:
    names = _Names(lists)
    for path, some in found.items():
        for one in some:
            if one.entity in ("PERSON", "LOCATION", "ORGANIZATION"):
                words = _words(texts[path][one.start : one.end])
                if one.entity != "ORGANIZATION" or _is_body(words, one):
                    _add_whole(names, words, one)
                if one.entity == "PERSON":
                    _add_parts(names, words, one)
    return names


def _is_body(words: Sequence[_Word], one: Finding) -> bool:
    """Whether more than a model says so: a pattern, the lists, a word of bodies ("Ltd", "Bank"), or all capitals."""
    if one.strength != NER or one.recognizer == "NameList" or (len(words) == 1 and words[0].text.isupper()):
        return True
    return any(capital_cues().get(word.folded) in _BODY_CODES for word in words)


def _add_whole(names: _Names, words: Sequence[_Word], one: Finding) -> None:
    name = tuple(word.folded for word in words)
    if name and (len(name) > 1 or _stands_alone(words[0], names.lists)):
        names.whole.setdefault(name, one)
        names.lengths.setdefault(name[0], set()).add(len(name))


def _stands_alone(word: _Word, lists: Gazetteer) -> bool:
    """Whether a name's only word may be found elsewhere: no small letters, no ordinary word."""
    return len(word.text) >= _MIN_LETTERS and lists.count(word.folded) < _ORDINARY and not word.text.islower()


def _add_parts(names: _Names, words: Sequence[_Word], one: Finding) -> None:
    for word in words:
        names.initials.add(word.folded[0])
        special = word.folded in capital_cues() or word.folded in cues() or names.lists.count(word.folded) > _EVERYDAY
        if len(word.text) >= _MIN_LETTERS and not special and (len(words) > 1 or _stands_alone(word, names.lists)):
            names.parts.setdefault(word.folded, one)


def _words(text: str) -> list[_Word]:
    words = []
    for match in _WORD.finditer(text):
        value = _POSSESSIVE.sub("", match[0])
        words.append(_Word(match.start(), match.start() + len(value), value, folded(value)))
    return words


def _occurrences(text: str, names: _Names) -> Iterator[Finding]:
    words = _words(text)
    small = text.islower()
    at = 0
    while at < len(words):
        one, length = _whole_name(text, words, at, names, small)
        if one is None:
            one, length = _parts_of_name(text, words, at, names, small)
        if one is not None:
            start = _with_initials(text, words, at, names) if one.entity == "PERSON" else words[at].start
            yield replace(one, start=start, end=words[at + length - 1].end, recognizer="NameSpread")
        at += length


def _whole_name(text: str, words: Sequence[_Word], at: int, names: _Names, small: bool) -> tuple[Finding | None, int]:
    for length in sorted(names.lengths.get(words[at].folded, ()), reverse=True):
        here = words[at : at + length]
        one = names.whole.get(tuple(word.folded for word in here))
        if one is not None and _is_joined(text, here):
            capital = here[0].text[0].isupper() and here[-1].text[0].isupper()
            given = names.lists.kinds(here[0].folded) & GIVEN
            if capital or small or (length > 1 and given):
                return one, len(here)
    return None, 1


def _parts_of_name(
    text: str, words: Sequence[_Word], at: int, names: _Names, small: bool
) -> tuple[Finding | None, int]:
    length = 0
    while at + length < len(words) and _is_part(text, words, at + length, names, small):
        if length and not _is_joined(text, words[at + length - 1 : at + length + 1]):
            break
        length += 1
    return (_part(words[at], names), length) if length else (None, 1)


def _part(word: _Word, names: _Names) -> Finding | None:
    """The name that a word is a part of, also with a plural or genitive s."""
    if (one := names.parts.get(word.folded)) or len(word.folded) < _MIN_INFLECTED:
        return one
    return names.parts.get(word.folded.removesuffix("s"))


def _is_part(text: str, words: Sequence[_Word], at: int, names: _Names, small: bool) -> bool:
    word = words[at]
    if _part(word, names) is None:
        return False
    ordinary = names.lists.count(word.folded) >= _ORDINARY
    if small or not word.text[0].isupper():
        return small and not ordinary
    if not ordinary:
        return True
    before = text[: word.start].rstrip()[-1:] if at == 0 else text[words[at - 1].end : word.start].strip()[-1:]
    starts = before in _SENTENCE_END if before else at == 0
    return not starts and not word.text.isupper() and words[at - 1].folded != "the"


def _is_joined(text: str, words: Sequence[_Word]) -> bool:
    return all(_BETWEEN.fullmatch(text, one.end, two.start) for one, two in pairwise(words))


def _with_initials(text: str, words: Sequence[_Word], at: int, names: _Names) -> int:
    """Where a name starts with the initials before it: "J. R. Smith"."""
    while at > 0:
        before = words[at - 1]
        joined = _BETWEEN.fullmatch(text, before.end, words[at].start) or text[before.end : words[at].start] == "."
        if len(before.text) > 1 or not before.text.isupper() or before.folded not in names.initials or not joined:
            break
        at -= 1
    return words[at].start


def _not_in(more: Iterator[Finding] | tuple[()], known: Sequence[Finding]) -> Iterator[Finding]:
    """Those that no known finding covers."""
    furthest: list[int] = []
    for one in known:
        furthest.append(max(one.end, furthest[-1] if furthest else 0))
    starts = [one.start for one in known]
    for one in more:
        before = bisect_right(starts, one.start)
        if not before or furthest[before - 1] < one.end:
            yield one
