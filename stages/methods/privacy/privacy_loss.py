"""What one step of DP-SGD tells of a holder: the privacy loss as a random variable, in both directions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Direction: TypeAlias = Literal["remove", "add"]
WIDEST = 300.0
"""Losses beyond which the numerical accountant is not asked: its grid would not fit into memory."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """Steps of DP-SGD: noise relative to the clipping norm, the chance of each unit to be drawn, and how many steps."""

    noise_multiplier: float
    rate: float
    steps: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What a holder is exposed to by a mechanism that draws each of the holder's rows on its own."""

    mechanism: Mechanism
    rows: int = 1


@dataclass(frozen=True, slots=True)
class StepLoss:
    """The privacy loss of one step as a random variable, in the form that Opacus' numerical accountant composes.

    `remove`: log P/Q under P, where P is the mixture and Q the noise alone; `add`: log Q/P under Q.
    """

    loss: Loss
    direction: Direction

    def cdf(self, t: ArrayLike) -> Floats:
        """The chance of a loss of at most `t`."""
        from scipy.special import ndtr

        at, sigma = np.asarray(t, dtype=np.float64), self.loss.mechanism.noise_multiplier
        if self.direction == "add":
            return np.asarray(ndtr(-self._place(-at) / sigma))
        weights, place = np.exp(_log_weights(self.loss)), self._place(at)
        below = np.zeros_like(place)
        for count, weight in enumerate(weights):
            below += weight * ndtr((place - count) / sigma)
        return below

    def _place(self, t: Floats) -> Floats:
        """Where the log-ratio is `t`: it grows with the output, from the log-chance of no row upwards."""
        lowest = _log_weights(self.loss)[0]
        inside = t > lowest
        if not inside.any():
            return np.full_like(t, -np.inf)
        wanted = np.where(inside, t, t[inside].min() if t.ndim else t)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            place = self._exactly(wanted) if self.loss.rows == 1 else self._search(wanted)
        return np.where(inside, place, -np.inf)

    def _exactly(self, t: Floats) -> Floats:
        """One row: log(1 - q + q exp((2x - 1) / 2s^2)) solved for x."""
        rate, sigma = self.loss.mechanism.rate, self.loss.mechanism.noise_multiplier
        # exp(t) - (1 - q) with t far above: as t + log1p(...) it does not overflow.
        return np.asarray(sigma**2 * (t + np.log1p((rate - 1) * np.exp(-t)) - math.log(rate)) + 0.5)

    def _search(self, t: Floats) -> Floats:
        """Newton's method from above on a convex, growing function: it cannot overshoot."""
        sigma = self.loss.mechanism.noise_multiplier
        # With all rows drawn the ratio is at least as large as with that term alone: the root lies left of this.
        place = (t - _log_weights(self.loss)[-1]) * sigma**2 / self.loss.rows + self.loss.rows / 2
        grid, values = _table(self.loss)
        # The next point of the grid to the right is a start that is close, and above.
        place = np.minimum(place, grid[np.searchsorted(values, t)])
        for _ in range(8):
            value, slope = log_ratio(self.loss, place)
            moved = np.where(slope > 0, (value - t) / slope, 0.0)
            place = place - moved
            if (np.abs(moved) <= 1e-12 * (sigma + np.abs(place))).all():
                break
        return np.asarray(place)


@lru_cache(maxsize=8)
def _table(loss: Loss) -> tuple[Floats, Floats]:
    """Outputs and their log-ratios, from where no output ever is to a ratio that is never asked for; then infinity."""
    sigma, log_all = loss.mechanism.noise_multiplier, _log_weights(loss)[-1]
    highest = (WIDEST + 10 - log_all) * sigma**2 / loss.rows + loss.rows / 2
    grid = np.linspace(-40 * sigma - 1, highest, 20_000)
    return np.append(grid, np.inf), log_ratio(loss, grid)[0]


@lru_cache(maxsize=64)
def _log_weights(loss: Loss) -> Floats:
    """Log-chance that 0, 1, ... of the holder's rows are drawn."""
    from scipy.stats import binom

    with np.errstate(divide="ignore"):
        return np.asarray(binom.logpmf(np.arange(loss.rows + 1), loss.rows, loss.mechanism.rate))


def log_ratio(loss: Loss, x: ArrayLike) -> tuple[Floats, Floats]:
    """Log P(x)/Q(x) of one step's output, and its slope; in units of the clipping norm."""
    at, sigma = np.asarray(x, dtype=np.float64), loss.mechanism.noise_multiplier
    top = np.full_like(at, -np.inf)
    terms = []
    for count, weight in enumerate(_log_weights(loss)):
        terms.append(weight + (2 * count * at - count**2) / (2 * sigma**2))
        top = np.maximum(top, terms[-1])
    total, drawn = np.zeros_like(at), np.zeros_like(at)
    for count, term in enumerate(terms):
        share = np.exp(term - top)
        total += share
        drawn += count * share
    return np.asarray(top + np.log(total)), np.asarray(drawn / total / sigma**2)
