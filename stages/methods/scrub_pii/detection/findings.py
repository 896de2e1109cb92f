"""A finding of personal data, and how values are compared."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

NER, PATTERN, VALIDATED = 0, 1, 2
"""How much a finding's type can be trusted: a statistical model, a pattern, a pattern with its checksum or suffix."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Personal data at `text[start:end]`; score 0..1, `strength` one of NER, PATTERN, VALIDATED."""

    start: int
    end: int
    entity: str
    score: float
    recognizer: str
    strength: int


def normalised(value: str) -> str:
    """A value as it is compared and hashed: NFKC, case folded, white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
