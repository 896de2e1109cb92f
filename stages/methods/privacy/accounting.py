"""How much privacy a training costs: noise, rate and steps in, epsilon out, and the other way round.

The mechanism is the Poisson-subsampled Gaussian: each unit is drawn into a step by its own coin, its clipped gradient
is added up with the others', and noise is added. Neighbouring data sets differ in one holder being there or not. A
holder whose rows are drawn one by one shows in a step as many times as they come up, so that what the holder is exposed
to is a mixture of Gaussians over Binomial(rows, rate) (Ganesh 2024, "Tight group-level DP guarantees for DP-SGD with
sampling via mixture of Gaussians mechanisms"); with one row it is the usual mechanism.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from stages.methods.privacy.privacy_loss import WIDEST, Direction, Floats, Loss, Mechanism, StepLoss, log_ratio

__all__ = ["Loss", "Mechanism", "epsilon", "epsilon_of_a_change", "noise_for"]

_EPSILON_ERROR = 0.01
_MOST_ROWS = 256
_ORDERS = (*(1 + x / 10 for x in range(1, 100)), *range(12, 64), 80, 96, 128, 256, 512)
"""The Renyi orders that Opacus tries, and some larger ones for small losses."""


def epsilon(losses: Sequence[Loss], delta: float, accountant: str = "prv") -> float:
    """The epsilon at `delta` of all losses together, an upper bound; infinite where there is none.

    `prv` composes privacy loss random variables numerically (Gopi et al. 2021, as Opacus does it, error at most 0.01),
    and where that fails, `rdp` by Renyi orders (Mironov et al. 2019; Canonne et al. 2020 for the conversion). Both
    directions of the neighbouring relation are composed and the larger is given: which one dominates can change under
    composition (Lebeda et al. 2024). Raises ValueError for another accountant.
    """
    if accountant not in ("prv", "rdp"):
        raise ValueError(f"no bound by the accountant {accountant!r}")
    merged = _merged(losses)
    if not merged:
        return 0.0
    if any(not loss.mechanism.noise_multiplier or loss.rows > _MOST_ROWS for loss in merged):
        return math.inf
    looser = _by_orders(merged, delta)
    if accountant == "prv" and looser < WIDEST:
        with suppress(RuntimeError, ValueError, MemoryError, FloatingPointError):
            found = max(_numerically(merged, delta, direction) for direction in _directions(merged))
            return min(max(found, 0.0), looser) if math.isfinite(found) else looser
    return looser


def epsilon_of_a_change(losses: Sequence[Loss], delta: float, accountant: str = "prv") -> float:
    """The epsilon at `delta` of changing a unit instead of taking it away: two steps of the neighbouring relation.

    (e, d) twice is (2e, d + e^e d), so that d must be smaller than `delta`; the largest such d is looked for.
    """
    guess = epsilon(losses, delta / 2, accountant)
    for _ in range(12):
        smaller = delta / (1 + math.exp(min(guess, 700.0)))
        if not smaller:
            break
        found = epsilon(losses, smaller, accountant)
        if found <= guess:
            return 2 * guess
        guess = found + _EPSILON_ERROR
    return math.inf


def noise_for(target: float, rate: float, steps: int, delta: float, accountant: str = "prv") -> float:
    """The smallest noise multiplier, in steps of a ten-thousandth, whose epsilon at `delta` is at most `target`.

    Raises ValueError when no noise is enough.
    """

    def cost(sigma: float, how: str) -> float:
        return epsilon([Loss(Mechanism(sigma, rate, steps))], delta, how)

    high = 0.5
    while cost(high, "rdp") > target:
        high *= 2
        if high > 1e6:
            raise ValueError(f"no noise is enough for an epsilon of {target:g}")
    high = _bisect(lambda sigma: cost(sigma, "rdp"), target, high / 16, high)
    if accountant == "prv":
        low = high
        while low > 1e-2 and cost(low, "prv") <= target:
            low *= 0.8
        high = _bisect(lambda sigma: cost(sigma, "prv"), target, low, min(high, low / 0.8))
    return high


def _bisect(cost: Any, target: float, low: float, high: float) -> float:
    """The smallest argument between the two, a multiple of a ten-thousandth, that costs at most the target."""
    first, last = math.floor(low * 1e4), math.ceil(high * 1e4)
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (first, middle) if cost(middle / 1e4) <= target else (middle, last)
    return last / 1e4


def _merged(losses: Sequence[Loss]) -> list[Loss]:
    """The same mechanism seen several times is one with more steps, which is cheaper to compose."""
    steps: Counter[tuple[float, float, int]] = Counter()
    for loss in losses:
        own = loss.mechanism
        steps[own.noise_multiplier, own.rate, loss.rows] += own.steps if own.rate and loss.rows else 0
    found = (Loss(Mechanism(sigma, rate, count), rows) for (sigma, rate, rows), count in sorted(steps.items()))
    return [loss for loss in found if loss.mechanism.steps]


def _directions(losses: Sequence[Loss]) -> tuple[Direction, ...]:
    """One loss alone that is the usual mechanism is dominated by removal (Zhu et al. 2022, Theorem 11)."""
    alone = len(losses) == 1 and losses[0].rows == 1 and losses[0].mechanism.steps == 1
    return ("remove",) if alone else ("remove", "add")


# --- composition ------------------------------------------------------------------------------------------------------


def _numerically(losses: Sequence[Loss], delta: float, direction: Direction) -> float:
    """Opacus' composition of privacy loss random variables, for ours."""
    from opacus.accountants.analysis.prv import (
        Domain,
        TruncatedPrivacyRandomVariable,
        compose_heterogeneous,
        discretize,
    )

    error = delta / 1000
    steps = [loss.mechanism.steps for loss in losses]
    # As in Gopi et al. 2021, remark 5.6 and theorem 5.5: a domain out of which the loss hardly ever falls, and a mesh.
    widest = _by_orders(losses, error / 4)
    single = (_by_orders([Loss(_once(loss), loss.rows)], error / (8 * sum(steps))) for loss in losses)
    limit = max(widest, *single, _EPSILON_ERROR) + 3
    if limit > WIDEST:
        raise ValueError("the grid would be too large")
    mesh = _EPSILON_ERROR / math.sqrt(sum(steps) * math.log(12 / error) / 2)
    domain = Domain.create_aligned(-limit, limit, mesh)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        parts = [
            discretize(TruncatedPrivacyRandomVariable(StepLoss(loss, direction), domain.t_min, domain.t_max), domain)
            for loss in losses
        ]
        whole = compose_heterogeneous(parts, steps)
        return float(whole.compute_epsilon(delta, error, _EPSILON_ERROR)[2])


