"""What the recognizers here are made of: a pattern with its score, and words as a part of one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from presidio_analyzer import Pattern, PatternRecognizer

Rule = tuple[str, str, float]
r"""Name, pattern and score. What a `\K` in the pattern follows must stand there, and is no part of the finding."""


ASCII = r"A-Za-z\d_"
"""A sign of a word, within a set, where a word of another script may stand beside it without a space."""


def rule(name: str, score: float, *parts: str) -> Rule:
    """A rule whose pattern is given in parts."""
    return name, "".join(parts), score


class RuleRecognizer(PatternRecognizer):  # type: ignore[misc]
    """Patterns of one entity in which case counts, unless they say otherwise.

    `cue` is found in every text in which a pattern is; whoever runs the patterns can skip a text without one. `cues`
    are the same for single rules, by name. What `tail` matches directly behind a finding belongs to it: a part of all
    patterns that is compiled once.
    """

    cue: ClassVar[re.Pattern[str] | None] = None
    cues: ClassVar[Mapping[str, Any]] = {}
    tail: ClassVar[Any] = None
    multiline: ClassVar[bool] = True
    plain: ClassVar[bool] = True  # all dashes, blanks and full-width signs are read as those of ASCII

    def accepts(self, text: str, start: int, end: int) -> bool:  # noqa: ARG002
        """Whether what a rule found is taken, for all that is around it."""
        return True

    def __init__(
        self, entity: str, language: str, rules: Iterable[Rule], context: Sequence[str] = (), name: str | None = None
    ) -> None:
        # in the pattern, not as a flag: Presidio tries each pattern without flags, and compiling takes time
        start = "(?m)" if self.multiline else ""
        patterns = [Pattern(label, start + regex, score) for label, regex, score in rules]
        settings: dict[str, Any] = {"supported_language": language, "name": name or type(self).__name__}
        super().__init__(entity, patterns=patterns, context=list(context), global_regex_flags=0, **settings)


def any_of(words: Iterable[str], depth: int = 4) -> str:
    """A pattern for one of the words, which may be patterns themselves; the longest first.

    Words with the same first letters are put together: most places in a text fail at the first letter, at once.
    """
    groups: dict[str, list[str]] = {}
    for word in sorted(set(words), key=lambda word: (-len(word), word)):
        alone = not depth or not word[0].isalpha() or word[1:2] in ("?", "*", "{", "+")
        groups.setdefault(word if alone else word[0], []).append(word)
    parts = []
    for start, some in groups.items():
        rest = [word[len(start) :] for word in some if word != start]
        more = any_of(rest, depth - 1) if rest else ""
        parts.append(start + more + ("?" if rest and start in some else ""))
    return f"(?:{'|'.join(parts)})"


def letters(words: Iterable[str]) -> str:
    """A look ahead at a first letter of one of the words, in either case: to fail fast where none begins."""
    found = {sign for word in words for sign in (word[0].lower(), word[0].upper())}
    return f"(?=[{re.escape(''.join(sorted(found)))}])"


class WordCue:
    """Whether a text has one of some words, whatever their case; patterns count by their first word, which is plain."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(match[0] for word in words if (match := _WORD.match(word.lower())))

    def search(self, text: str) -> bool:
        """Whether one of them is there."""
        return not self._words.isdisjoint(_words(text))


_WORD = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=1)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def split(words: str) -> list[str]:
    """The words of a list written with bars."""
    return words.split("|")
