"""What a policy for labels in doubt brings: a head trained on frozen embeddings, and the paired difference.

Every policy trains on the same resamples of the same rows and answers the same test rows, so that what is common to
all of them cancels out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.core.doubts import Vectors
from stages.core.records import Record
from stages.core.task import Metric, Prediction
from stages.methods.check_labels.policy.policy_arms import AS_GIVEN
from stages.methods.check_labels.views import Codes, Floats, Judge
from stages.methods.evaluate.metrics import interval, resampled
from stages.methods.split.splitting import draw
from stages.methods.text_table import text_table

RESAMPLES = 2000
_DIGITS = 3  # the fit of a head differs between processors in later ones
_MOST_DRAWN = 12  # times that a record stands in a resample; more has a chance below 1e-10
_YES = 0.5


def times_drawn(ids: Sequence[str], seed: int) -> Codes:
    """How often each record stands in the seed's bootstrap resample: a Poisson number of mean 1 (Oza and Russell 2001).

    It hangs on the id alone, so that a record is drawn alike under all policies, whatever they do to the others.
    """
    chances = np.cumsum([math.exp(-1) / math.factorial(n) for n in range(_MOST_DRAWN)])
    return np.searchsorted(chances, [draw(seed, id, "compare_labels") for id in ids], side="right")


@dataclass(frozen=True)
class Head:
    """A logistic regression on vectors that are given: one for all labels, or with `several` a yes or no for each."""

    labels: tuple[str, ...]
    several: bool

    def answers(
        self, known: tuple[Vectors, Sequence[Sequence[str]]], asked: tuple[Vectors, Sequence[Record]]
    ) -> list[Prediction]:
        """What it says of the asked records, learned from the known ones: vectors of both, labels and records."""
        learned, labels = known
        vectors, records = asked
        shares = self._shares(np.concatenate([learned, vectors]), labels)
        return [self._prediction(record.id, row) for record, row in zip(records, shares.tolist(), strict=True)]

    def _shares(self, rows: Vectors, labels: Sequence[Sequence[str]]) -> Floats:
        """The probability of each label, for the rows that come after those with labels."""
        known = np.arange(len(rows)) < len(labels)
        places = {label: place for place, label in enumerate(self.labels)}
        if not self.several:
            codes = np.zeros(len(rows), dtype=np.int64)
            codes[known] = [places[own[0]] for own in labels]
            return Judge(rows, codes, len(places))((known, ~known))
        columns = []
        for label in self.labels:
            codes = np.zeros(len(rows), dtype=np.int64)
            codes[known] = [label in own for own in labels]
            columns.append(Judge(rows, codes, 2)((known, ~known))[:, 1])
        return np.stack(columns, axis=1)

    def _prediction(self, id: str, shares: Sequence[float]) -> Prediction:
        scores = dict(zip(self.labels, shares, strict=True))
        if self.several:
            return Prediction(id, tuple(label for label, share in scores.items() if share >= _YES), scores)
        return Prediction(id, max(scores, key=lambda label: scores[label]), scores)


def paired_gain(base: Floats, other: Floats, seed: int) -> Metric:
    """Mean of `other - base`, both of shape (seeds, test rows), with its 95 % interval.

    The pigeonhole bootstrap (Owen 2007): rows and seeds are drawn anew, each for themselves, since another test set and
    another training would both give another figure. No bootstrap of two crossed factors is exact (McCullagh 2000);
    this one is too wide rather than too narrow where there are enough of both.
    """
    gains = other - base
    seeds, rows = gains.shape
    by_seed = np.concatenate([weights @ gains.T for weights in resampled(rows, RESAMPLES, seed)])
    picked = np.concatenate([*resampled(seeds, RESAMPLES, seed + 1)])
    found = interval(float(gains.mean()), (by_seed * picked).sum(axis=1) / gains.size)
    return Metric(*(round(value, _DIGITS) + 0.0 for value in (found.value, found.low, found.high)))


def report(
    qualities: Mapping[str, Floats], counts: Mapping[str, Mapping[str, int]], measure: str, seed: int
) -> dict[str, Any]:
    """By policy: rows, mean quality over the seeds, and what it gains over the labels as they are.

    `qualities` are of shape (seeds, test rows), `counts` what each policy does to the training rows.
    """
    base = qualities[AS_GIVEN]
    policies: dict[str, Any] = {}
    for name, found in qualities.items():
        means = [round(float(mean), _DIGITS) for mean in found.mean(axis=1)]
        policies[name] = {**counts[name], measure: round(float(found.mean()), _DIGITS), "by_seed": means}
        if name != AS_GIVEN:
            gain = paired_gain(base, found, seed)
            policies[name] |= {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}
    return {"measure": measure, "seeds": len(base), "test_rows": base.shape[1], "policies": policies}


def lines(found: Mapping[str, Any], width: int) -> list[str]:
    """The table, and a sentence on each policy."""
    measure, policies = found["measure"], found["policies"]
    header = ("policy", "train rows", "relabelled", "left out", f"{measure}, %", "gain in points (95 %)")
    rows = [
        (name, one["train_rows"], one["relabelled"], one["left_out"], f"{100 * one[measure]:.1f}", _gain(one))
        for name, one in policies.items()
    ]
    told = [_sentence(name, one) for name, one in policies.items() if "gain" in one]
    return [*text_table(header, rows, width), "", *told]


def _gain(one: Mapping[str, Any]) -> str:
    if "gain" not in one:
        return "compared with"
    value, low, high = (f"{100 * one[name]:+.1f}" for name in ("gain", "gain_low", "gain_high"))
    return f"{value} ({low} to {high})"


def _sentence(name: str, one: Mapping[str, Any]) -> str:
    if one["gain_low"] > 0:
        return f"{name}: better than the labels as they are"
    if one["gain_high"] < 0:
        return f"{name}: worse than the labels as they are"
    return f"{name}: no difference that these rows and seeds could show"
