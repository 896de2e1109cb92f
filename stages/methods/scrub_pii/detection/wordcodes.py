"""Each word of a text as one letter that says what it can be, so that short patterns over letters find names.

    G B   a given name; one that is a place as well        g a   a weak one; a weak one that starts a sentence
    S s   a surname, a weak one                            P p   a place, a weak one; b a surname that is a place
    U     a capital word that ordinary text does not have  I     an initial
    N     a nationality, faith or political group          A     an acronym
    V     a capital word that ordinary text seldom has
    L O Q a noun that places, bodies, companies end with   W     any other word with a capital
    h H x a title, a role before a name, a suffix after it  d     a particle (van, de, bin)
    c z y "dear", "name", "is"; v "says"; k "in"; K "from"; j "with"; e "disease"; m "and"; f "of"; t "the"
    u     a word of a script without capitals; w any other word; 0 a number; signs stand for themselves

Weak: ordinary text has the word so often in small letters that a capital alone says little.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

from stages.methods.scrub_pii.detection.cues import capital_cues, cues
from stages.methods.scrub_pii.detection.demonyms import is_demonym
from stages.methods.scrub_pii.detection.gazetteer import (
    GIVEN,
    KNOWN_PLACE,
    PLACE,
    PLACE_STARTS,
    SURNAME,
    WEAK_GIVEN,
    WEAK_PLACE,
    WEAK_SURNAME,
    Gazetteer,
    folded,
    gazetteer,
)

_TOKEN = re.compile(
    r"(?P<word>(?:[^\W\d_]|St)(?:\.(?=\s?[^\W\d_a-z]))|[^\W\d_]LETTER*(?:['’`´\-‐‑][^\W\d_]LETTER*)*)"
    r"|[0-9][\w.,:/\-]*|\n|[^\w\s]|_".replace("LETTER", "(?:[^\\W\\d_]|[\u0300-\u036f])")  # accents may stand apart
)
_POSSESSIVE = re.compile(r"['’`´][sS]$")
_ELISION = re.compile(r"(?:[dlDL]|[Dd]ell|[Nn]ell|[Dd]all|[Aa]ll|[Ss]ull|[Qq]u)['’](?=[^\W\d_a-z])")
_JOINTS = re.compile(r"['’`´\-‐‑]")
_GLUED = re.compile(r"[\w@#/\\]")  # before or after a word: it is part of an address or a code
_STARTS = frozenset('^.!?\n"“”:;>-*•|(')
_LONGEST_PLACE = 4  # words
_LONGEST_WORD = 100  # letters
_NAMES = GIVEN | SURNAME | PLACE | WEAK_GIVEN | WEAK_SURNAME | WEAK_PLACE
_SHORT = 3  # letters: an acronym more often than a name in capitals
_POPULAR = 3  # locales
_SENTENCE_START_LIMIT = 3_000  # a weak name that starts a sentence is taken for a word above this count
_SELDOM = 3_000  # in small letters, of the 1.6 thousand million words of the English subtitles
_ACRONYM = 5
_SAINT, _GIVEN = frozenset(["st", "saint"]), frozenset("GgaB")
_LABELS = frozenset(
    [
        "author",
        "tel",
        "telef",
        "tél",
        "fax",
        "mob",
        "ref",
        "réf",
        "attn",
        "subj",
        "addr",
        "dept",
        "dob",
        "cc",
        "bcc",
        "fwd",
    ]
)
"""Of fields in forms and letters; ordinary text has them too seldom."""
_STREET = re.compile(r".+(stra(ß|ss)e|gasse|allee|platz|straat|laan|plein|gracht|gatan|vägen|gata)")
_FUNCTION_WORDS = frozenset("tmfyzd")
_PLACE_ACRONYMS = frozenset(["UAE", "UK", "USA", "USSR", "NYC"])
_TECHNICAL = re.compile(
    r".*(osis|itis|emia|aemia|omas?|pathy|plasia|uria|algia|ectomy|trophy|genesis|ology|ography|amine|azole|cillin|mycin"
    r"|statin|olol|pril|sartan|mab|nib|vir|idine|phenone|oxide|sulfate|phosphate|chloride|acid|ase|toxin|globin|zyme|gene)"
)


@dataclass(frozen=True, slots=True)
class Coded:
    """A text's words and signs as letters, each with its place in the text."""

    codes: str
    spans: tuple[tuple[int, int], ...]

    def at(self, offset: int) -> int:
        """The word or sign at an offset of the text, or the next one."""
        return bisect_right(self.spans, offset, key=lambda span: span[1])


