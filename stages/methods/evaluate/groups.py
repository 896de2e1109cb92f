"""Groups of test rows side by side: how good the answers are, and how often each label is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.core.votes import groups_of
from stages.methods.audit.roc import flat
from stages.methods.evaluate.metrics import Floats, interval, resampled
from stages.methods.evaluate.slices import mean_quality
from stages.methods.evaluate.summary import Answered

PARITY, ODDS = "demographic_parity_difference", "equalized_odds_difference"
_DIGITS = 6
_CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """An answered test row. Labels are empty where the task has none of its own."""

    quality: float
    groups: Mapping[str, str]
    truth: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()


def group_scores(test: Answered, measure: str, least: int, resamples: int, seed: int) -> dict[str, Any]:
    """`groups` for the report: the model on groups of at least `least` answered rows, by attribute.

    Empty where no attribute has two such groups.
    """
    labelled = bool(test.task.schema.of_kind("label", "labels"))
    rows = [
        Row(
            value, groups_of(record.attributes), *((test.task.labels(record), _labels(said.answer)) if labelled else ())
        )
        for value, record, said in zip(test.quality, test.records, test.predictions, strict=True)
        if value is not None
    ]
    names = sorted({name for row in rows for name in row.groups})
    found = {name: compared(rows, name, measure, least, resamples, seed) for name in names}
    return {"groups": groups} if (groups := {name: entry for name, entry in found.items() if entry}) else {}


def _labels(answer: Any) -> tuple[str, ...]:
    return (answer,) if isinstance(answer, str) else tuple(answer)


def compared(
    rows: Sequence[Row], attribute: str, measure: str, least: int, resamples: int, seed: int
) -> dict[str, Any]:
    """The groups of one attribute side by side; nothing where fewer than two have `least` rows.

    The mean quality of each, and how far groups are apart at most. Where answers are labels, also in how often a label
    is given (demographic parity), and given to rows that have it or lack it (equalized odds, Hardt et al. 2016): of the
    label where they are farthest apart, and by label.
    """
    counts = Counter(row.groups[attribute] for row in rows if attribute in row.groups)
    names = sorted(name for name, count in counts.items() if count >= least)
    if len(names) < 2:
        return {}
    rows = [row for row in rows if row.groups.get(attribute) in names]
    comparison = Comparison(rows, [row.groups[attribute] for row in rows], measure, least)
    gaps = comparison.gaps(resamples, seed)
    means = {name: mean_quality([row.quality for row in rows if row.groups[attribute] == name]) for name in names}
    return {
        "groups": {name: {**flat({measure: mean}), "rows": counts[name]} for name, mean in means.items()},
        "too_small": len(counts) - len(names),
        **gaps,
        **({"by_label": comparison.by_label()} if comparison.labels else {}),
        "sentence": _sentence(measure, gaps),
    }


@dataclass(frozen=True)
class Comparison:
    """Rows of several groups; `own` names the group of each.

    A true positive rate counts for groups where `least` rows have the label, a false positive rate where as many lack
    it: three rows make no rate, and among many labels some group of three is always far off.
    """

    rows: Sequence[Row]
    own: Sequence[str]
    measure: str
    least: int

    @cached_property
    def labels(self) -> list[str]:
        """The labels that a row has or is given."""
        return sorted({name for row in self.rows for name in (*row.truth, *row.answer)})

    @cached_property
    def names(self) -> list[str]:
        """The groups."""
        return sorted(set(self.own))

    @cached_property
    def member(self) -> Floats:
        """1 where a row belongs to a group, shape (groups, rows)."""
        one_hot: Floats = (np.array(self.names)[:, None] == np.array(self.own)[None, :]).astype(float)
        return one_hot

    @cached_property
    def truth(self) -> NDArray[np.int64]:
        """1 where a row has a label, shape (rows, labels)."""
        return self._one_hot([row.truth for row in self.rows])

    @cached_property
    def said(self) -> NDArray[np.int64]:
        """1 where a row is given a label, shape (rows, labels)."""
        return self._one_hot([row.answer for row in self.rows])

    def _one_hot(self, sets: Sequence[tuple[str, ...]]) -> NDArray[np.int64]:
        places = {label: i for i, label in enumerate(self.labels)}
        found = np.zeros((len(sets), len(places)), dtype=np.int64)
        for row, own in zip(found, sets, strict=True):
            row[[places[label] for label in own]] = 1
        return found

    @cached_property
    def _enough(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether a group has enough rows with each label, and without it; both of shape (groups, labels)."""
        having = self.member @ self.truth
        return having >= self.least, self.member.sum(axis=1, keepdims=True) - having >= self.least

    @cached_property
    def _columns(self) -> Floats:
        """What rows add to the sums that all rates are made of, side by side."""
        quality = np.array([[row.quality] for row in self.rows])
        return np.hstack([np.ones_like(quality), quality, self.said, self.truth, self.said * self.truth])

    def differences(self, weights: Floats) -> dict[str, Floats]:
        """How far the groups are apart at most, in quality and for each label; `weights` are (..., groups, rows).

        Of shape (..., labels), with one place for quality. NaN where fewer than two groups have enough rows.
        """
        sums = weights @ self._columns
        size, quality, rest = sums[..., :1], sums[..., 1:2], sums[..., 2:]
        said, truth, hits = np.split(rest, 3, axis=-1)
        with_label, without = self._enough
        odds = (_apart(hits, truth, with_label), _apart(said - hits, size - truth, without))
        found = {f"{self.measure}_difference": _apart(quality, size)}
        return {**found, PARITY: _apart(said, size), ODDS: np.fmax(*odds)} if self.labels else found

    def gaps(self, resamples: int, seed: int) -> dict[str, Any]:
        """The largest difference of each kind with its 95 % bootstrap interval over rows, and what chance makes of it.

        The largest of several differences is above zero even where groups are alike, and so is its interval. Hence
        `by_chance`: what 95 % of random groupings stay below, groups of the same sizes drawn anew; for equalized odds
        drawn among rows of the same labels.
        """
        point = self.differences(self.member)
        drawn = _joined(map(self.differences, self._resampled(resamples, seed)))
        chance = _joined(map(self.differences, self._mixed(resamples, seed, [()] * len(self.rows))))
        if self.labels:
            alike = self._mixed(resamples, seed, [row.truth for row in self.rows])
            chance[ODDS] = _joined(map(self.differences, alike))[ODDS]
        found: dict[str, Any] = {}
        for name, values in point.items():
            if np.isnan(values).all():
                continue
            tops = np.fmax.reduce(drawn[name], axis=-1)  # NaN in a resample that misses all groups but one
            found |= flat({name: interval(float(np.nanmax(values)), tops[~np.isnan(tops)])})
            found[f"{name}_by_chance"] = round(float(np.quantile(np.fmax.reduce(chance[name], axis=-1), 0.95)), _DIGITS)
            if name in (PARITY, ODDS):
                found[f"{name}_label"] = self.labels[int(np.nanargmax(values))]
        return found

    def _resampled(self, resamples: int, seed: int) -> Iterator[Floats]:
        size = max(1, _CELLS_AT_ONCE // self.member.size)
        for weights in resampled(len(self.rows), resamples, seed):
            for start in range(0, len(weights), size):
                yield weights[start : start + size, None, :] * self.member

    def _mixed(self, times: int, seed: int, strata: Sequence[tuple[str, ...]]) -> Iterator[Floats]:
        """Groups of the same sizes drawn anew; rows only change places with rows of the same stratum."""
        places = {stratum: i for i, stratum in enumerate(dict.fromkeys(strata))}
        numbers = np.array([places[stratum] for stratum in strata])
        before, draw = np.argsort(numbers, kind="stable"), np.random.default_rng(seed)
        order = np.empty_like(before)
        for _ in range(times):
            order[before] = np.lexsort((draw.random(len(numbers)), numbers))
            yield self.member[None, :, order]

    def by_label(self) -> dict[str, dict[str, Any]]:
        """How often each group is given each label: of all its rows, of those that have it, and of those that lack it.

        By fairlearn (Weerts et al. 2023). Its own bootstrap makes a frame a resample: seconds for each label.
        """
        from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

        rates = {
            "selection_rate": selection_rate,
            "true_positive_rate": true_positive_rate,
            "false_positive_rate": false_positive_rate,
        }
        enough = dict(zip(rates, (np.ones_like(self._enough[0]), *self._enough), strict=True))
        apart = self.differences(self.member)
        found: dict[str, dict[str, Any]] = {}
        for i, label in enumerate(self.labels):
            frame = MetricFrame(
                metrics=rates, y_true=self.truth[:, i], y_pred=self.said[:, i], sensitive_features=list(self.own)
            )
            found[label] = {
                rate: {
                    name: round(float(frame.by_group.loc[name, rate]), _DIGITS)
                    for name, known in zip(self.names, enough[rate][:, i], strict=True)
                    if known
                }
                for rate in rates
            }
            gaps = {name: float(apart[name][i]) for name in (PARITY, ODDS)}
            found[label] |= {name: round(gap, _DIGITS) for name, gap in gaps.items() if not np.isnan(gap)}
        return found


def _apart(part: Floats, whole: Floats, known: NDArray[np.bool_] | None = None) -> Floats:
    """The largest minus the smallest of the groups' rates (axis -2), of those that are known."""
    defined = np.broadcast_to((whole > 0) & (True if known is None else known), part.shape)
    rates = np.divide(part, whole, out=np.zeros_like(part), where=defined)
    high = rates.max(axis=-2, where=defined, initial=-np.inf)
    low = rates.min(axis=-2, where=defined, initial=np.inf)
    return np.where(defined.sum(axis=-2) > 1, high - low, np.nan)


def _joined(parts: Iterator[Mapping[str, Floats]]) -> dict[str, Floats]:
    rows = list(parts)
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _sentence(measure: str, gaps: Mapping[str, Any]) -> str:
    """What the differences show, and what they do not."""
    name = f"{measure}_difference"
    real = [gap for gap in (name, PARITY, ODDS) if gaps.get(gap, 0.0) > gaps.get(f"{gap}_by_chance", 1.0)]
    told = f"larger than chance explains: {', '.join(real).replace('_', ' ')}" if real else "chance may explain it all"
    return (
        f"Between groups, {measure} differs by up to {100 * gaps[name]:.1f} points; {told}. This does not show why: "
        "groups may differ in what they write and in how they were labelled. Nor does it show that groups are alike "
        "where chance may explain it."
    )
