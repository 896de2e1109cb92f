"""Which of the errors that were planted to be looked for were found, by their kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stages.methods.audit.roc import wilson
from stages.methods.check_labels.labels.noise_probe import FEW

_DIGITS = 3


def recalls(kinds: Sequence[str], hits: Sequence[bool]) -> dict[str, dict[str, Any]]:
    """Recall by kind, in the order of their names, with its 95 % Wilson interval, of errors by kind and whether found.

    Empty for fewer than 20 errors altogether: they say too little.
    """
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted({*kinds}) if len(kinds) >= FEW else ():
        own = [hit for one, hit in zip(kinds, hits, strict=True) if one == kind]
        low, high = (round(bound, _DIGITS) for bound in wilson(sum(own), len(own)))
        recall = {"recall": round(sum(own) / len(own), _DIGITS), "recall_low": low, "recall_high": high}
        found[kind] = {"planted": len(own), "found": sum(own), **recall}
    return found
