"""How far annotators agree: with one another, and with the label that a record carries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.methods.evaluate.metrics import resampled

Floats: TypeAlias = NDArray[np.float64]
Votes: TypeAlias = Mapping[str, str]
_RESAMPLES = 1000
_DIGITS = 3


def agreement(votes: Sequence[Votes], labels: Sequence[str | None], seed: int) -> dict[str, Any]:
    """Krippendorff's alpha with its interval, each annotator's agreement with the others, and the label's with them.

    `votes` has what each annotator said of a record, `labels` the single label it carries, if any. Records with fewer
    than two votes say nothing of agreement; empty where there is no other.
    """
    both = [(some, label) for some, label in zip(votes, labels, strict=True) if len(some) > 1]
    if not both:
        return {}
    units = [some for some, _ in both]
    found: dict[str, Any] = {"rows": len(units), "votes": sum(map(len, units)), **_alpha(units, seed)}
    return {**found, "annotators": _annotators(units), **_against_labels(both)}


def _alpha(units: Sequence[Votes], seed: int) -> dict[str, float]:
    """Alpha for names (Krippendorff 2004, section 11.3), and its bootstrap percentiles over records.

    1 is perfect agreement and 0 what chance gives: `1 - (n - 1) * sum of o_ck / sum of n_c n_k`, both over pairs of
    different values, where n values are paired with those of the same record. Left out where all votes are alike.
    """
    names = {name: i for i, name in enumerate(sorted({vote for unit in units for vote in unit.values()}))}
    counts = np.zeros((len(units), len(names)))
    for row, unit in zip(counts, units, strict=True):
        for vote in unit.values():
            row[names[vote]] += 1
    sizes = counts.sum(axis=1)
    unlike = (sizes**2 - (counts**2).sum(axis=1)) / (sizes - 1)
    columns = np.column_stack([unlike, counts])
    point = _alphas(columns.sum(axis=0)[None])
    if np.isnan(point[0]):
        return {}
    drawn = np.concatenate([_alphas(weights @ columns) for weights in resampled(len(units), _RESAMPLES, seed)])
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    named = {"alpha": point[0], "alpha_low": low, "alpha_high": high}
    return {name: round(float(value), _DIGITS) for name, value in named.items()}


def _alphas(sums: Floats) -> Floats:
    """Alpha of each row of (pairs that differ, votes by name); NaN where there is one name only."""
    unlike, counts = sums[:, 0], sums[:, 1:]
    total = counts.sum(axis=1)
    expected = total**2 - (counts**2).sum(axis=1)
    share = np.divide((total - 1) * unlike, expected, out=np.full(len(sums), np.nan), where=expected > 0)
    alphas: Floats = 1 - share
    return alphas


def _annotators(units: Sequence[Votes]) -> dict[str, dict[str, Any]]:
    """By annotator: the records with another vote, and the share of the others' votes on them that are the same."""
    rows, alike, others = Counter[str](), Counter[str](), Counter[str]()
    for unit in units:
        same = Counter(unit.values())
        for name, vote in unit.items():
            rows[name] += 1
            alike[name] += same[vote] - 1
            others[name] += len(unit) - 1
    return {
        name: {"rows": rows[name], "agreement": round(alike[name] / others[name], _DIGITS)} for name in sorted(rows)
    }


def _against_labels(both: Sequence[tuple[Votes, str | None]]) -> dict[str, Any]:
    """How often the label is not what most annotators said; a draw has no most."""
    judged = contrary = 0
    for unit, label in both:
        first, *rest = Counter(unit.values()).most_common(2)
        if label is not None and not (rest and rest[0][1] == first[1]):
            judged += 1
            contrary += first[0] != label
    if not judged:
        return {}
    return {"with_majority": judged, "not_majority": contrary, "not_majority_share": round(contrary / judged, _DIGITS)}
