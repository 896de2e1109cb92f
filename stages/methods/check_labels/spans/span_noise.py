"""How many wrong spans the check finds on this very data: some are made wrong in a shadow copy, and looked for.

Of three kinds, for the kind of error decides what can be found: `type`, another one; `missing`, the span is taken away;
`boundary`, it loses or gains a word at one end. That says nothing of how many suspects are right: only people can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.core.doubts import Mapper
from stages.core.records import Span
from stages.methods.check_labels.labels.noise_probe import FEW
from stages.methods.check_labels.recalls import recalls
from stages.methods.check_labels.spans.token_errors import Judged, Tagged, judge
from stages.methods.check_labels.views import Mask
from stages.methods.split.splitting import draw

KINDS = ("type", "missing", "boundary")


@dataclass(frozen=True, slots=True)
class Plant:
    """A wrong span: its text, its kind, and the words, from first to last, that it or the right span has."""

    text: int
    kind: str
    first: int
    last: int


def measure(
    texts: Tagged, found: Judged, ids: Sequence[str], share: float, seed: int, run: Mapper = map
) -> dict[str, Any]:
    """Recall by kind of error, with its 95 % Wilson interval, and how many errors were planted.

    Texts that are suspects already are left as they are: other spans might be the right ones. Empty where fewer than 20
    errors would be planted.
    """
    suspects = [bool(found.doubted[texts.words(text)].any()) for text in range(len(ids))]
    noisy, plants = planted(texts, ids, [0.0 if suspect else share for suspect in suspects], seed)
    if len(plants) < FEW:
        return {}
    again = judge(noisy, run)
    return recalls([one.kind for one in plants], [bool(again.doubted[_words(noisy, one)].any()) for one in plants])


def planted(texts: Tagged, ids: Sequence[str], shares: Sequence[float], seed: int) -> tuple[Tagged, list[Plant]]:
    """The same texts with a share of each one's spans made wrong, and what was done to them."""
    noisy: list[tuple[Span, ...]] = []
    plants: list[Plant] = []
    for text, (id, share) in enumerate(zip(ids, shares, strict=True)):
        spans: list[Span] = []
        free = texts.owners[texts.words(text)] < 0
        for place, span in enumerate(texts.spans[text]):
            name = f"{id}:{span.start}"
            wrong = _wrong(texts, (text, place), free, name, seed) if draw(seed, name, "label_probe") < share else None
            if wrong is None:
                spans.append(span)
            else:
                plants.append(wrong[0])
                free[wrong[0].first : wrong[0].last + 1] = False  # the next span must not gain the same word
                spans += wrong[1]
        noisy.append(tuple(spans))
    return texts.under(noisy), plants


def _wrong(texts: Tagged, which: tuple[int, int], free: Mask, name: str, seed: int) -> tuple[Plant, list[Span]] | None:
    """One span, by its text and its place, made wrong; None where its type cannot be judged, or no word is its own."""
    text, place = which
    own = texts.words(text)
    at = np.flatnonzero(texts.owners[own] == place)
    if not len(at) or texts.given[own][at[0]] < 0:
        return None
    span, bounds = texts.spans[text][place], texts.bounds[text]
    first, last = int(at[0]), int(at[-1])
    moved = _moved(first, last, free)
    others = [name for name in texts.types if name != span.label]
    kinds = [kind for kind, possible in zip(KINDS, (others, True, moved), strict=True) if possible]
    kind = _pick(kinds, seed, name, "label_noise")
    if kind == "missing":
        return Plant(text, kind, first, last), []
    if kind == "type":
        return Plant(text, kind, first, last), [Span(span.start, span.end, _pick(others, seed, name, "label_type"))]
    begin, stop = _pick(moved, seed, name, "label_bounds")
    start = span.start if begin == first else bounds[begin][0]
    end = span.end if stop == last else bounds[stop][1]
    return Plant(text, kind, min(first, begin), max(last, stop)), [Span(start, end, span.label)]


def _moved(first: int, last: int, free: Mask) -> list[tuple[int, int]]:
    """A span's first and last word with one of them moved by one."""
    found = [(first + 1, last), (first, last - 1)] if first < last else []
    found += [(first - 1, last)] if first > 0 and free[first - 1] else []
    return [*found, (first, last + 1)] if last + 1 < len(free) and free[last + 1] else found


def _pick(some: Sequence[Any], seed: int, name: str, purpose: str) -> Any:
    return some[int(draw(seed, name, purpose) * len(some))]


def _words(texts: Tagged, plant: Plant) -> slice:
    start = texts.words(plant.text).start
    return slice(start + plant.first, start + plant.last + 1)
