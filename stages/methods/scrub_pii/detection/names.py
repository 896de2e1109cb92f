"""Correct and complete what a model for names says of one text, by lists of names and the words around them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from stages.methods.scrub_pii.detection.casing import for_model
from stages.methods.scrub_pii.detection.findings import NER, Finding
from stages.methods.scrub_pii.detection.wordcodes import Coded, coded

_LAST = "[GgaSsUVBbPp]"  # what may be the last word of a name that has begun
_FULL = "(?:{})x?".format(
    "|".join(
        (
            f"[GB](?:[GgB]|I){{0,3}}d{{0,3}}(?:{_LAST}{{1,2}}|(?<=d)W)",  # given names or initials, a surname
            f"[ga](?:I{{0,2}}d{{0,3}}[SbB]|I+{_LAST})",  # a weak given name needs a surname or an initial
            f"g(?:[GUs]|g{{1,2}}[Ss]|g?I?d{{1,3}}{_LAST})",
            f"I{{1,3}}d{{0,2}}[SsUVBbG](?:d{{1,3}}{_LAST}|[SUb])?",  # initials
            f"UI+{_LAST}|[SU]{{1,3}}[SUb]",  # unknown words
        )
    )
)
_PERSON, _PLACE, _BODY, _GROUP = "PERSON", "LOCATION", "ORGANIZATION", "NRP"
_LINE_START, _LINE_END = r"(?<![^\n>|\-*])", r"(?![^\n])"
_PATTERNS = tuple(
    (entity, score, re.compile(pattern))
    for entity, score, pattern in (
        # a title or role before it
        (_PERSON, 0.85, rf"h\.?(d{{0,3}}[GgasSUVBbPpWA](?:[GgSsUVBbPpI]|d+(?=[GgSsUBbPp]))*x?|I+{_LAST}+)"),
        (_PERSON, 0.8, rf"H({_FULL}|[GSUBb][GgSsUBb]*|[gs](?=[v,.]))(?!L)"),
        # a name before a legal form or what bodies call themselves; "University of X"; "X, Y and Z"
        (_BODY, 0.8, r"([GgaSsUVBbPpWNAI](?:[m&f,\-]{0,2}t?[GgSsUVBbPpWNAOL]){0,4},?Q)"),
        (_BODY, 0.8, r"([GSUBbPNs][WGgSsUVBbPpNLm]{0,3}O+)(?![GSU])"),
        (_BODY, 0.8, r"(Of?t?[PUBbSN]+)"),
        (_BODY, 0.7, r"([SUVb],[SUVbsGg],?[m&][SUVbsg])"),
        # "Dear X", "my name is X", "call me X", "X: hello"
        (_PERSON, 0.85, rf"(?:c[,:]?|z[y:?]|zy:|Cw)({_FULL}|[GgSsUBb]+)(?!e)"),
        (_PERSON, 0.85, rf"({_FULL})(?![eL])"),
        # "Last, First" as an entry of a list
        (_PERSON, 0.85, r"(?<![^\n;:|0*>\-])([SUVbsg]{1,2})(?=,G[GI]{0,2}(?![^\n;:|0(]))"),
        (_PERSON, 0.85, r"(?<=[SUVbsg],)(G[GI]{0,2})(?![^\n;:|0(])"),
        (_PERSON, 0.7, rf"{_LINE_START}([USgaGs]):(?![()DP/])"),
        # "Lake X", "X County"; "in X"; "X, Country"
        (_PLACE, 0.7, r"(L[UPSb]|[UPpSsBb]{1,4}L(?!O))"),
        (_PLACE, 0.8, r"([UVbSpsPB]{1,4},P{1,4})"),
        (_PLACE, 0.8, r"0\n+[^\w\n]*([UVASbsp]+)(?=\n+[^\w\n]*[PBN])"),
        (_PLACE, 0.6, r"k([UbSBPpg])(?![eO])"),
        (_PLACE, 0.75, r"([PB]+)(?![eO])"),
        # a name alone, beside another in a list, before or after a verb of people, on a line of its own
        (_PERSON, 0.7, r"(G+)(?![eLO])"),
        (_PERSON, 0.6, r"([USVgsb])(?=[,m][GS])"),
        (_PERSON, 0.6, r"(?<=[GS][,m])([USVgsb])"),
        (_PERSON, 0.6, r"([SsbgU])v"),
        (_PERSON, 0.6, r"v([Sbg]|[SU]{1,3})(?![eLO])"),
        (_PERSON, 0.6, r"(?<=[a-zW,?])(S)(?![eLO])"),
        (_PLACE, 0.6, r"K([Ubp])(?![eOWV])"),
        (_BODY, 0.6, r"j(UV?)(?![eO])"),
        (_BODY, 0.6, rf"{_LINE_START}(U[UV]*){_LINE_END}"),
        (_GROUP, 0.8, r"(?<!k)(N)(?![OWe])"),
    )
)  # fmt: skip
_EVIDENCE = {
    _PERSON: frozenset("GgaSsUVBbPpu"),
    _PLACE: frozenset("GgSsUVBbPpu"),
    _BODY: frozenset("GgSsUVBbPpQu"),
    _GROUP: frozenset("Nu"),
}
"""Letters that a model's finding needs one of."""
_OUTSIDE = frozenset("wWtcCzykKjvmf0hHe")
"""Letters with which a person or a place neither begins nor ends."""
_PLACE_CODES = frozenset(
    re.findall(
        "..",
        "USLADCNYNJALAKAZARCACOCTDEFLGAHIILIAKSKYMDMAMIMNMSMOMTNENVNHNMNCNDOHOKPARISCSDTN"
        "TXUTVTVAWAWVWIWYBCABMBNBNSONQCSK",
    )
)
"""Of states and provinces of the United States and Canada."""
_STATUTE = re.compile(
    r"\b(Act|Law|Code|Convention|Constitution|Rules?|Article|Section|Directive|Regulation|Protocol)s?\b"
)
_PUBLIC = re.compile(
    r"\b(Courts?|Government|State|Chamber|Commission|Council|Committee|Ministry|Department|Office|Board|Agency|Parliament"
    r"|Registrar|President|Human|National|Federal|Public|Rights|Republic|Union|Party|Police|Security|Instance|Bonus)\b"
)
_EMPLOYS = re.compile(
    r"\b((works?|worked|working|employed|employment|jobs?|career|intern(ed|ing|ship)?|hired|retired) (for|at|by|from)"
    r"|join(s|ed|ing)?|(members?|leaders?|chair(man|woman|person)?|director|president|founder|manager|head|ceo) of"
    r"|(employees?|engineer|analyst|consultant|developer|lawyer|spokes(man|woman|person)) (of|at|for|with|from))"
    r"( the)? $",
    re.IGNORECASE,
)
"""Before an acronym that is a body's name; most others are illnesses, genes, currencies, or what everybody says."""
_ACTS = re.compile(
    r"(['’]s)? (said|says|announced|told|hires?|hired|fired|employs|employees?|ceo|spokes|headquarters)\b", re.I
)
_AROUND = 40  # characters
_CALENDAR = re.compile(
    r"\d{1,4}\s?[-/.]\s?\d{1,2}\b|\b(1[5-9]|20)\d\d\b|\d(st|nd|rd|th)\b|\d\s?([ap]\.?m\b|:\d\d)"
    r"|(?i:\b(jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec|mon|tues?|wednes|thurs?|fri|satur|sun)[a-z]{0,6}\b)"
)


