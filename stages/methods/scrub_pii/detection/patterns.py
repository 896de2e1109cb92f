"""Run Presidio's recognizers over texts: the same findings as theirs, without what their findings carry along.

For each match Presidio builds an explanation and a result, copies all of them to weigh context, and needs a spaCy
document to find the words before them. Here the compiled patterns are asked directly, and words are only looked for
where a match could gain from them. A recognizer with an `analyze` of its own is asked as it is.

Dashes, blanks and full-width signs are read as those of ASCII, unless a recognizer's `plain` is False. Its method
`accepts(text, start, end)` may refuse a match for what is around it.
"""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from presidio_analyzer import PatternRecognizer
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from stages.core.errors import DataError, Fault
from stages.methods.scrub_pii.detection.findings import PATTERN, VALIDATED, Finding

_TIMEOUT = 60.0  # seconds for one pattern in one piece of text; Presidio's own limit
_BOOST, _AT_LEAST = 0.35, 0.4  # what a context word adds, and the score it makes sure of: Presidio's defaults
_WORDS = 5  # before the match, stop words aside: Presidio's default
_WORD = re.compile(r"\w+(?:['’]\w+)?")
_PHONE_DIGITS = 7
_DIGITS = re.compile(rf"\d(?:[\Wx]{{0,8}}\d){{{_PHONE_DIGITS - 1},}}")  # as many or more, and no letter between them
_BESIDE = 12  # characters around them that may belong to a number, or tell that it is none
# One sign for one sign, so that offsets stay: what typesetting, spreadsheets and other keyboards put into numbers
_PLAIN = {sign: sign - 0xFEE0 for sign in range(0xFF01, 0xFF5F)} | {0x3001: ",", 0x3002: "."}
_PLAIN |= dict.fromkeys((*range(0x2010, 0x2014), 0x2212, 0xFE63), "-") | {0xFE6B: "@"}
_PLAIN |= dict.fromkeys((0xA0, *range(0x2000, 0x200B), 0x202F, 0x3000), " ")
Match: TypeAlias = tuple[int, int, str, float, int]
"""Start, end, entity, score, strength."""


class PatternRunner:
    """Finds what recognizers find in texts of one language."""

    def __init__(self, recognizers: Sequence[Any], language: str) -> None:
        stop_words = _stop_words(language)
        self._all = [_Runner(recognizer, stop_words) for recognizer in recognizers]

    def find(self, text: str) -> list[Finding]:
        """The findings in a text; of the same recognizer and entity none within another that is as sure."""
        plain = text if text.isascii() else text.translate(_PLAIN)
        return [finding for runner in self._all for finding in runner.find(text, plain)]


class _Runner:
    """One recognizer."""

    def __init__(self, recognizer: Any, stop_words: frozenset[str]) -> None:
        self._name, self._cue = str(recognizer.name), getattr(recognizer, "cue", None)
        ours = {PatternRecognizer.analyze: _matched, PhoneRecognizer.analyze: _phoned}
        self._matches: Callable[[str], Iterable[Match]] = ours.get(type(recognizer).analyze, _analyzed)(recognizer)
        self._context = _Context(recognizer.context or (), stop_words)
        self._plain = getattr(recognizer, "plain", True)

    def find(self, raw: str, plain: str) -> Iterator[Finding]:
        text = plain if self._plain else raw
        if self._cue and not self._cue.search(text):
            return
        for start, end, entity, score, strength in _outermost(self._matches(text)):
            if score < 1 and self._context.supports(text, start):
                score = min(max(score + _BOOST, _AT_LEAST), 1.0)  # noqa: PLW2901
            yield Finding(start, end, entity, score, self._name, strength)


def _matched(recognizer: Any) -> Callable[[str], Iterator[Match]]:
    """What `PatternRecognizer.analyze` does."""
    import regex

    entity, flags = recognizer.supported_entities[0], recognizer.global_regex_flags
    cues, tail = getattr(recognizer, "cues", {}), getattr(recognizer, "tail", None)
    rules = [
        (regex.compile(one.regex, flags=flags), float(one.score), cues.get(one.name)) for one in recognizer.patterns
    ]
    accepts = getattr(recognizer, "accepts", None)

    def matches(text: str) -> Iterator[Match]:
        for pattern, score, cue in rules:
            if cue and not cue.search(text):
                continue
            for match in pattern.finditer(text, timeout=_TIMEOUT):
                sure, strength = _judged(recognizer, match[0], score)
                start, end = match.span()
                if sure > 0 and (not accepts or accepts(text, start, end)):
                    more = tail.match(text, end, timeout=_TIMEOUT) if tail else None
                    yield start, more.end() if more else end, entity, sure, strength

    def timed(text: str) -> Iterator[Match]:
        try:
            yield from matches(text)
        except TimeoutError:
            raise too_slow() from None

    return timed


