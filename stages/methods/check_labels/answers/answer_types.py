"""What a question asks for (a number, a time, a person, a place), and whether an answer can be that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import regex

from stages.methods.check_labels.answers.answer_words import QUESTION_WORDS
from stages.methods.evaluate.text_traits import words

_DIGIT = regex.compile(r"\p{N}")
_ROMAN = regex.compile(r"\b[IVXLCDM]+\b")
_CLAUSE = 5
"""Words from which on an answer is a clause, which can tell a time without any word for one."""
Pattern: TypeAlias = "regex.Pattern[str]"


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The compiled words of one language."""

    asked: Mapping[str, Pattern]
    numbers: Pattern
    times: Pattern
    amounts: Pattern
    plain: Pattern
    fillers: Pattern


def kind_asked(question: str, language: str | None) -> tuple[str, str] | None:
    """(language, kind) by the words a question begins with; None where they ask for nothing that can be checked.

    Without a known language the first one whose words fit counts: the lists have hardly a word in common.
    """
    start = question.strip(" \t\n¿¡«»\"'").casefold()
    for code in QUESTION_WORDS if language is None else (language,):
        if code in QUESTION_WORDS:
            kinds = _patterns(code).asked.items()
            if kind := next((kind for kind, pattern in kinds if pattern.match(start)), None):
                return code, kind
    return None


def kind_missing(answer: str, language: str, kind: str) -> bool:
    """Whether an answer is surely not of the kind: no number where one is asked for, nothing but one for a person."""
    return _MISSING[kind](answer, _patterns(language))


def wording(question: str, language: str | None) -> list[str]:
    """The words by which two questions are the same: all but articles and auxiliaries."""
    found = words(question)
    if language not in QUESTION_WORDS:
        return found
    fillers = _patterns(language).fillers
    return [word for word in found if not fillers.fullmatch(word)] or found


def _no_number(answer: str, patterns: _Patterns) -> bool:
    return not (_DIGIT.search(answer) or _ROMAN.search(answer) or patterns.numbers.search(answer))


def _no_amount(answer: str, patterns: _Patterns) -> bool:
    return _no_number(answer, patterns) and not patterns.amounts.search(answer)


def _no_year(answer: str, patterns: _Patterns) -> bool:
    return _no_number(answer, patterns) and not patterns.times.search(answer)


def _no_time(answer: str, patterns: _Patterns) -> bool:
    return len(words(answer)) < _CLAUSE and _no_year(answer, patterns)


def _no_name(answer: str, patterns: _Patterns) -> bool:
    """Nothing but a number or a date."""
    numeric = all(word.isdigit() or patterns.plain.fullmatch(word) for word in words(answer))
    return numeric and _DIGIT.search(answer) is not None


_MISSING: dict[str, Callable[[str, _Patterns], bool]] = {
    "year": _no_year,
    "number": _no_amount,
    "amount": _no_amount,
    "time": _no_time,
    "person": _no_name,
    "place": _no_name,
}


@cache
def _patterns(language: str) -> _Patterns:
    some = QUESTION_WORDS[language]
    return _Patterns(
        {kind: regex.compile(rf"(?:{pattern})(?!\w)") for kind, pattern in some.asked.items()},
        numbers=regex.compile(rf"(?:{some.numbers})", regex.IGNORECASE),
        times=regex.compile(rf"\b(?:{some.times})", regex.IGNORECASE),
        amounts=regex.compile(rf"\b(?:{some.amounts})\b", regex.IGNORECASE),
        plain=regex.compile(some.plain),
        fillers=regex.compile(some.fillers),
    )
