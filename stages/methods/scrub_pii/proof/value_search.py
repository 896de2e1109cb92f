"""Search texts for values that were detected, and replaced, anywhere in the corpus."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

Stretches: TypeAlias = Sequence[tuple[int, int]]

_WEAK = frozenset({"TITLE", "AGE", "NRP", "ORGANIZATION", "LOCATION", "POSTAL_CODE", "DATE_TIME"})
"""Their values are ordinary words and numbers elsewhere, and prove nothing there."""
_IN_WORDS = frozenset({"PERSON", "STREET_ADDRESS", "EMAIL_ADDRESS", "URL", "SOCIAL_HANDLE", "IP_ADDRESS"})
"""Their values are compared word by word; other identifiers as one row of letters and digits, however it is cut."""
# A mark that belongs to the word before it (U+0300 to U+036F) is no word character; an @ tells a handle from a word
_WORD = re.compile(r"[@＠]?[\w\u0300-\u036f]+")
_HEAD = 5  # characters of a value that are looked up first; shorter values are in any text by chance
_LEAST_DIGITS = 7  # in a number without letters: shorter ones are amounts and years, too
_LOOSE = 2  # signs between two groups of one number, e.g. `) ` in a telephone number


def search_key(entity: str, value: str) -> tuple[bool, str] | None:
    """The form in which a value is searched for, and whether it is compared in words; None when it is too common.

    Left out, because they would be found in ordinary text: names of one word (or one word and initials), entities that
    are no identifiers (titles, ages, groups, organisations, places, postal codes, dates), a URL without a path, numbers
    of fewer than 7 digits, and anything below 5 characters.
    """
    if entity in _WEAK:
        return None
    words = [word for word, _, _ in _words(value)]
    in_words = entity in _IN_WORDS or not any(map(str.isdigit, value))
    key = (" " if in_words else "").join(words)
    too_few = key.isdigit() and len(key) < _LEAST_DIGITS
    if len(key) < _HEAD or too_few or not _identifies(entity, value, words):
        return None
    return in_words, key


def _identifies(entity: str, value: str, words: Sequence[str]) -> bool:
    if entity == "PERSON":
        return sum(len(word) > 1 for word in words) > 1
    if entity == "URL":
        return "/" in value.partition("://")[2 if "://" in value else 0].strip("/")
    if entity == "STREET_ADDRESS":
        return len(words) > 1 and any(map(str.isdigit, value))
    return True


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Each word in NFKC, case folded, and its place in the text."""
    for found in _WORD.finditer(text):
        word = found[0]
        yield word.lower() if word.isascii() else _folded(word), *found.span()


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())


class _Index:
    """Values that are looked up at every word of a text: by their first characters, then by the lengths these have."""

    def __init__(self, between: str) -> None:
        self._between = between
        self._entities: dict[str, str] = {}
        self._lengths: dict[str, tuple[int, ...]] = {}

    def add(self, key: str, entity: str) -> None:
        """Add a value; one that is of several entities counts for the first by name."""
        self._entities[key] = min(entity, self._entities.get(key, entity))
        lengths = self._lengths.get(key[:_HEAD], ())
        if len(key) not in lengths:
            self._lengths[key[:_HEAD]] = tuple(sorted((*lengths, len(key)), reverse=True))

    def __len__(self) -> int:
        return len(self._entities)

    def hits(self, words: Sequence[tuple[str, int, int]]) -> Iterator[tuple[int, int, str]]:
        """Whole-word occurrences, left to right, the longest at each place, none within another."""
        if not self._entities:
            return
        joined = self._between.join(word for word, _, _ in words)
        at, ends, behind = 0, {}, 0
        starts = []
        for number, (word, _, _) in enumerate(words):
            starts.append(at)
            ends[at + len(word)] = number
            at += len(word) + len(self._between)
        for number, start in enumerate(starts):
            lengths = self._lengths.get(joined[start : start + _HEAD]) if number >= behind else None
            for length in lengths or ():
                last = ends.get(start + length)
                key = joined[start : start + length]
                if last is not None and key in self._entities and (self._between or _close(words[number : last + 1])):
                    yield words[number][1], words[last][2], self._entities[key]
                    behind = last + 1
                    break


def _close(words: Sequence[tuple[str, int, int]]) -> bool:
    """Whether the groups of a number stand as close as groups of one number do."""
    return all(after[1] - before[2] <= _LOOSE for before, after in pairwise(words))


class ValueSearch:
    """Looks in texts for values that were detected, and replaced, anywhere; see `search_key` for those left out.

    Compared in NFKC with case folded, as whole words whatever stands between them (a number's groups at most 2 signs
    apart), in time that grows with the text and not with the number of values (one look-up a word). It holds the
    values: it may travel to worker processes, and must not be written anywhere.
    """

    def __init__(self, values: Iterable[tuple[str, str]] = ()) -> None:
        self._in_words, self._in_signs = _Index(" "), _Index("")
        for entity, value in values:
            self.add(entity, value)

    def add(self, entity: str, value: str) -> None:
        """Add a value, unless it is too common to be searched for."""
        if found := search_key(entity, value):
            in_words, key = found
            (self._in_words if in_words else self._in_signs).add(key, entity)

    def __len__(self) -> int:
        """Distinct values that are searched for."""
        return len(self._in_words) + len(self._in_signs)

    def hits(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and entity of each occurrence."""
        words = list(_words(text))
        return sorted([*self._in_words.hits(words), *self._in_signs.hits(words)])

    def search(self, text: str, replaced: Stretches = ()) -> Counter[str]:
        """Occurrences by entity, but for those wholly inside what a surrogate or a tag occupies now."""
        inside = Within(replaced, text)
        return Counter(entity for start, end, entity in self.hits(text) if not inside.holds(start, end))


class Within:
    """Stretches of a text that do not overlap, in any order; those with only space and punctuation between are one.

    A first and a last name that were replaced one by one are one stretch of invented text.
    """

    def __init__(self, stretches: Stretches, text: str) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(stretches):
            if self._ends and not any(map(str.isalnum, text[self._ends[-1] : start])):
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._starts.append(start)
                self._ends.append(end)

    def holds(self, start: int, end: int) -> bool:
        """Whether one of them holds all of `start` to `end`."""
        place = bisect_right(self._starts, start) - 1
        return place >= 0 and end <= self._ends[place]

    def touches(self, start: int, end: int) -> bool:
        """Whether one of them overlaps `start` to `end`."""
        place = bisect_right(self._starts, end - 1) - 1
        return place >= 0 and start < self._ends[place]
