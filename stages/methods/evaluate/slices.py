"""Where a model is weaker: the quality of its answers on parts of the test rows, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.core.task import Metric
from stages.methods.audit.roc import difference, flat, proportion

_BANDS = ((0.6, "below 0.6"), (0.8, "0.6 to 0.8"), (float("inf"), "0.8 and above"))
_LENGTHS = ("short", "middle", "long")


@dataclass(frozen=True, slots=True)
class Scored:
    """A test row: how good the answer is, 0 to 1, and what it can be sliced by. `length` counts characters.

    `classes` are its label and the groups it belongs to, by the name of each.
    """

    quality: float
    source: str
    language: str | None
    confidence: float | None
    length: int
    classes: Mapping[str, str] = field(default_factory=dict)


def mean_quality(values: Sequence[float]) -> Metric:
    """The mean with its 95 % interval: Wilson's for right or wrong, else the normal one within 0 and 1."""
    if all(value in (0.0, 1.0) for value in values):
        return proportion([value == 1.0 for value in values])
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    half = 1.959964 * math.sqrt(spread / len(values))
    return Metric(round(mean, 6), round(max(0.0, mean - half), 6), round(min(1.0, mean + half), 6))


def slices(rows: Sequence[Scored], least: int, measure: str) -> dict[str, dict[str, Any]]:
    """The mean quality by slice (`source: tweets`) under the name `measure`, its 95 % interval, and the rows.

    `weaker` marks slices that do worse than the other rows together, by the whole 95 % interval of the difference
    (Newcombe's); of 40 slices alike in truth, one is marked by chance. Left out are slices with
    fewer than `least` rows, and those that hold all rows.
    """
    found: dict[str, dict[str, Any]] = {}
    for dimension, names in _dimensions(rows).items():
        for name in dict.fromkeys(sorted(names, key=_order)):
            inside = [row.quality for row, own in zip(rows, names, strict=True) if own == name]
            outside = [row.quality for row, own in zip(rows, names, strict=True) if own != name]
            if len(inside) >= least and outside:
                share = mean_quality(inside)
                found[f"{dimension}: {name}"] = {
                    **flat({measure: share}),
                    "rows": len(inside),
                    "weaker": difference(share, mean_quality(outside)).high < 0,
                }
    return found


def _dimensions(rows: Sequence[Scored]) -> dict[str, list[str]]:
    """The slice of each row, by dimension."""
    lengths = sorted(row.length for row in rows)
    named = sorted({name for row in rows for name in row.classes})
    cuts = [lengths[len(lengths) * third // 3] for third in (1, 2)]
    return {
        "source": [row.source for row in rows],
        "length": [_LENGTHS[sum(row.length >= cut for cut in cuts)] for row in rows],
        "language": [row.language or "unknown" for row in rows],
        "agreement": [_band(row.confidence) for row in rows],
        **{name: [row.classes.get(name, "unknown") for row in rows] for name in named},
    }


def _band(confidence: float | None) -> str:
    if confidence is None:
        return "unknown"
    return next(name for bound, name in _BANDS if confidence < bound)


def _order(name: str) -> tuple[int, str]:
    """Bands and lengths in their own order, all else by name."""
    own = [*_LENGTHS, *(band for _, band in _BANDS)]
    return (own.index(name) if name in own else len(own), name)


def reliability(confidences: Sequence[float], correct: Sequence[float], bins: int = 15) -> list[dict[str, float]]:
    """How often, or how far, answers of about the same confidence are right: equal bins, empty ones left out."""
    places = [min(int(confidence * bins), bins - 1) for confidence in confidences]
    found = []
    for place in sorted(set(places)):
        inside = [i for i, own in enumerate(places) if own == place]
        share = mean_quality([float(correct[i]) for i in inside])
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
