"""The user's own identifiers, and values that are always personal data."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import regex

from stages.core.errors import Fault, UsageError
from stages.core.params.pii import PiiPattern
from stages.methods.scrub_pii.detection.checksums import CHECKSUMS
from stages.methods.scrub_pii.detection.recognizers.rules import RuleRecognizer

# approximate matching (`(?:abc){e<=1}`) and POSIX classes (`[[:alpha:]]`): for `re`, plain signs
_READ_OTHERWISE = re.compile(r"(?<!\\)\{[^{}]*[eids][^{}]*\}|\[:\^?\w+:\]")


class CustomRecognizer(RuleRecognizer):
    """A pattern of `scrub_pii.patterns`; with a checksum, only what passes it is found."""

    multiline, plain = False, False

    def __init__(self, pattern: PiiPattern, language: str, name: str) -> None:
        super().__init__(pattern.entity, language, [("own", pattern.regex, pattern.score)], pattern.context, name)
        self._holds = CHECKSUMS[pattern.checksum] if pattern.checksum else None

    def validate_result(self, pattern_text: str) -> bool | None:
        """Whether the check digit holds; undecided without one."""
        return self._holds(pattern_text) if self._holds else None


class DeniedRecognizer(RuleRecognizer):
    """Values that are always personal data: whole words, whatever their case and the white space in them."""

    plain = False

    def __init__(self, entity: str, values: Collection[str], language: str) -> None:
        longest_first = sorted({" ".join(value.split()) for value in values}, key=lambda value: (-len(value), value))
        parts = "|".join(r"\s+".join(re.escape(word) for word in value.split()) for value in longest_first)
        rule = ("denied", rf"(?i)(?<!\w)(?:{parts})(?!\w)", 1.0)
        super().__init__(entity, language, [rule], name=f"DeniedRecognizer:{entity}")

    def validate_result(self, pattern_text: str) -> bool | None:
        """True: somebody knows."""
        return bool(pattern_text)


def custom_recognizers(
    patterns: Sequence[PiiPattern], deny: Mapping[str, Sequence[str]], language: str
) -> list[RuleRecognizer]:
    """One recognizer a pattern, named by its entity and place, and one for each entity with denied values.

    Raises UsageError for patterns that `regex`, which can stop one that takes too long, reads otherwise than `re`.
    """
    if faults := [fault for one in patterns for fault in _faults(one)]:
        raise UsageError(*faults)
    own = [CustomRecognizer(one, language, f"CustomRecognizer:{one.entity}:{n}") for n, one in enumerate(patterns, 1)]
    return [*own, *(DeniedRecognizer(entity, values, language) for entity, values in sorted(deny.items()) if values)]


def _faults(pattern: PiiPattern) -> Iterator[Fault]:
    step = "write it with what Python's `re` and the package `regex` both know"
    try:
        regex.compile(pattern.regex)
    except (regex.error, OverflowError, RecursionError) as error:
        yield Fault("scrub_pii.patterns", f"{pattern.entity}: not a pattern for `regex` ({error})", step)
        return
    if _READ_OTHERWISE.search(pattern.regex):
        yield Fault("scrub_pii.patterns", f"{pattern.entity}: `regex` reads a part of it otherwise than `re`", step)
