"""A test of whether two sets of rows are alike, as people read it: the same in the report and between versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WHAT = {"labels": "labels", "lengths": "lengths of texts", "embeddings": "what texts say"}
_MEASURES = {"cramers_v": "Cram\u00e9r's V", "ks_statistic": "KS statistic", "auc": "AUC"}
_SIGNIFICANT = 0.05


def drift_words(row: Mapping[str, Any]) -> dict[str, str]:
    """Cells of a table from an entry of `stages.methods.check_labels.issues.drift.told`.

    The answer to whether they differ: `yes`, `hardly` (surely, but little), or `not shown`.
    """
    p: float = row["p_corrected"]
    return {
        "what": _WHAT[row["what"]],
        "effect": f"{_MEASURES[row['measure']]} {row['effect']:.2f}",
        "p": "< .001" if p < 0.001 else "1" if p == 1 else f"{p:.3f}".removeprefix("0"),
        "verdict": "yes" if row["notable"] else "hardly" if p < _SIGNIFICANT else "not shown",
    }
