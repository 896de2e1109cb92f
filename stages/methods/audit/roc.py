"""How well a score tells two groups apart, and how sure one can be of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stages.core.task import Metric

Floats: TypeAlias = NDArray[np.float64]
_DIGITS = 6


def auc(above: ArrayLike, below: ArrayLike) -> float:
    """The chance that a value of `above` exceeds one of `below`, ties counting half (Mann and Whitney 1947)."""
    levels, (high, low) = _levels(above, below)
    return float(_areas(np.bincount(high, minlength=levels)[None], np.bincount(low, minlength=levels)[None])[0])


def auc_interval(above: ArrayLike, below: ArrayLike, resamples: int, seed: int, level: float = 0.95) -> Metric:
    """The AUC with its interval: bootstrap percentiles, both groups resampled apart."""
    levels, (high, low) = _levels(above, below)
    draw = np.random.default_rng(seed)
    areas = [
        _areas(
            np.bincount(draw.choice(high, len(high)), minlength=levels)[None],
            np.bincount(draw.choice(low, len(low)), minlength=levels)[None],
        )[0]
        for _ in range(resamples)
    ]
    bounds = np.quantile(areas, [(1 - level) / 2, (1 + level) / 2])
    return Metric(round(auc(above, below), _DIGITS), *(round(float(bound), _DIGITS) for bound in bounds))


def _levels(above: ArrayLike, below: ArrayLike) -> tuple[int, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """How many distinct values there are, and each value's place among them."""
    high, low = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    if not len(high) or not len(low):
        raise ValueError("an AUC needs values on both sides")
    values, places = np.unique(np.concatenate([high, low]), return_inverse=True)
    return len(values), (places[: len(high)], places[len(high) :])


def _areas(high: NDArray[np.int64], low: NDArray[np.int64]) -> Floats:
    """AUC of each row of counts by level, shape (rows,)."""
    lower = np.cumsum(low, axis=1) - low
    wins: Floats = (high * (lower + low / 2)).sum(axis=1) / (high.sum(axis=1) * low.sum(axis=1))
    return wins


def tpr_at_fpr(above: ArrayLike, below: ArrayLike, fpr: float) -> Metric | None:
    """Share of `above` over the lowest threshold that at most this share of `below` exceeds, with its interval.

    Clopper and Pearson's (1934), for the threshold as it was found. None when there are too few in `below` for even one
    of them to be allowed over the threshold: the rate could not be told from zero.
    """
    high, low = np.asarray(above, dtype=float), np.sort(np.asarray(below, dtype=float))[::-1]
    allowed = int(np.floor(fpr * len(low) + 1e-9))
    if allowed < 1:
        return None
    # Strictly above the next-highest value of `below`, at most `allowed` of them remain.
    threshold = low[allowed] if allowed < len(low) else -np.inf
    hits = int((high > threshold).sum())
    return Metric(round(hits / len(high), _DIGITS), *clopper_pearson(hits, len(high)))


def clopper_pearson(hits: int, trials: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(0.975, hits + 1, trials - hits))
    return round(low, _DIGITS), round(high, _DIGITS)


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927): near the ends, and for few trials, better than a bootstrap."""
    z = 1.959964
    share = hits / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    return round(max(0.0, centre - half), _DIGITS), round(min(1.0, centre + half), _DIGITS)


def proportion(hits: Sequence[bool]) -> Metric:
    """The share of True, with Wilson's interval."""
    right = sum(hits)
    return Metric(round(right / len(hits), _DIGITS), *wilson(right, len(hits)))


def difference(one: Metric, other: Metric) -> Metric:
    """`one - other` of two independent shares with Wilson intervals (Newcombe 1998, method 10)."""
    change = one.value - other.value
    low = change - float(np.hypot(one.value - one.low, other.high - other.value))
    high = change + float(np.hypot(one.high - one.value, other.value - other.low))
    return Metric(round(change, _DIGITS), round(low, _DIGITS), round(high, _DIGITS))


def curve(above: ArrayLike, below: ArrayLike, points: int = 200) -> list[dict[str, float]]:
    """The ROC curve at evenly spaced false-positive rates: the most hits that so many false ones buy."""
    high, low = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    thresholds = np.unique(np.concatenate([high, low]))[::-1]
    false = np.array([0.0, *((low[None, :] >= thresholds[:, None]).mean(axis=1))])
    true = np.array([0.0, *((high[None, :] >= thresholds[:, None]).mean(axis=1))])
    rates = np.linspace(0, 1, min(points, len(low)) + 1)
    hits = true[np.searchsorted(false, rates + 1e-12, side="right") - 1]
    return [
        {"fpr": round(float(x), _DIGITS), "tpr": round(float(y), _DIGITS)} for x, y in zip(rates, hits, strict=True)
    ]


def flat(metrics: Mapping[str, Metric]) -> dict[str, float]:
    """`name`, `name_low` and `name_high` for each metric, rounded to six digits: as DVC compares them."""
    found: dict[str, float] = {}
    for name, metric in metrics.items():
        parts = {name: metric.value, f"{name}_low": metric.low, f"{name}_high": metric.high}
        found |= {key: round(float(value), _DIGITS) for key, value in parts.items()}
    return found