_LISTED = "NameList"
_SURE = 0.8  # above, the lists know better than the model what a name is
_LONGEST_NAME = 5  # words
_ACRONYM = re.compile(r"[^\W\d_a-z]{3,5}")
_UNSPACED = re.compile(r"\S+")


def refined(text: str, findings: Sequence[Finding], language: str) -> list[Finding]:
    """The names of a text, from those that a model found in it (none, where there is no model).

    The model's findings lose what is no name; names that the lists and the words around them show are added.
    """
    words = coded(for_model(text, language), language)
    kept = [one for finding in findings for one in _corrected(text, finding, words)]
    return sorted({_whole(text, one) for one in _apart(text, _united(kept, _listed(words)))})


def _listed(words: Coded) -> Iterator[Finding]:
    """Names that the lists and the words around them show; the first pattern that fits at a place wins."""
    taken: set[int] = set()
    for entity, score, pattern in _PATTERNS:
        for match in pattern.finditer(words.codes):
            first, last = match.start(1), match.end(1) - 1
            if taken.isdisjoint(range(first, last + 1)):
                taken.update(range(first, last + 1))
                yield Finding(words.spans[first][0], words.spans[last][1], entity, score, _LISTED, NER)


def _corrected(text: str, finding: Finding, words: Coded) -> Iterator[Finding]:
    """What is left of a model's finding: none, or one a line, without what is no part of a name."""
    if finding.entity == "DATE_TIME":
        if _CALENDAR.search(text, finding.start, finding.end):
            yield finding
        return
    if finding.entity not in _EVIDENCE:
        yield finding
        return
    for first, last in _lines(finding, words):
        yield from _judged(text, finding, first, last, words)


def _lines(finding: Finding, words: Coded) -> Iterator[tuple[int, int]]:
    """First and one past the last of the words of a finding, line by line."""
    first = words.at(finding.start)
    end = words.at(finding.end - 1) + 1
    while first < end:
        last = words.codes.find("\n", first, end)
        last = end if last < 0 else last
        if first < last:
            yield first, last
        first = last + 1