def coded(text: str, language: str) -> Coded:
    """The words of a text as letters; languages without a list of ordinary words have no U."""
    lists = gazetteer(language)
    codes: list[str] = []
    spans: list[tuple[int, int]] = []
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        word = match[0]
        if match["word"] is None:
            code = "0" if word[0].isdigit() else word
            small = ""
        else:
            start, end = _trimmed(word, start, end)
            word = text[start:end]
            small = folded(word).removesuffix(".")
            code = _code(word, small, codes[-1] if codes else "^", lists)
            if code.isupper() and _is_glued(text, start, match.end()):
                code = "w"
        codes.append(code)
        spans.append((start, end))
        words.append(small)
    capital = [text[start].isupper() for start, _ in spans]
    return _with_places(Coded("".join(codes), tuple(spans)), words, capital, lists)


def _trimmed(word: str, start: int, end: int) -> tuple[int, int]:
    if match := _POSSESSIVE.search(word):
        end -= len(match[0])
    if match := _ELISION.match(word):
        start += len(match[0])
    return start, end


def _is_glued(text: str, start: int, end: int) -> bool:
    """Whether a word is a part of an e-mail address, a URL, a handle or a code."""
    before, after = text[start - 1 : start], text[end : end + 2]
    if before and before in "@#/\\_.=" and not (before == "." and text[start - 2 : start - 1].isupper()):
        return True
    return after[:1] in ("@", "_", "\\", "=") or (
        after[:1] in (".", "/") and after[1:].isalnum() and after[1:].islower()
    )


def _code(word: str, small: str, before: str, lists: Gazetteer) -> str:
    if not word[0].isupper():
        return _small_code(word, small)
    if len(word) > _LONGEST_WORD:
        return "w"
    if len(word) == 1 or (len(word) == 2 and word[1] == "."):
        return "I" if word not in ("I", "A") or before in "GgaSsUBbI" else "w"
    return (
        _cue_code(small, before)
        or _name_code(word, small, before in _STARTS, lists)
        or _other_code(word, small, before, lists)
    )


def _small_code(word: str, small: str) -> str:
    if code := cues().get(small):
        return code
    if small in _SMALL_HONORIFICS:
        return "h"
    return "N" if is_demonym(small, capital=False) else "w" if word[0].islower() else "u"


def _cue_code(small: str, before: str) -> str:
    """The code of a word with a capital that says something of its neighbours; none for others."""
    if small in _SAINT and before in _GIVEN:
        return "d"
    if small in _LABELS or _STREET.fullmatch(small):
        return "W"
    if code := capital_cues().get(small):
        return code
    if (code := cues().get(small)) and code in _FUNCTION_WORDS:
        return code
    return "N" if is_demonym(small, capital=True) else ""


_SMALL_HONORIFICS = frozenset(["mr", "mrs", "ms", "dr", "prof"])


def _name_code(word: str, small: str, starts: bool, lists: Gazetteer) -> str:
    """The code of a word on a list of names; none for others."""
    if word in _PLACE_ACRONYMS:
        return "P"
    bits = lists.kinds(small) or (_of_parts(small, lists) if "-" in small else 0)
    if not bits & _NAMES or (word.isupper() and len(word) <= _SHORT and not bits & KNOWN_PLACE):
        return ""
    if strong := _strong_code(small, bits, starts, lists):
        return strong
    if starts and lists.count(small) > _SENTENCE_START_LIMIT and not bits & KNOWN_PLACE:
        return "a" if bits & WEAK_GIVEN else ""
    return "g" if bits & (GIVEN | WEAK_GIVEN) else "s" if bits & (SURNAME | WEAK_SURNAME) else "p"