def _once(loss: Loss) -> Mechanism:
    return Mechanism(loss.mechanism.noise_multiplier, loss.mechanism.rate, 1)


def _by_orders(losses: Sequence[Loss], delta: float) -> float:
    """Composition by Renyi orders: the larger of both directions, each at its best order."""
    from opacus.accountants.analysis.rdp import get_privacy_spent

    totals = sum((loss.mechanism.steps * _renyi(loss) for loss in losses), np.zeros((2, len(_ORDERS))))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Optimal order is the", category=UserWarning)  # looser, still a bound
        spent = [float(get_privacy_spent(orders=list(_ORDERS), rdp=_finite(row), delta=delta)[0]) for row in totals]
    return max(0.0, *spent)


def _finite(values: Floats) -> list[float]:
    return [float(value) if math.isfinite(value) else 1e300 for value in values]


def _renyi(loss: Loss) -> Floats:
    """Renyi divergence of one step at each order, shape (2, orders): removal, and addition."""
    key = (loss.rows, loss.mechanism.rate, loss.mechanism.noise_multiplier)
    if key not in _KNOWN:
        if len(_KNOWN) > 512:
            _KNOWN.clear()
        _KNOWN[key] = _closed_form(loss) if loss.rows == 1 else _integrated(loss)
    return _KNOWN[key]


_KNOWN: dict[tuple[int, float, float], Floats] = {}


def _closed_form(loss: Loss) -> Floats:
    """One row: removal dominates addition at every order (Mironov et al. 2019, section 3.1)."""
    from opacus.accountants.analysis.rdp import compute_rdp

    rate, sigma = loss.mechanism.rate, loss.mechanism.noise_multiplier
    one = np.asarray(compute_rdp(q=rate, noise_multiplier=sigma, steps=1, orders=list(_ORDERS)), dtype=np.float64)
    return np.stack([one, one])


def _integrated(loss: Loss) -> Floats:
    """Several rows: by the trapezoid rule, which is as exact as the arithmetic for so smooth a function."""
    from scipy.special import logsumexp

    sigma = loss.mechanism.noise_multiplier
    found = np.full((2, len(_ORDERS)), np.inf)
    orders = [order for order in _ORDERS if order * loss.rows <= _FARTHEST]
    mesh = sigma / 25
    grid = np.arange(-40 * sigma - 1, orders[-1] * loss.rows + 40 * sigma + 1, mesh)
    ratio = log_ratio(loss, grid)[0]
    density = -(grid**2) / (2 * sigma**2) - math.log(sigma * math.sqrt(2 * math.pi)) + math.log(mesh)
    for place, order in enumerate(orders):
        # The mass lies between where the noise is and `order` times as far as the rows reach.
        end = int(np.searchsorted(grid, order * loss.rows + 40 * sigma + 1))
        found[0, place] = logsumexp(density[:end] + order * ratio[:end]) / (order - 1)
        found[1, place] = logsumexp(density[:end] + (1 - order) * ratio[:end]) / (order - 1)
    return np.asarray(np.maximum(found, 0.0))


_FARTHEST = 16_384
"""Orders times rows at most: beyond, the orders are no use, and the grid would not fit into memory."""
