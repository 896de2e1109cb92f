"""From the certificate of a private training, and what the audit tried against it, to figures for the documents.

`data/finetune/privacy.json` is the certificate; the copy in `data/audit/privacy.json` also holds the audit's result,
and is preferred. Without either, everything here is empty: a run that was not private promises nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.document.tree import find
from stages.methods.document.wording import is_number

Recorded = Mapping[str, Mapping[str, Any]]
Figures = dict[str, Any]
_UNSHOWN = ("audit", "digests", "format")


def privacy_figures(recorded: Recorded) -> Figures:
    """The certificate, and the attacks with planted records, by the name the audit gives them."""
    report = find(recorded, "audit", "report") or {}
    return {
        "certificate": certificate(recorded),
        "planted": {name: found for name in ("canary", "exposure", "regurgitation") if (found := _told(report, name))},
    }


def certificate(recorded: Recorded) -> Figures:
    """What the training promises; empty where it was not private, or nothing is known of it."""
    found = find(recorded, "audit", "certificate") or find(recorded, "finetune", "certificate") or {}
    return {name: value for name, value in found.items() if name not in _UNSHOWN}


def _told(report: Mapping[str, Any], name: str) -> Figures:
    """What the audit reports under a name, with its sentence; empty where it was not tried."""
    numbers, sentence = report.get(name), report.get(f"{name}_sentence")
    return {**(numbers if isinstance(numbers, Mapping) else {}), "sentence": sentence} if sentence else {}


def best_guess(epsilon: float | None, delta: float | None) -> float | None:
    """How often a guess whether a unit was there is right at best, where a coin would be right half the time.

    Both kinds of error are then (1 - delta) / (1 + e^epsilon) at least (Kairouz, Oh and Viswanath 2015).
    """
    if epsilon is None or delta is None:
        return None
    return (1 + delta * math.exp(-epsilon)) / (1 + math.exp(-epsilon))


def epsilons(found: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """For whom the certificate states an epsilon, its own unit first."""
    unit = found.get("unit")
    for whom in sorted(("record", "subject"), key=lambda whom: whom != unit):
        if is_number(value := find(found, "epsilon", whom)):
            yield whom, value