def _strong_code(small: str, bits: int, starts: bool, lists: Gazetteer) -> str:
    """The code of a word that is a name wherever it has a capital; none for others."""
    known, count = bits & PLACE and bits & KNOWN_PLACE, lists.count(small)
    if lists.nouns_have_capitals and not known and (count or not bits & GIVEN):
        return ""
    if bits & GIVEN and not (starts and count and lists.popularity(small) < _POPULAR):
        return "B" if known else "G"
    if known:
        return "P"
    if bits & SURNAME:
        return "b" if bits & (PLACE | WEAK_PLACE) else "S"
    if bits & PLACE and not (starts and count):
        return "b" if bits & WEAK_SURNAME else "P"
    return ""


def _of_parts(small: str, lists: Gazetteer) -> int:
    """The bits of Anna-Maria, or Smith-Jones: the first part's, where both parts are on lists."""
    bits = [lists.kinds(part) or lists.kinds(part.rpartition("'")[2]) for part in small.split("-")]
    return bits[0] if all(bits) else 0


def _other_code(word: str, small: str, before: str, lists: Gazetteer) -> str:
    if code := cues().get(small):
        return code if code in "cjkKvmftzyd" else "W"
    if word.isupper() and len(word) <= _ACRONYM:
        return "A"
    if not lists.counts or _TECHNICAL.fullmatch(small):
        return "W"
    if unicodedata.name(word[0], "").startswith("LATIN") != lists.is_latin:
        # The list of ordinary words has none of this script; among words of the language's own, it is a name.
        return "U" if before.isalpha() and before != "u" else "u"
    count = _ordinary(small, lists)
    return "U" if not count else "V" if count < _SELDOM else "W"


def _ordinary(small: str, lists: Gazetteer) -> int:
    """How often ordinary text has the word, or its most common part, in small letters."""
    joined = _JOINTS.split(small) if not small.isalpha() else ()
    parts = (small, small.removesuffix("s"), *(part for part in joined if len(part) > 1))
    return max(lists.count(part) for part in parts)


def _with_places(plain: Coded, words: list[str], capital: list[bool], lists: Gazetteer) -> Coded:
    """The same, where the words of a place that has several are one letter P, and repeated names are kept apart."""
    codes: list[str] = []
    spans: list[tuple[int, int]] = []
    at = 0
    name_start = 0
    while at < len(words):
        if _is_repeated(words, capital, at, name_start):
            name_start = at
            codes.append("·")
            spans.append((plain.spans[at][0],) * 2)
        length = 1
        if capital[at] and lists.kinds(words[at]) & PLACE_STARTS:
            length = _place_length(words, capital, at, lists)
        codes.append("P" if length > 1 else plain.codes[at])
        spans.append((plain.spans[at][0], plain.spans[at + length - 1][1]))
        at += length
    return Coded("".join(codes), tuple(spans))


def _is_repeated(words: list[str], capital: list[bool], at: int, start: int) -> bool:
    """Whether a name that is said again begins: "Ann Lee Ann Lee"."""
    for length in range(2, min(_LONGEST_PLACE, at - start) + 1):
        before = slice(at - length, at)
        if (
            words[at]
            and words[at] == words[at - length]
            and capital[at]
            and all(words[before])
            and all(capital[before])
        ):
            return True
    return False


def _place_length(words: list[str], capital: list[bool], at: int, lists: Gazetteer) -> int:
    for length in range(min(_LONGEST_PLACE, len(words) - at), 1, -1):
        some = words[at : at + length]
        if capital[at + length - 1] and all(some) and lists.is_place(" ".join(some).replace("-", " ")):
            return length
    return 1
