"""Measures of whether a text has something to learn from."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate

_WORD = re.compile(r"\w+")
_FEW_WORDS = 20


def repetition(text: str) -> float:
    """The share of the commonest word among all words, case aside; 0 for fewer than 20 words."""
    words = [word.lower() for word in _WORD.findall(text)]
    return max(Counter(words).values()) / len(words) if len(words) >= _FEW_WORDS else 0.0


def letter_share(text: str) -> float:
    """The share of letters, digits and marks (vowel signs of Indic scripts) among the characters without spaces."""
    solid = "".join(text.split())
    letters = sum(map(str.isalnum, solid))
    if not solid.isascii():
        letters += sum(unicodedata.category(char).startswith("M") for char in solid)
    return letters / len(solid) if solid else 0.0


def quantiles(counts: Mapping[int, int]) -> dict[str, int]:
    """Minimum, percentiles and maximum by the nearest rank: always one of the values. Empty for no values.

    `counts` says how often each value is there, so that a million lengths take no more memory than a thousand.
    """
    if not counts:
        return {}
    ranked = sorted(counts)
    last = list(accumulate(counts[value] for value in ranked))
    places = {"min": 0.0, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}
    return {name: ranked[bisect_right(last, round(share * (last[-1] - 1)))] for name, share in places.items()}
