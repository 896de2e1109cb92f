"""Edits of a text, and where the spans of that text are afterwards.

Offsets count Unicode code points (Python's `str` indices), start inclusive, end exclusive.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class TextEdit:
    """Replace `text[start:end]` by `new`; an insertion has `start == end`."""

    start: int
    end: int
    new: str


class SpanCut(Exception):
    """An edit would cut through a span; the caller must decide what happens to the record. Carries offsets only."""

    def __init__(self, span: tuple[int, int], edit: TextEdit) -> None:
        super().__init__(f"edit {edit.start}..{edit.end} cuts span {span[0]}..{span[1]}")
        self.span, self.edit = span, edit

    def __reduce__(self) -> tuple[type[SpanCut], tuple[tuple[int, int], TextEdit]]:
        return type(self), (self.span, self.edit)


def ordered(text: str, edits: Iterable[TextEdit]) -> list[TextEdit]:
    """Edits from left to right.

    Raises ValueError when one lies outside the text or two overlap: which one wins is the caller's decision.
    """
    result = sorted(edits)
    place = 0
    for edit in result:
        if not place <= edit.start <= edit.end <= len(text):
            raise ValueError(f"edit {edit.start}..{edit.end} overlaps another edit or leaves the text")
        place = edit.end
    return result


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """The text after all edits, whose offsets all refer to the text before."""
    parts: list[str] = []
    place = 0
    for edit in ordered(text, edits):
        parts += (text[place : edit.start], edit.new)
        place = edit.end
    parts.append(text[place:])
    return "".join(parts)


def move_span(span: tuple[int, int], edits: Sequence[TextEdit]) -> tuple[int, int]:
    """Where a span is after the edits (left to right, not overlapping).

    An edit before the span moves it, one inside stretches or shrinks it, one with exactly its bounds replaces it. An
    insertion at a bound stays outside. Raises SpanCut when an edit covers only a part of the span, or more than it.
    """
    start, end = span
    shift_start = shift_end = 0
    for edit in edits:
        change = len(edit.new) - (edit.end - edit.start)
        before = edit.end <= start
        after = edit.start >= end
        inside = start <= edit.start and edit.end <= end
        if before:
            shift_start += change
            shift_end += change
        elif inside and not after:
            shift_end += change
        elif not after:
            raise SpanCut(span, edit)
    return start + shift_start, end + shift_end


def edits_between(old: str, new: str) -> list[TextEdit]:
    """Edits that turn `old` into `new`, kept small so that spans elsewhere in the text survive.

    The common head and tail are set aside first. What remains is compared character by character up to 2,000
    characters (difflib is quadratic); a longer difference becomes one edit.
    """
    head = 0
    limit = min(len(old), len(new))
    while head < limit and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < limit - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    if not middle_old and not middle_new:
        return []
    if max(len(middle_old), len(middle_new)) > 2000:
        return [TextEdit(head, len(old) - tail, middle_new)]
    matcher = difflib.SequenceMatcher(None, middle_old, middle_new, autojunk=False)
    return [
        TextEdit(head + a, head + b, middle_new[c:d]) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"
    ]
