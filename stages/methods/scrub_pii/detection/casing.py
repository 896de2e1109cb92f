"""Text whose case is broken (all capitals, all small letters) as a model for names expects it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from stages.methods.scrub_pii.detection.cues import cues
from stages.methods.scrub_pii.detection.demonyms import is_demonym
from stages.methods.scrub_pii.detection.gazetteer import (
    GIVEN,
    KNOWN_PLACE,
    PLACE,
    PLACE_STARTS,
    SURNAME,
    Gazetteer,
    folded,
    gazetteer,
)

_LINE = re.compile(r"[^\n]+")
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f])*(?:['’][^\W\d_](?:[^\W\d_]|[\u0300-\u036f])*)*")
_POSSESSIVE = re.compile(r"['’]s$")
_SENTENCE_END = frozenset(".!?")
_GLUED = frozenset("@#/\\_=")
_MIN_CAPITALS = 8  # letters in a line that is read as all capitals; shorter ones may be a code or a heading
_CAPITALS_SHARE = 0.8
_ACRONYM = 3  # letters
_MAX_SURNAME = 1_500  # times that subtitles have it in small letters; above, it is more often a word
_POPULAR = 6  # locales; so common a given name is a name in small letters too
_TITLES = frozenset(["mr", "mrs", "ms", "dr", "prof", "miss", "named"])
_CUE_STARTS, _CUE_ENDS = frozenset(["name", "call", "calls", "called"]), frozenset(["is", "me", "him", "her"])
_LISTED = 2  # locales; other given names are too often words or slips of the pen
_LONGEST_PLACE = 3  # words
_NOT_IN_SMALL = """
frank jade heather max rosemary daisy amber august iris fanny roman glen valentine robin carol marina constance
serena margarita chelsea jasmine sandy jean bella florence lee ina ali
mercedes norma viola luna mona dana jules stella
acre saga bimbo derby sari indie como gent bade garland ascension mesa riverside perm aurora costa sierra batman
erode centurion ganja woodlands tamale manta chihuahua cypress phoenix commonwealth lincoln turkey china
"""
"""Names that small letters make a word."""


def for_model(text: str, language: str = "en") -> str:
    """The text in a case from which names can be told; as long as the given one, sign by sign.

    Lines in capitals get small letters but for names and unknown words; in small letters, known names get a capital:
    popular ones everywhere, the others only in a text without any capital.
    """
    lists = gazetteer(language)
    small = text.islower()
    return _LINE.sub(lambda line: "".join(_recased(line[0], small, lists)), text)


def _recased(line: str, small: bool, lists: Gazetteer) -> Iterator[str]:
    """A line's words and what is between them."""
    capitals = _is_capitals(line)
    words = list(_WORD.finditer(line))
    end, named, cued, place_until = 0, False, False, 0
    for index, match in enumerate(words):
        start, word = match.start(), match[0]
        yield line[end:start]
        end = match.end()
        if _is_glued(line, start, end) or not (capitals or word[0].islower()):
            named, cued = bool(lists.kinds(folded(word)) & GIVEN), _is_cue(words, index)
            yield word
            continue
        small_word = _POSSESSIVE.sub("", folded(word))
        if index >= place_until:
            place_until = index + _place_words(words, index, lists)
        if capitals:
            name = index < place_until or _is_name_in_capitals(small_word, named, lists)
            yield word if name and len(word) <= _ACRONYM and not lists.kinds(small_word) else _cased(word, name)
        else:
            name = index < place_until or _is_name_in_small(small_word, named, cued, small, lists)
            yield (_cased(word, True) if name or (small and (_starts_sentence(line, start))) else word)
        cued = _is_cue(words, index)
        named = name
    yield line[end:]


def _starts_sentence(line: str, at: int) -> bool:
    before = line[max(0, at - 4) : at]
    return not before.strip() or (before[-1].isspace() and before.rstrip()[-1] in _SENTENCE_END)


def _is_cue(words: list[re.Match[str]], index: int) -> bool:
    """Whether a name follows: after "my name is", "call me", "mr"."""
    two = [word[0].casefold() for word in words[max(0, index - 1) : index + 1]]
    return two[-1] in _TITLES or (len(two) > 1 and two[0] in _CUE_STARTS and two[1] in _CUE_ENDS)


def _is_capitals(line: str) -> bool:
    if line.islower():
        return False
    letters = sum(map(str.isalpha, line))
    return letters >= _MIN_CAPITALS and " " in line and sum(map(str.isupper, line)) >= _CAPITALS_SHARE * letters


@lru_cache(maxsize=1)
def _not_in_small() -> frozenset[str]:
    return frozenset(_NOT_IN_SMALL.split())


def _is_glued(line: str, start: int, end: int) -> bool:
    before, after = line[start - 1 : start], line[end : end + 2]
    if not ((before and before in _GLUED) or (after and after[0] in _GLUED)):
        return after[:1] == "." and after[1:].isalnum()
    return True


def _is_name_in_capitals(word: str, named: bool, lists: Gazetteer) -> bool:
    bits = lists.kinds(word)
    if bits & (GIVEN | SURNAME | PLACE) or (named and bits & ~PLACE_STARTS):
        return True
    return is_demonym(word, capital=True) or (bool(lists.counts) and not lists.count(word) and word not in cues())


def _is_name_in_small(word: str, named: bool, cued: bool, small: bool, lists: Gazetteer) -> bool:
    bits, count = lists.kinds(word), lists.count(word)
    if word in _not_in_small() and not named:
        return False
    if bits & GIVEN and lists.popularity(word) >= (_LISTED if small and not count else _POPULAR):
        return True
    if (bits & PLACE and bits & KNOWN_PLACE) or is_demonym(word, capital=False):
        return True
    if named and bits & (SURNAME | GIVEN) and count < _MAX_SURNAME:
        return True
    return cued and len(word) > _ACRONYM and count < _MAX_SURNAME


def _place_words(words: list[re.Match[str]], index: int, lists: Gazetteer) -> int:
    """How many words, from this one on, are a known place of several."""
    if not lists.kinds(words[index][0].casefold()) & PLACE_STARTS:
        return 0
    for length in range(_LONGEST_PLACE, 1, -1):
        phrase = " ".join(folded(word[0]) for word in words[index : index + length])
        if lists.is_well_known(phrase):
            return length
    return 0


def _cased(word: str, capital: bool) -> str:
    """The word in small letters, with or without a capital; unchanged where that would change its length."""
    new = word[0].upper() + word[1:].lower() if capital else word.lower()
    return new if len(new) == len(word) else word
