"""Doubts in the words in which people are told of them, in a file as on a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stages.core.records import Evidence
from stages.methods.check_labels.reasons import DATA_REASONS, LABEL_REASONS
from stages.methods.document.wording import is_number, number, percent, words

_MEANINGS = {**LABEL_REASONS, **DATA_REASONS}
_SHOWN = ("given", "suggested", "rank", "reserved", "score", "stretches")  # these have places of their own
_SHARES = {
    "self_confidence": "chance that the models give this label",
    "neighbours_agree": "of the most similar records have this label",
    "overlap": "of the words and word pairs are the same",
}
_NAMES = {
    "margin": "margin to the next best label, from 0 (far behind it) to 1 (far before it)",
    "similarity": "similarity of the embeddings",
    "of": "to compare with",
    "with": "to compare with",
    "other": "is the label there",
    "count": "places in doubt",
}


def meaning(code: str) -> str:
    """What the code of a doubt says."""
    return _MEANINGS.get(code, words(code))


def figures(evidence: Evidence) -> list[tuple[str, str]]:
    """Evidence as pairs of a value and what it is."""
    found = []
    for name, value in evidence.items():
        if name in _SHARES and is_number(value):
            found.append((percent(value, 0), _SHARES[name]))
        elif name not in _SHOWN and value not in (None, "", [], ()):
            found.append((_plain(value), _NAMES.get(name) or words(name)))
    return found


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_plain, value))
    return number(value) if is_number(value) else str(value)
