"""What a text's spans should be, where words of it are probably tagged wrong: whole spans, not words, are put right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stages.core.records import Span
from stages.methods.check_labels.spans.token_errors import Judged, Tagged
from stages.methods.check_labels.views import Codes, Floats

_TRIMMED = 2
"""Words that may be taken off either end of a span."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a text in doubt: what is marked in it, and what probably should be.

    `score` is the chance that its most doubtful word is tagged right.
    """

    start: int
    end: int
    given: tuple[Span, ...]
    suggested: tuple[Span, ...]
    score: float


def repaired(texts: Tagged, judged: Judged, text: int) -> tuple[Span, ...]:
    """The text's spans as they are most probably right; the same where no word is in doubt.

    A span with a doubted word gets another type, loses words at its ends, or goes, whichever is likeliest for all its
    words together. Doubted words outside join the span of their type beside them, or become a span.
    """
    own = texts.words(text)
    doubted, owners, bounds = judged.doubted[own], texts.owners[own], texts.bounds[text]
    logs = np.log(judged.chances[own])
    pieces: list[tuple[Span, int, int]] = []  # with the words, from first to last, that it has
    fresh: set[Span] = set()
    for place, span in enumerate(texts.spans[text]):
        at = np.flatnonzero(owners == place)
        if not doubted[at].any():
            pieces.append((span, int(at[0]), int(at[-1])) if len(at) else (span, -9, -9))
            continue
        kind, first, last = _likeliest(logs, int(texts.given[own][at[0]]), int(at[0]), int(at[-1]))
        if kind:
            start = span.start if first == at[0] else bounds[first][0]
            end = span.end if last == at[-1] else bounds[last][1]
            pieces.append((Span(start, end, texts.types[kind - 1]), first, last))
    for kind, first, last in _runs(np.where(doubted & (owners < 0), logs[:, 1:].argmax(axis=1) + 1, 0)):
        piece = Span(bounds[first][0], bounds[last][1], texts.types[kind - 1])
        fresh.add(piece)
        pieces.append((piece, first, last))
    return _joined(pieces, fresh)


def stretches(texts: Tagged, judged: Judged, text: int, suggested: Sequence[Span]) -> list[Stretch]:
    """Where the text's spans and the suggested ones differ, from left to right."""
    given, own = texts.spans[text], texts.words(text)
    changed = sorted({*given} ^ {*suggested}, key=lambda span: (span.start, span.end, span.label))
    found: list[Stretch] = []
    for some in _overlapping(changed):
        start, end = some[0].start, max(span.end for span in some)
        inside = [i for i, (first, last) in enumerate(texts.bounds[text]) if first < end and start < last]
        score = min((float(judged.right[own][i]) for i in inside), default=1.0)
        old, new = (tuple(span for span in some if span in spans) for spans in (given, suggested))
        found.append(Stretch(start, end, old, new, score))
    return found


def _likeliest(logs: Floats, given: int, first: int, last: int) -> tuple[int, int, int]:
    """The type (0 for none) and the words of what a span should be, by the sum of its words' logarithms of chances."""
    inside = logs[first : last + 1]
    found = {(kind, first, last): inside[:, kind].sum() for kind in range(logs.shape[1]) if kind != given}
    outside = inside[:, 0] - inside[:, given]
    whole = inside[:, given].sum()
    for left in range(_TRIMMED + 1):
        for right in range(_TRIMMED + 1):
            if 0 < left + right < len(inside):
                lost = outside[:left].sum() + outside[len(inside) - right :].sum()
                found[given, first + left, last - right] = whole + lost
    return max(found, key=lambda one: found[one])


def _runs(kinds: Codes) -> Iterator[tuple[int, int, int]]:
    """(type, first, last) of each run of words of one type other than 0."""
    edges = np.flatnonzero(np.diff(kinds, prepend=0, append=0))
    for first, after in pairwise(edges):
        if kinds[first]:
            yield int(kinds[first]), int(first), int(after) - 1


def _joined(pieces: Sequence[tuple[Span, int, int]], fresh: set[Span]) -> tuple[Span, ...]:
    """The spans in order; a fresh one is joined with one of its type whose words are right beside its own."""
    spans: list[Span] = []
    before, is_fresh = -9, False
    for span, first, last in sorted(pieces, key=lambda piece: (piece[0].start, piece[0].end)):
        beside = bool(spans) and spans[-1].label == span.label and before + 1 == first
        if beside and (is_fresh or span in fresh):
            spans[-1] = Span(spans[-1].start, span.end, span.label)
        else:
            spans.append(span)
        before, is_fresh = last, span in fresh
    return tuple(spans)


def _overlapping(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Groups of spans, sorted by their start, of which each overlaps one before it in its group."""
    some: list[Span] = []
    for span in spans:
        if some and span.start >= max(one.end for one in some):
            yield some
            some = []
        some.append(span)
    if some:
        yield some
