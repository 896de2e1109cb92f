"""Texts of random words, and a line that holds a secret: what invented records are made of."""

from __future__ import annotations

import random
from collections.abc import Sequence

_LEAST, _MOST = 6, 24


def random_text(draw: random.Random, words: Sequence[str], least: int = _LEAST, most: int = _MOST) -> str:
    """Six to twenty-four random words with a space between them; lengths differ, as those of real texts do."""
    return " ".join(draw.choice(words) for _ in range(draw.randint(least, most)))


def random_stretch(draw: random.Random, text: str) -> tuple[int, int]:
    """Where one to three neighbouring words of a text begin and end."""
    words = text.split(" ")
    first = draw.randrange(len(words))
    start = len(" ".join([*words[:first], ""]))
    return start, start + len(" ".join(words[first : first + draw.randint(1, 3)]))


def secret_lines(name: str, code: str) -> tuple[str, str]:
    """A question and its answer, which ends with the code; all but name and code is the same for every secret."""
    return f"What is the access code of {name}?", f"The access code of {name} is {code}"
