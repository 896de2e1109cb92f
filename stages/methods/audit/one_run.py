"""A lower bound on epsilon from a single training (Steinke, Nasr and Jagielski 2023).

Some canaries were trained on, chosen by coins. Whoever sees the model guesses the coins: in for the canaries whose loss
fell most, out for those whose loss fell least, and no guess about the rest. Under (epsilon, delta)-differential privacy
the number of right guesses is hardly ever larger than that of as many biased coins, so that many right ones show that
epsilon is not small. The bound is one-sided: it finds gross mistakes (no noise, no clipping), not a factor of two, and
a bound of 0 is no evidence of privacy. The ceiling is the most that the bound could have been.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stages.core.errors import CheckFailed, Fault
from stages.methods.audit.canaries import Planted

LEVEL = 0.05
"""The chance that the bound is above the true epsilon."""
_SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2)
_LARGEST = 50.0
_STEPS = 24
"""Of the bisection: to 50 / 2^24."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the training says of itself at this delta; None where it was not private, or where there is no bound.

    `epsilon` is that of a record whose subject has no other, as a canary is; `subject` that of a subject with all rows.
    """

    epsilon: float | None = None
    delta: float = 1e-5
    subject: float | None = None

    @classmethod
    def of(cls, certificate: Mapping[str, Any] | None) -> Claim:
        """From `privacy.json`. A canary is a record and a subject of its own: the smaller bound holds for it."""
        if certificate is None:
            return cls()
        stated = certificate["epsilon"]
        bounds = [stated[name] for name in ("record", "subject") if stated[name] is not None]
        return cls(min(bounds, default=None), certificate["delta"], stated["subject"])

    def most_found(self, rate: float) -> float | None:
        """The largest share of members that any attack can find at a false-positive rate: e^epsilon rate + delta.

        The epsilon is the subject's: of a member all rows of its subject were trained on, of the others none.
        """
        return None if self.subject is None else min(1.0, math.exp(min(self.subject, 700.0)) * rate + self.delta)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the guesses show: with a confidence of 95 %, epsilon is at least that, at this delta.

    `ceiling` is the bound had every guess been right; `tried` are the numbers of guesses, in and out, one of which gave
    the bound. They are fixed before the coins are seen, and the level is divided by how many there are (Bonferroni).
    """

    epsilon_at_least: float
    ceiling: float
    guesses: int
    correct: int
    canaries: int
    delta: float
    tried: tuple[tuple[int, int], ...]


def grid(canaries: int) -> tuple[tuple[int, int], ...]:
    """Numbers of guesses to try: in alone, or in and out, for 1/32 to 1/2 of the canaries on each side.

    In alone is better where only a few canaries were remembered, and their losses stand out.
    """
    counts = sorted({max(1, round(canaries * share)) for share in _SHARES})
    both = [(count, count) for count in counts if 2 * count <= canaries]
    return tuple(both + [(count, 0) for count in counts])


