"""Measures of whether a text has something to learn from."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_WORD = re.compile(r"\w+")
_FEW_WORDS = 20


def repetition(text: str) -> float:
    """The share of the commonest word among all words, case aside; 0 for fewer than 20 words."""
    words = [word.lower() for word in _WORD.findall(text)]
    return max(Counter(words).values()) / len(words) if len(words) >= _FEW_WORDS else 0.0


def letter_share(text: str) -> float:
    """The share of letters, digits and marks (vowel signs of Indic scripts) among the characters without spaces."""
    solid = [char for char in text if not char.isspace()]
    letters = sum(char.isalnum() or unicodedata.category(char).startswith("M") for char in solid)
    return letters / len(solid) if solid else 0.0


def quantiles(values: list[int]) -> dict[str, int]:
    """Minimum, percentiles and maximum by the nearest rank: always one of the values. Empty for no values."""
    if not values:
        return {}
    ranked = sorted(values)
    places = {"min": 0.0, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}
    return {name: ranked[round(share * (len(ranked) - 1))] for name, share in places.items()}