def _judged(recognizer: Any, value: str, score: float) -> tuple[float, int]:
    """The score and strength of a match; 0 for one that is refused, or empty."""
    valid = recognizer.validate_result(value) if value else False
    sure = score if valid is None else float(bool(valid))
    return 0.0 if sure and recognizer.invalidate_result(value) else sure, VALIDATED if valid else PATTERN


def _phoned(recognizer: Any) -> Callable[[str], Iterator[Match]]:
    """What `PhoneRecognizer.analyze` does, for numbers of at least seven digits.

    The library's matcher looks at the stretches with so many digits alone, which costs a fraction.
    """
    from phonenumbers import PhoneNumberMatcher

    (entity,), score, accepts = recognizer.supported_entities, recognizer.SCORE, getattr(recognizer, "accepts", None)

    def matches(text: str) -> Iterator[Match]:
        for begin, stretch in _stretches(text):
            for region in recognizer.supported_regions:
                for match in PhoneNumberMatcher(
                    stretch, region, leniency=recognizer.leniency, min_candidate_length=_PHONE_DIGITS
                ):
                    start, end = begin + match.start, begin + match.end
                    if not accepts or accepts(text, start, end):
                        yield start, end, entity, score, PATTERN

    return matches


def _stretches(text: str) -> Iterator[tuple[int, str]]:
    """Where digits enough for a telephone number are, with what is beside them, each with its offset."""
    for match in _DIGITS.finditer(text):
        begin = max(match.start() - _BESIDE, 0)
        yield begin, text[begin : match.end() + _BESIDE]


def _analyzed(recognizer: Any) -> Callable[[str], Iterator[Match]]:
    """A recognizer's own `analyze`."""
    entities = recognizer.supported_entities

    def matches(text: str) -> Iterator[Match]:
        for one in recognizer.analyze(text, entities, None):
            valid = one.analysis_explanation is not None and one.analysis_explanation.validation_result is True
            yield one.start, one.end, one.entity_type, float(one.score), VALIDATED if valid else PATTERN

    return matches


def _outermost(matches: Iterable[Match]) -> Iterator[Match]:
    """Without those that lie within another of the same entity that is at least as sure, as Presidio has it."""
    ordered = sorted(matches, key=lambda match: (match[2], match[0], -match[1], -match[3], -match[4]))
    if len(ordered) < 2:
        yield from ordered
        return
    for _, same in groupby(ordered, key=lambda match: match[2]):
        kept: list[Match] = []
        for match in same:
            if not any(match[1] <= other[1] and match[3] <= other[3] for other in kept):
                kept.append(match)
        yield from kept


class _Context:
    """Words that make a match more likely when one of them stands before it."""

    def __init__(self, words: Iterable[str], stop_words: frozenset[str]) -> None:
        escaped = [re.escape(word.lower()) for word in sorted(set(words)) if word.strip()]
        self._any = re.compile(rf"(?<!\w)(?:{'|'.join(escaped)})(?!\w)") if escaped else None
        self._stop_words = stop_words

    def supports(self, text: str, start: int) -> bool:
        """Whether one of the words is among the last five before `start` that are no stop words."""
        if self._any is None:
            return False
        reach = 40
        while True:  # wider, until there are words enough
            begin = max(start - reach, 0)
            words = [*_WORD.finditer(text, begin, start)]
            if begin and words and words[0].start() == begin:
                del words[0]  # perhaps cut
            telling = [word for word in words if word[0].lower() not in self._stop_words]
            if len(telling) >= _WORDS or not begin:
                break
            reach *= 2
        if not telling:
            return False
        first = telling[-_WORDS:][0].start()
        return self._any.search(text[first:start].lower()) is not None


def _stop_words(language: str) -> frozenset[str]:
    import spacy

    place = Path(spacy.__file__).with_name("lang") / language / "stop_words.py"
    if not language.isalpha() or not place.is_file():  # not one of spaCy's languages
        return frozenset()
    # the file alone: with the tokenizer's rules, which an import brings along, French takes seconds
    return frozenset(runpy.run_path(str(place))["STOP_WORDS"])


def too_slow() -> DataError:
    """A recognizer ran out of time: the text must not pass for a clean one."""
    step = "lower ingest.max_chars, or look at what is unusual about the longest texts"
    return DataError(Fault("scrub_pii", "a recognizer ran out of time on a text", step))
