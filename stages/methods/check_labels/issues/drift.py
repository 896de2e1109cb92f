"""Whether two sets of rows are alike: in their labels, their lengths, and in what they say. Each by a test of its own.

`labels`       chi-squared test of homogeneity; how far apart: Cramér's V (Cramér 1946), 0 to 1
`lengths`      two-sample Kolmogorov-Smirnov test; how far apart: its statistic, 0 to 1
`embeddings`   classifier two-sample test (Lopez-Paz and Oquab 2017): a logistic regression learns on one half of the
               rows to tell the sets apart, and a Mann-Whitney test asks whether it can on the other half; how far
               apart: its AUC there, 0.5 to 1

With many rows, every difference is significant. A difference is `notable` when its p-value, corrected for the number of
tests (Holm 1979), is below 0.05 and it is not small besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.core.doubts import Vectors
from stages.methods.audit.roc import auc
from stages.methods.check_labels.views import Mask, single_threaded

LEAST = 50
"""Rows that each of two sets needs to be compared."""
_EXPECTED = 5
"""Rows that a label must be expected to have in either set (Cochran 1954); rarer ones are put together."""
_HALF = 20  # rows of each set that either half needs
_SIGNIFICANT = 0.05
_SMALL = {"labels": 0.1, "lengths": 0.1, "embeddings": 0.6}
"""Smaller effects are not notable. Cohen (1988) calls a V of 0.1 between two sets small."""
DIGITS = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """What a test found: `effect` is how far apart the sets are, in the test's own measure."""

    what: str
    test: str
    measure: str
    effect: float
    p: float


def label_difference(one: Mapping[str, int], other: Mapping[str, int]) -> Difference | None:
    """Of rows by label; None where fewer than two labels are frequent enough to compare."""
    from scipy.stats import chi2_contingency

    labels = sorted({*one, *other})
    counts = np.array([[side.get(label, 0) for label in labels] for side in (one, other)], dtype=np.int64)
    if counts.sum(axis=1).min() < LEAST:
        return None
    expected = counts.sum(axis=0) * (counts.sum(axis=1).min() / counts.sum())
    rare = expected < _EXPECTED
    table = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    if table[:, -1].sum() * counts.sum(axis=1).min() < _EXPECTED * counts.sum():
        table = table[:, :-1]  # even together they are too few
    if table.shape[1] < 2:
        return None
    found = chi2_contingency(table, correction=False)
    return Difference("labels", "chi_squared", "cramers_v", float(np.sqrt(found.statistic / table.sum())), found.pvalue)


def length_difference(one: Sequence[int], other: Sequence[int]) -> Difference | None:
    """Of rows' lengths in characters; None where there are too few of them."""
    from scipy.stats import ks_2samp

    if min(len(one), len(other)) < LEAST:
        return None
    found = ks_2samp(one, other, method="asymp")
    return Difference("lengths", "kolmogorov_smirnov", "ks_statistic", float(found.statistic), float(found.pvalue))


def embedding_difference(vectors: Vectors, second: Mask, learned: Mask) -> Difference | None:
    """Of rows' vectors. `second` marks the rows of the second set, `learned` those that the classifier learns from.

    None where a half has too few rows of a set.
    """
    from scipy.stats import mannwhitneyu
    from sklearn.linear_model import LogisticRegression

    parts = [second[half] for half in (learned, ~learned)]
    if min(min(part.sum(), (~part).sum()) for part in parts) < _HALF:
        return None
    with single_threaded():
        model = LogisticRegression(solver="newton-cholesky", class_weight="balanced", tol=1e-8)
        model.fit(vectors[learned].astype(np.float64), parts[0])
        scores = np.round(model.decision_function(vectors[~learned].astype(np.float64)), 6)
    high, low = scores[parts[1]], scores[~parts[1]]
    p = float(mannwhitneyu(high, low, alternative="greater", method="asymptotic").pvalue)
    return Difference("embeddings", "classifier_two_sample", "auc", max(0.5, auc(high, low)), p)


def told(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """The differences for a report, in their order, each with its p-value as it is and after Holm's correction."""
    corrected = holm([one.p for one in differences])
    return [
        {
            "what": one.what, "test": one.test, "measure": one.measure, "effect": round(one.effect, DIGITS),
            "p": round(one.p, DIGITS), "p_corrected": round(p, DIGITS),
            "notable": p < _SIGNIFICANT and one.effect >= _SMALL[one.what],
        }
        for one, p in zip(differences, corrected, strict=True)
    ]  # fmt: skip


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values times the number of tests that are left, from the smallest on, never falling (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    found: NDArray[np.float64] = np.empty(len(p_values))
    found[order] = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * factors))
    return [float(p) for p in found]
