"""Where a model is weaker: its accuracy on parts of the test rows, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stages.methods.audit.roc import difference, proportion

_BANDS = ((0.6, "below 0.6"), (0.8, "0.6 to 0.8"), (float("inf"), "0.8 and above"))
_LENGTHS = ("short", "middle", "long")


@dataclass(frozen=True, slots=True)
class Scored:
    """A test row: was the model right, and the facts that it can be sliced by. `length` counts characters."""

    correct: bool
    label: str
    source: str
    language: str | None
    confidence: float | None
    length: int


def slices(rows: Sequence[Scored], least: int) -> dict[str, dict[str, Any]]:
    """Accuracy by slice (`source: tweets`), with Wilson's 95 % interval and the number of rows.

    `weaker` marks slices that do worse than the other rows together, by the whole 95 % interval of the difference
    (Newcombe's); of 40 slices alike in truth, one is marked by chance. Left out are slices with
    fewer than `least` rows, and those that hold all rows.
    """
    found: dict[str, dict[str, Any]] = {}
    for dimension, names in _dimensions(rows).items():
        for name in dict.fromkeys(sorted(names, key=_order)):
            inside = [row.correct for row, own in zip(rows, names, strict=True) if own == name]
            outside = [row.correct for row, own in zip(rows, names, strict=True) if own != name]
            if len(inside) >= least and outside:
                share = proportion(inside)
                found[f"{dimension}: {name}"] = {
                    "accuracy": share.value,
                    "accuracy_low": share.low,
                    "accuracy_high": share.high,
                    "rows": len(inside),
                    "weaker": difference(share, proportion(outside)).high < 0,
                }
    return found


def _dimensions(rows: Sequence[Scored]) -> dict[str, list[str]]:
    """The slice of each row, by dimension."""
    lengths = sorted(row.length for row in rows)
    cuts = [lengths[len(lengths) * third // 3] for third in (1, 2)]
    return {
        "source": [row.source for row in rows],
        "length": [_LENGTHS[sum(row.length >= cut for cut in cuts)] for row in rows],
        "language": [row.language or "unknown" for row in rows],
        "agreement": [_band(row.confidence) for row in rows],
        "label": [row.label for row in rows],
    }


def _band(confidence: float | None) -> str:
    if confidence is None:
        return "unknown"
    return next(name for bound, name in _BANDS if confidence < bound)


def _order(name: str) -> tuple[int, str]:
    """Bands and lengths in their own order, all else by name."""
    own = [*_LENGTHS, *(band for _, band in _BANDS)]
    return (own.index(name) if name in own else len(own), name)


def reliability(confidences: Sequence[float], correct: Sequence[bool], bins: int = 15) -> list[dict[str, float]]:
    """How often answers given with about the same confidence are right: equal bins, empty ones left out."""
    places = [min(int(confidence * bins), bins - 1) for confidence in confidences]
    found = []
    for place in sorted(set(places)):
        inside = [i for i, own in enumerate(places) if own == place]
        share = proportion([correct[i] for i in inside])
        found.append(
            {
                "low": round(place / bins, 6),
                "high": round((place + 1) / bins, 6),
                "confidence": round(sum(confidences[i] for i in inside) / len(inside), 6),
                "accuracy": share.value,
                "accuracy_low": share.low,
                "accuracy_high": share.high,
                "count": len(inside),
            }
        )
    return found
