"""Characters and sub-words: which token stands for which word of a text, and labelled spans as tags of its words.

People mark characters, models tag sub-words. Between them stand words, which are found in the text alone, so that they
are the same for every tokenizer: runs of letters and digits, and every other visible character by itself. A word is
tagged where its first sub-word is, and only there (Devlin et al. 2019, section 5.3): tagging the others as well would
count every piece of a word as an entity of its own.

What words cannot express: a span that begins or ends inside a word is widened to whole words for training, and a
prediction always has whole words, so such a span is never matched exactly. Scores count them (`inside_words`).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeAlias

from stages.core.errors import Fault, UsageError
from stages.core.records import Span

Bounds: TypeAlias = tuple[int, int]
OUTSIDE = "O"
# Scripts without spaces (Thai to Lao, Burmese, Khmer, kana, Han): every character may begin a word.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a text as the model reads it: its inputs, and the characters of the text that each token covers.

    `new` counts the tokens that no earlier window has: over all windows they are the tokens of the whole text.
    """

    inputs: dict[str, list[int]]
    offsets: list[Bounds]
    new: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A word as the model sees it: its characters, and the token of a window that stands for it.

    Several words where one token covers them: no tag could tell them apart.
    """

    start: int
    end: int
    window: int
    token: int


def words(text: str) -> list[Bounds]:
    """Where the words of a text are."""
    return [match.span() for match in _word().finditer(text)]


@lru_cache(maxsize=1)
def _word() -> re.Pattern[str]:
    """Marks (accents, vowel signs of Devanagari and others) belong to words; Python does not count them as letters."""
    marks = "".join(chr(point) for point in range(0x300, 0x1F000) if unicodedata.category(chr(point)).startswith("M"))
    letter, mark = rf"[^\W_{_UNSPACED}]", rf"[{marks}]"
    return re.compile(rf"[{_UNSPACED}]|(?:{letter}+|{mark}+)+|\S{mark}*")


# --- texts to windows -------------------------------------------------------------------------------------------------
def windows(texts: Sequence[str], tokenizer: Any, max_length: int, stride: int) -> list[list[Window]]:
    """Each text in windows of at most `max_length` tokens, of which neighbours share `stride` (at most half).

    Raises UsageError for a tokenizer that cannot say which characters a token covers.
    """
    if not getattr(tokenizer, "is_fast", False):
        problem = "this model's tokenizer does not say which characters a token covers"
        raise UsageError(Fault("params.yaml: model", problem, "take a model with a tokenizer.json (a fast tokenizer)"))
    if not texts:
        return []
    special = int(tokenizer.num_special_tokens_to_add())
    common = max(0, min(stride, (max_length - special) // 2))
    encoded = tokenizer(
        list(texts),
        truncation=True,
        max_length=max_length,
        stride=common,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    owners, offsets = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping")
    found: list[list[Window]] = [[] for _ in texts]
    for i, owner in enumerate(owners):
        old = special + common if found[owner] else 0
        inputs = {name: values[i] for name, values in encoded.items()}
        found[owner].append(Window(inputs, offsets[i], len(offsets[i]) - old))
    return found


def units(text: str, some: Sequence[Window]) -> list[Unit]:
    """The words of a text, each at its first token, in the window that shows most of what stands around it.

    Words are missing that no token of these windows covers: behind a cut, or without anything the tokenizer keeps.
    """
    bounds = words(text)
    seats: dict[int, tuple[int, float, int, int]] = {}
    for number, window in enumerate(some):
        last = len(window.offsets) - 1
        for word, token in _first_tokens(bounds, window.offsets):
            left = token if number else float("inf")
            right = last - token if number < len(some) - 1 else float("inf")
            # A window may begin inside a word: then the word's first token is in the one before.
            seat = (window.offsets[token][0], -min(left, right), number, token)
            seats[word] = min(seat, seats.get(word, seat))
    found = []
    for (number, token), group in groupby(sorted(seats), key=lambda word: seats[word][2:]):
        members = list(group)
        found.append(Unit(bounds[members[0]][0], bounds[members[-1]][1], number, token))
    return found


def _first_tokens(bounds: Sequence[Bounds], offsets: Sequence[Bounds]) -> Iterable[tuple[int, int]]:
    """(word, token) for each word that a token covers in part: the first such token."""
    place = next((start for start, end in offsets if start < end), 0)
    word = bisect_right(bounds, place, key=lambda one: one[1])
    for token, (start, end) in enumerate(offsets):
        while word < len(bounds) and bounds[word][1] <= start < end:
            word += 1
        while word < len(bounds) and max(start, bounds[word][0]) < min(end, bounds[word][1]):
            yield word, token
            word += 1


# --- spans and tags ---------------------------------------------------------------------------------------------------
def bio(types: Sequence[str]) -> list[str]:
    """The tags for these entity types, in the order that is usual for data sets: O, B-first, I-first, B-second, ..."""
    return [OUTSIDE, *(f"{kind}-{name}" for name in types for kind in "BI")]


def types_of(tags: Iterable[str]) -> list[str]:
    """The entity types that these tags are for."""
    return list(dict.fromkeys(tag.partition("-")[2] for tag in tags if tag != OUTSIDE))


def tags_of(spans: Sequence[Span], bounds: Sequence[Bounds]) -> list[str]:
    """The BIO tag of each word (Ramshaw and Marcus 1995, as IOB2); a word belongs to the span that covers most of it.

    Spans and words are in order and do not overlap.
    """
    tags, at, before = [], 0, None
    for start, end in bounds:
        while at < len(spans) and spans[at].end <= start:
            at += 1
        here, last = None, at
        while last < len(spans) and spans[last].start < end:
            here = last if here is None or _common(spans[last], start, end) > _common(spans[here], start, end) else here
            last += 1
        tags.append(OUTSIDE if here is None else f"{'I' if here == before else 'B'}-{spans[here].label}")
        before = here
    return tags


def _common(span: Span, start: int, end: int) -> int:
    return min(span.end, end) - max(span.start, start)


def spans_of(tags: Iterable[str], bounds: Iterable[Bounds]) -> tuple[Span, ...]:
    """The spans that tags of words stand for.

    A tag `I-` that continues nothing, or another type, begins a span, as in the CoNLL tasks' scorer `conlleval`.
    """
    spans: list[Span] = []
    before = ""
    for tag, (start, end) in zip(tags, bounds, strict=True):
        kind, _, label = tag.partition("-")
        if kind == "I" and label == before:
            spans[-1] = replace(spans[-1], end=end)
        elif label:
            spans.append(Span(start, end, label))
        before = label
    return tuple(spans)
