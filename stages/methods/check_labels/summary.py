"""What the label check says of the whole set: where suspects lie, what became of them, and what annotators thought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stages.core.params import CheckLabelsParams
from stages.methods.audit.roc import auc

_LOW_AGREEMENT = 0.6
_DIGITS = 6


class Labelled(Protocol):
    """A record with a label, checked or not."""

    @property
    def label(self) -> str:
        """The label."""
        ...


class Suspicion(Protocol):
    """What is expected instead of a label in doubt."""

    @property
    def suggested(self) -> str:
        """The label that both views prefer together."""
        ...

    @property
    def reserved(self) -> bool:
        """Whether the split will put the record in test."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """A record whose label was checked; a low margin (0..1) is a high doubt."""

    label: str
    confidence: float | None
    margin: float
    suspect: Suspicion | None


def summary(
    checked: Sequence[Checked], labelled: Sequence[Labelled], records: int, params: CheckLabelsParams
) -> dict[str, Any]:
    """Counts by label, the suspects and what became of them, and how doubt relates to the annotators' agreement."""
    suspects = [(row, row.suspect) for row in checked if row.suspect is not None]
    reserved = sum(suspicion.reserved for _, suspicion in suspects)
    rows, asked = Counter(row.label for row in labelled), Counter(row.label for row in checked)
    doubted = Counter(row.label for row, _ in suspects)
    moves = Counter((row.label, suspicion.suggested) for row, suspicion in suspects)
    warnings = _warnings(rows, asked)
    return {
        "checked": len(checked),
        "unchecked": {"no_label": records - len(labelled), "rare_or_only_class": len(labelled) - len(checked)},
        "unchecked_classes": {label: n for label, n in sorted(rows.items()) if label not in asked},
        "suspects": len(suspects),
        "suspect_share": _share(len(suspects), len(checked)),
        "suspects_reserved": reserved,
        "suspects_changed": 0 if params.policy == "flag" else len(suspects) - reserved,
        "suspects_by_label": dict(sorted(doubted.items())),
        "labels": {
            label: {"rows": n, "suspects": doubted[label], "share": _share(doubted[label], n)}
            for label, n in sorted(asked.items())
        },
        "suggestions": [
            {"given": given, "suggested": suggested, "rows": n}
            for (given, suggested), n in sorted(moves.items(), key=lambda item: (-item[1], item[0]))[:20]
        ],
        "policy": params.policy,
        "folds": params.folds,
        "warnings": warnings,
        **_agreement(checked),
    }


def _warnings(rows: Counter[str], asked: Counter[str]) -> list[str]:
    if not rows:
        return ["No record has a label: nothing was checked."]
    if not asked:
        return ["Fewer than two classes have as many groups as folds: nothing was checked."]
    return ["Some classes have fewer groups than folds: their rows were not checked."] if set(rows) - set(asked) else []


def _agreement(checked: Sequence[Checked]) -> dict[str, Any]:
    """Does the check doubt what annotators disagreed on? They know nothing of each other, so it is a test of both.

    `auroc` is the chance that a record with an agreement below 0.6 is doubted more than one with 0.6 or above. Left out
    where no record carries an agreement; `auroc` where all lie on one side.
    """
    known = [(row.margin, row.confidence, row.suspect is not None) for row in checked if row.confidence is not None]
    if not known:
        return {}
    low = [-margin for margin, confidence, _ in known if confidence < _LOW_AGREEMENT]
    high = [-margin for margin, confidence, _ in known if confidence >= _LOW_AGREEMENT]
    found: dict[str, Any] = {"rows": len(known), "rows_low": len(low)}
    if low and high:
        found["auroc"] = round(auc(low, high), _DIGITS)
    for name, wanted in (("mean_suspects", True), ("mean_others", False)):
        values = [confidence for _, confidence, suspect in known if suspect is wanted]
        if values:
            found[name] = round(sum(values) / len(values), _DIGITS)
    return {"confidence": found}


def _share(part: int, whole: int) -> float:
    return round(part / whole, _DIGITS) if whole else 0.0
