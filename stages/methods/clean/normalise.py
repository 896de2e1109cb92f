"""Repair and tidy a text by small edits, so that label spans elsewhere in it stay where they are.

The steps, in order: mojibake (ftfy), comments and tags and entities of HTML, boilerplate, NFC, invisible characters,
white space. They are repeated until nothing changes, since one can make work for another (`&am<b></b>p;`): a text that
is given out is a fixed point, and cleaning it again changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stages.core.records import Answer, Record, Span
from stages.core.spans import SpanCut, TextEdit
from stages.methods.clean.markup import entity_edits, markup_edits
from stages.methods.clean.small_edits import edits_by_word, trimmed

MAX_ROUNDS = 8
"""Rounds after which a text is given up: only markup nested on purpose takes more than three."""

# Soft hyphens, fillers, direction marks, zero-width spaces, tag characters, byte order marks, U+FFFC and U+FFFD.
# ZWNJ and ZWJ (U+200C, U+200D) shape Persian, Indic scripts and emoji, so they only go beside Latin, spaces and ends.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\uffff\U000e0000-\U000e007f]+"
    "|(?<![^\\s\0-\u024f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\\s\0-\u024f])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]+")
_SPACE = re.compile(r"\s{2,}|[^\S \n]|\A\s|\s\Z")  # all but a single space or line break inside the text
_BREAK = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028]|\u2029")
_WORD = re.compile(r"\S+")


class Unsettled(Exception):
    """A text kept changing; carries no text."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What `normalise` does beside the Unicode steps. `boilerplate` are regular expressions; case does not matter."""

    fix_encoding: bool = True
    strip_html: bool = True
    boilerplate: tuple[str, ...] = ()


def normalise(record: Record, rules: Rules) -> tuple[Record, Counter[str]]:
    """The record with clean texts, and the number of edits of each step that did something.

    Raises SpanCut when an edit would cut a span or leave nothing of it, Unsettled after `MAX_ROUNDS` rounds.
    """
    fired: Counter[str] = Counter()
    for _ in range(MAX_ROUNDS):
        before, texts = record, record.texts()
        for name, step in steps(rules):
            edits = {path: some for path, text in texts.items() if (some := step(text))}
            if edits:
                record = record.with_edits(edits)
                texts = record.texts()
                fired[name] += sum(map(len, edits.values()))
        if record is before:
            return record, fired
        _refuse_emptied(before, record)
    raise Unsettled


Step = Callable[[str], list[TextEdit]]


@lru_cache(maxsize=8)
def steps(rules: Rules) -> tuple[tuple[str, Step], ...]:
    """The steps that the rules ask for, in order, by name."""
    found: list[tuple[str, Step]] = []
    if rules.fix_encoding:
        found.append(("encoding", encoding_edits))
    if rules.strip_html:
        found += [("markup", markup_edits), ("entities", entity_edits)]
    if rules.boilerplate:
        patterns = [re.compile(pattern, re.IGNORECASE) for pattern in rules.boilerplate]
        found.append(("boilerplate", lambda text: boilerplate_edits(text, patterns)))
    return (*found, ("nfc", nfc_edits), ("invisible", invisible_edits), ("whitespace", whitespace_edits))


def encoding_edits(text: str) -> list[TextEdit]:
    """Mojibake repaired line by line (ftfy, Speer 2019), C1 characters read as cp1252, terminal escapes removed.

    Typography stays: quotes, ligatures and full-width characters are not mistakes.
    """
    if text.isascii() and "\x1b" not in text:
        return []
    import ftfy

    fixed = ftfy.fix_text(text, _ftfy_config())
    return edits_by_word(text, fixed) if fixed != text else []


@lru_cache(maxsize=1)
def _ftfy_config() -> object:
    import ftfy

    return ftfy.TextFixerConfig(
        unescape_html=False, fix_latin_ligatures=False, fix_character_width=False, uncurl_quotes=False,
        fix_line_breaks=False, fix_surrogates=False, remove_control_chars=False, normalization=None, explain=False,
    )  # fmt: skip


def boilerplate_edits(text: str, patterns: Sequence[re.Pattern[str]]) -> list[TextEdit]:
    """Cut what the patterns find; of overlapping findings the first pattern's goes first, the rest next round."""
    edits: list[TextEdit] = []
    for match in (match for pattern in patterns for match in pattern.finditer(text)):
        start, end = match.span()
        if start < end and all(end <= edit.start or edit.end <= start for edit in edits):
            edits.append(TextEdit(start, end, ""))
    return edits


def nfc_edits(text: str) -> list[TextEdit]:
    """Unicode's canonical composition (UAX #15), word by word: no composition reaches over white space."""
    if unicodedata.is_normalized("NFC", text):
        return []
    return [
        edit
        for word in _WORD.finditer(text)
        for edit in trimmed(text, word.start(), word.end(), unicodedata.normalize("NFC", word[0]))
    ]


def invisible_edits(text: str) -> list[TextEdit]:
    """Remove control characters, what has no width, and U+FFFD, the trace of a byte that was lost."""
    patterns = (_CONTROL,) if text.isascii() else (_CONTROL, _INVISIBLE)
    found = sorted({match.span() for pattern in patterns for match in pattern.finditer(text)})
    return [TextEdit(start, end, "") for start, end in found]


def whitespace_edits(text: str) -> list[TextEdit]:
    """A run of white space becomes a space, a line break if it holds one, a paragraph if more; at the ends nothing."""
    return [edit for match in _SPACE.finditer(text) for edit in _collapse(text, match)]


def _collapse(text: str, match: re.Match[str]) -> Iterator[TextEdit]:
    start, end = match.span()
    breaks = sum(2 if found[0] == "\u2029" else 1 for found in _BREAK.finditer(match[0]))
    outside = start == 0 or end == len(text)
    yield from trimmed(text, start, end, "" if outside else "\n" * min(breaks, 2) or " ")


def _refuse_emptied(before: Record, after: Record) -> None:
    """A span of which nothing is left was cut, though from the inside."""
    for column in after.schema.of_kind("spans", "answers"):
        for old, new in zip(before.values[column.name] or (), after.values[column.name] or (), strict=True):
            start, end = _bounds(old)
            if start < end and len(set(_bounds(new))) == 1:
                raise SpanCut((start, end), TextEdit(start, end, ""))


def _bounds(part: Span | Answer) -> tuple[int, int]:
    return part.start, part.end if isinstance(part, Span) else part.start + len(part.text)
