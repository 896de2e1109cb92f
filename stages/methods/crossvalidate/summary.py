"""What the folds say together: mean, spread and intervals of each metric."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from stages.core.task import Metric
from stages.methods.text_table import text_table

_DIGITS = 6
CAVEAT = (
    "the folds' models share most of their training rows, so that the t-interval is too narrow; no unbiased estimate "
    "of the variance of k-fold cross-validation exists (Bengio and Grandvalet 2004)"
)


def over_folds(values: Sequence[float], pooled: Metric) -> dict[str, float]:
    """Mean, standard deviation and 95 % intervals of one metric over the folds, and its value over all rows together.

    `t`: mean +- t * sd / sqrt(k), as if the folds were independent, which they are not. `corrected`: the factor 1 / k
    becomes 1 / k + 1 / (k - 1), the size of the held-out part relative to the rest, for training sets that overlap
    (Nadeau and Bengio 2003, section 5). `pooled`: the metric over all out-of-fold predictions with its bootstrap
    interval over records, which knows nothing of how models differ.
    """
    from scipy.stats import t

    k = len(values)
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    reach = float(t.ppf(0.975, k - 1)) * spread
    narrow, wide = reach * math.sqrt(1 / k), reach * math.sqrt(1 / k + 1 / (k - 1))
    found = {
        "mean": mean, "sd": spread, "t_low": mean - narrow, "t_high": mean + narrow,
        "corrected_low": mean - wide, "corrected_high": mean + wide,
        "pooled": pooled.value, "pooled_low": pooled.low, "pooled_high": pooled.high,
    }  # fmt: skip
    return {name: round(value, _DIGITS) for name, value in found.items()}


def report(folds: Sequence[Mapping[str, Any]], pooled: Mapping[str, Metric], primary: str, rows: int) -> dict[str, Any]:
    """For reports/crossvalidate.json. `folds` have `fold`, `train`, `validation`, `rows` and the task's `metrics`."""
    names = [name for name in pooled if all(name in fold["metrics"] for fold in folds)]
    return {
        "folds": list(folds),
        "metrics": {name: over_folds([fold["metrics"][name] for fold in folds], pooled[name]) for name in names},
        "primary": primary,
        "rows": rows,
        "note": CAVEAT,
    }


def lines(found: Mapping[str, Any], width: int) -> list[str]:
    """A table with a row a fold, the metric by which models are compared first, and what they say together."""
    first = found["primary"]
    names = sorted(found["metrics"], key=lambda name: name != first)[:5]
    header = ("fold", "train", "validation", "held out", *names, "")
    rows = [
        (
            fold["fold"],
            fold["train"],
            fold["validation"],
            fold["rows"],
            *(_said(fold["metrics"][name]) for name in names),
            "",
        )
        for fold in found["folds"]
    ]
    told = [*text_table(header, rows, width), ""]
    for name in names:
        row = found["metrics"][name]
        told.append(f"{name}: mean {_said(row['mean'])}, standard deviation {_said(row['sd'])}")
        told.append(
            f"  95 % over folds   {_span(row, 't')}; corrected for shared training rows {_span(row, 'corrected')}"
        )
        told.append(f"  all rows together {_said(row['pooled'])}, 95 % by bootstrap {_span(row, 'pooled')}")
    return told


def _said(value: float) -> str:
    return f"{value:.4f}"


def _span(row: Mapping[str, float], name: str) -> str:
    return f"{_said(row[f'{name}_low'])} to {_said(row[f'{name}_high'])}"