def _judged(text: str, finding: Finding, first: int, end: int, words: Coded) -> Iterator[Finding]:
    """A finding without the words at its ends that are no names, if a name is left."""
    codes = words.codes
    outside = _OUTSIDE if finding.entity != _BODY else frozenset("wt")
    while first < end and (codes[first] in outside or not codes[first].isalpha()):
        first += 1
    while first < end and (codes[end - 1] in outside or not codes[end - 1].isalnum()):
        end -= 1
    if first >= end:
        return
    start, stop = words.spans[first][0], words.spans[end - 1][1]
    if codes[first] == "u":  # such scripts may write no spaces: what lies between two signs is more than a word
        start = max(start, finding.start)
    if codes[end - 1] == "u":
        stop = min(stop, finding.end)
    if _is_name(text[start:stop], finding.entity, first, end, words) or _is_employer(text, finding.entity, start, stop):
        yield Finding(start, stop, finding.entity, finding.score, finding.recognizer, finding.strength)


def _is_name(value: str, entity: str, first: int, end: int, words: Coded) -> bool:
    codes = words.codes[first:end]
    if words.codes[end : end + 1] == "e" or (codes in ("V", "s") and _is_doubtful(words, first)):
        return False
    if entity == _BODY:
        named = not _EVIDENCE[_BODY].isdisjoint(codes) or _is_name_of_words(
            codes, words.codes[max(0, first - 1) : first], value
        )
        return named and not _STATUTE.search(value)
    return not _EVIDENCE[entity].isdisjoint(codes) or (entity == _PLACE and value in _PLACE_CODES)


def _is_employer(text: str, entity: str, start: int, end: int) -> bool:
    """Whether the words around an acronym show that people work there or belong to it."""
    if entity != _BODY or not _ACRONYM.fullmatch(text, start, end):
        return False
    before = text[max(0, start - _AROUND) : start]
    return bool(_EMPLOYS.search(before) or _ACTS.match(text, end, end + _AROUND))


def _is_name_of_words(codes: str, before: str, value: str) -> bool:
    """Whether ordinary words with capitals are a body's name: "Rapid Cycle Solutions", but not "the Supreme Court"."""
    return codes.count("W") + codes.count("O") >= 2 and codes.isupper() and before != "t" and not _PUBLIC.search(value)


def _is_doubtful(words: Coded, at: int) -> bool:
    """Whether a word has its capital for another reason: it starts a sentence or a list's entry, or is in a heading."""
    return (
        at == 0
        or (not words.codes[at - 1].isalpha() and words.codes[at - 1] != ",")
        or words.codes[at + 1 : at + 2] in ("W", "V")
    )


def _united(kept: Sequence[Finding], listed: Iterator[Finding]) -> list[Finding]:
    """A model's finding and a listed name that overlap become one; the listed one gives the type where it is sure."""
    united: list[Finding] = []
    with_list = False  # whether the last one is listed, or united with one that is
    for one in sorted((*kept, *listed), key=lambda one: (one.start, one.end, one.recognizer == _LISTED, one.entity)):
        is_listed = one.recognizer == _LISTED
        if united and one.start < united[-1].end and (with_list or is_listed):
            united[-1], with_list = _joined(united[-1], one), True
        else:
            united.append(one)
            with_list = is_listed
    return united


def _joined(first: Finding, second: Finding) -> Finding:
    listed, other = (second, first) if second.recognizer == _LISTED else (first, second)
    sure = listed.score > _SURE and listed.recognizer == _LISTED
    entity = listed.entity if sure else first.entity if first.recognizer != _LISTED else second.entity
    return replace(other, start=first.start, end=max(first.end, second.end), entity=entity)


def _apart(text: str, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Names that follow each other again and again ("Ann Lee Ann Lee") each by itself; all others as they are."""
    group: list[Finding] = []
    for one in findings:
        if group and (one.entity != group[-1].entity or text[group[-1].end : one.start].strip(" \t") or ""):
            yield from _repeats(text, group)
            group = []
        group.append(one)
    yield from _repeats(text, group)


def _repeats(text: str, group: Sequence[Finding]) -> Sequence[Finding]:
    if not group or group[0].entity != _PERSON:
        return group
    spans = [match.span() for match in _UNSPACED.finditer(text, group[0].start, max(one.end for one in group))]
    words = [text[start:end] for start, end in spans]
    for size in range(1, min(_LONGEST_NAME, len(words) // 2) + 1):
        if len(words) > 2 and words[size:] == words[:-size]:
            names = (spans[at : at + size] for at in range(0, len(spans), size))
            return [replace(group[0], start=name[0][0], end=name[-1][1]) for name in names]
    return group


def _whole(text: str, one: Finding) -> Finding:
    """A finding that cuts no letter from the accents that follow it."""
    start, end = one.start, one.end
    while start and unicodedata.category(text[start])[0] == "M":
        start -= 1
    while end < len(text) and unicodedata.category(text[end])[0] == "M":
        end += 1
    return one if (start, end) == (one.start, one.end) else replace(one, start=start, end=end)