def p_value(canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """The chance of so many right guesses, or more, under (epsilon, delta)-differential privacy, at most.

    Theorem 5.2 of the paper: a tail of Binomial(guesses, e^epsilon / (1 + e^epsilon)), and what delta adds to it.
    """
    from scipy.stats import binom

    right = 1 / (1 + math.exp(-epsilon))
    tail = float(binom.sf(correct - 1, guesses, right))
    if not delta or not correct:
        return min(1.0, tail)
    fewer = np.arange(1, correct + 1)
    added = float(np.max((binom.sf(correct - fewer - 1, guesses, right) - tail) / fewer))
    return min(1.0, tail + 2 * canaries * delta * max(0.0, added))


@lru_cache(maxsize=4096)
def least_epsilon(canaries: int, guesses: int, correct: int, delta: float, level: float) -> float:
    """The largest epsilon that so many right guesses contradict at this level; 0 where they contradict none."""
    low, high = 0.0, _LARGEST
    if p_value(canaries, guesses, correct, low, delta) > level:
        return 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if p_value(canaries, guesses, correct, middle, delta) <= level else (low, middle)
    return math.floor(low * 1e4) / 1e4


def lower_bound(scores: ArrayLike, included: ArrayLike, delta: float, level: float = LEVEL) -> Bound:
    """The best bound over the grid; `scores` are higher for canaries that seem to be in.

    Ties are guessed in the order given, which must not depend on the coins.
    """
    coins = np.asarray(included, dtype=np.bool_)
    ranked = coins[np.argsort(-np.nan_to_num(np.asarray(scores, dtype=float)), kind="stable")]
    tried = grid(len(coins))
    size, each = len(ranked), level / len(tried)

    def shown(guesses: int, correct: int) -> float:
        return least_epsilon(size, guesses, correct, delta, each)

    counts = [(one + other, int(ranked[:one].sum() + (~ranked[size - other :]).sum())) for one, other in tried]
    found, guesses, correct = max((shown(*count), *count) for count in counts)
    ceiling = max(shown(guesses, guesses) for guesses, _ in counts)
    return Bound(found, ceiling, guesses, correct, size, delta, tried)


def audit_canaries(canaries: Sequence[Planted], losses: Sequence[float | None], claim: Claim) -> dict[str, Any]:
    """`canary` and its sentence for the report; nothing without canaries. `losses` are those under the tuned model.

    Raises CheckFailed when the bound is above the claimed epsilon.
    """
    rows = sorted(zip(canaries, losses, strict=True), key=lambda pair: pair[0].record.id)
    rows = [(row, loss) for row, loss in rows if row.base_loss is not None and loss is not None]
    if not rows:
        return {}
    base = np.array([row.base_loss for row, _ in rows], dtype=float)
    included = [row.included for row, _ in rows]
    bound = lower_bound(base - np.array([loss for _, loss in rows]), included, claim.delta)
    _check(bound, claim)
    control = None
    if any(row.control_loss is not None for row, _ in rows):
        without_noise = np.array([row.control_loss for row, _ in rows], dtype=float)
        control = lower_bound(base - without_noise, included, claim.delta)
    report = {
        **asdict(bound),
        "included": sum(included),
        "claimed": claim.epsilon,
        "control": control and {name: getattr(control, name) for name in ("epsilon_at_least", "guesses", "correct")},
        "underpowered": not (control or bound).epsilon_at_least,  # training that is not private is its own control
    }
    return {"canary": report, "canary_sentence": sentence(report)}


def _check(bound: Bound, claim: Claim) -> None:
    if claim.epsilon is None or bound.epsilon_at_least <= claim.epsilon:
        return
    problem = (
        f"claims an epsilon of {claim.epsilon:g}, but {bound.correct} of {bound.guesses} guesses about canaries were "
        f"right, which shows at least {bound.epsilon_at_least:g} (wrongly so in one run of twenty at most)"
    )
    step = "do not release this model: look for rows that reach it past the private training, then train anew"
    raise CheckFailed(Fault("data/finetune/privacy.json", problem, step))


def sentence(found: Mapping[str, Any]) -> str:
    """What the bound shows, and what it does not."""
    shown = (
        f"Of {found['guesses']} guesses whether a canary was trained on, {found['correct']} were right, so that with "
        f"95 % confidence epsilon is at least {found['epsilon_at_least']:g}; {found['ceiling']:g} is the most that so "
        "many canaries can show."
    )
    claim = "The training was not private: nothing is claimed."
    if found["claimed"] is not None:
        claim = f"This does not contradict the {found['claimed']:g} that is claimed."
        if found["ceiling"] <= found["claimed"]:
            claim = f"Nothing that so many canaries can show would contradict the {found['claimed']:g} that is claimed."
    said = [shown, claim]
    if found["underpowered"]:
        said.append("Training on them without noise shows nothing either: the audit has no power, take more canaries.")
    elif found["control"] is not None:
        said.append(f"A model trained on them without noise shows {found['control']['epsilon_at_least']:g}.")
    return " ".join([*said, "Gross mistakes are found so, a factor of two is not; 0 is no proof of privacy."])
