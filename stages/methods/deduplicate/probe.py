"""Probes: near-duplicates that are made up to be looked for, and the share of them that is found."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from stages.methods.audit.roc import wilson

Draw: TypeAlias = Callable[[], float]

_WORD = re.compile(r"(\w+)")
_LOOKS_ONLY = 0.1
"""Share of the probes in which case and spaces change alone."""
_SPREAD = 20
"""How many times as high the highest rate of changed words is as the lowest."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BINS = 20
_DIGITS = 6


def mutate(text: str, name: str, ngram: int = 5) -> str:
    """A near-duplicate of a text, always the same for the same text and name (the record's id, say).

    Words are replaced, dropped, followed by a new one or swapped with the next, at a rate drawn log-uniformly. One
    change costs both texts up to `ngram` shingles, so rates up to 1 / (4 ngram) spread similarities from about 0.6 to
    1. Where chance spares all words the last one is replaced, which costs one shingle. New words come from the text or
    are made up. Some probes change case and spaces alone.
    """
    # Of a seeded generator only `random()` is promised to give the same numbers in every version of Python.
    draw = random.Random(hashlib.sha256(f"probe:{name}".encode()).digest()).random
    if draw() < _LOOKS_ONLY:
        return re.sub(r"\s+", "  ", text.swapcase())
    parts = _WORD.split(text)  # words at the odd places
    words = parts[1::2]
    rate = _SPREAD ** -draw() / (4 * ngram)
    chosen = [place for place in range(1, len(parts), 2) if draw() < rate]
    for place in chosen:
        _change(parts, place, words, draw)
    if words and not chosen:
        parts[-2] = _new_word(words, draw)
    return "".join(parts)


def _change(parts: list[str], place: int, words: Sequence[str], draw: Draw) -> None:
    """Replace the word at a place, drop it, add one behind it, or swap it with the next."""
    kind = int(4 * draw())
    if kind == 0:
        parts[place] = _new_word(words, draw)
    elif kind == 1:
        parts[place] = ""
    elif kind == 2 or place + 2 >= len(parts):
        parts[place] += " " + _new_word(words, draw)
    else:
        parts[place], parts[place + 2] = parts[place + 2], parts[place]


def _new_word(words: Sequence[str], draw: Draw) -> str:
    """A word of the text, or four to nine letters."""
    if draw() < 0.5:
        return words[int(draw() * len(words))]
    return "".join(_LETTERS[int(draw() * len(_LETTERS))] for _ in range(4 + int(6 * draw())))


def recall_by_similarity(outcomes: Iterable[tuple[float, bool]], threshold: float) -> dict[str, Any]:
    """How much of what was planted is found, from (true similarity, whether it was found) of each pair; fit for JSON.

    `pairs` counts those at or above the threshold; `recall` is the share of them that was found, with Wilson's 95 %
    interval, and `missed` the rest (both null without pairs). `by_similarity` says the same by bins of 0.05, named by
    their lower edge, with equal texts apart as `1.00`; the threshold's bin holds what lies above the threshold. A pair
    below it must not be `removed`.
    """
    seen = list(outcomes)
    above = [(similarity, found) for similarity, found in seen if similarity >= threshold]
    below = [found for similarity, found in seen if similarity < threshold]
    bins: dict[str, list[bool]] = {_edge(i): [] for i in range(_bin(threshold), _BINS + 1)}
    for similarity, found in above:
        bins[_edge(_bin(similarity))].append(found)
    return {
        **_recall([found for _, found in above]),
        "by_similarity": {edge: _recall(found) for edge, found in bins.items()},
        "below_threshold": {"pairs": len(below), "removed": sum(below)},
    }


def _recall(found: Sequence[bool]) -> dict[str, Any]:
    """Pairs, how many of them were found, and the share; null, and anything between 0 and 1, where there are none."""
    hits, pairs = sum(found), len(found)
    low, high = wilson(hits, pairs) if pairs else (0.0, 1.0)
    recall = round(hits / pairs, _DIGITS) if pairs else None
    missed = round(1 - hits / pairs, _DIGITS) if pairs else None
    shares = {"recall": recall, "recall_low": low, "recall_high": high, "missed": missed}
    return {"pairs": pairs, "found": hits, **shares}


def _bin(similarity: float) -> int:
    """The bin of a similarity; equal texts have their own."""
    return min(int(similarity * _BINS + 1e-9), _BINS)


def _edge(number: int) -> str:
    return f"{number / _BINS:.2f}"
