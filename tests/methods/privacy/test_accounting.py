"""Epsilon against what others compute, against theory where it has a closed form, and against itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, norm

from stages.methods.privacy import accounting
from stages.methods.privacy.accounting import Loss, Mechanism, epsilon, epsilon_of_a_change, noise_for
from stages.methods.privacy.privacy_loss import StepLoss

DELTAS, ROWS = (1e-5, 1e-7), (1, 2, 4, 8)
# (noise multiplier, rate, steps)
A, B, C, D = (0.8, 0.0256, 117), (1.0, 0.02, 200), (0.6, 0.01, 500), (1.3, 0.1, 300)
E, F, G = (2.0, 0.3, 100), (0.7, 0.004, 1000), (8.0, 1.0, 50)
GOOGLE = {
    (A,): ((3.3729, 7.0792, 15.0269, 33.2297), (4.7567, 9.734, 19.9296, 42.0831)),
    (B,): ((1.8529, 3.9915, 8.7513, 19.9562), (2.5836, 5.3871, 11.3705, 24.8891)),
    (C,): ((5.8004, 11.5244, 23.2374, 49.5122), (8.0452, 15.6355, 30.2857, 61.2316)),
    (D,): ((7.8612, 18.6301, 47.6515, 133.7088), (9.6967, 22.3386, 55.2946, 149.9016)),
    (E,): ((7.9248, 18.922, 49.1202, 141.2589), (9.6928, 22.496, 56.5132, 157.0695)),
    (F,): ((2.0969, 4.1152, 8.1807, 16.9988), (3.2833, 6.2145, 11.4736, 22.0506)),
    (G,): ((3.7966, 8.5959, 20.6755, 54.3766), (4.659, 10.2892, 24.0195, 61.0167)),
    (A, A, A): ((5.116, 11.169), (6.7754, 14.3449)),
    (A, B): ((3.701, 7.9103), (5.0984, 10.5828)),
    (B, D, E): ((11.9352, 29.4895), (14.3671, 34.4178)),
}
"""By trainings, epsilon at each of DELTAS for 1, 2, 4 and 8 rows by google's dp-accounting 0.6.0: privacy loss
distributions, an upper bound with a mesh of 1e-3. Made by benchmarks/private_accounting.py, like the next table."""
OPACUS = {
    (A,): ((3.3832, 4.7669), (4.0738, 5.4954)),
    (B,): ((1.8629, 2.5937), (2.2298, 3.0191)),
    (C,): ((5.8107, 8.0555), (6.9494, 9.2523)),
    (D,): ((7.8715, 9.7069), (8.5978, 10.4031)),
    (E,): ((7.9352, 9.7031), (8.6195, 10.3472)),
    (F,): ((2.1067, 3.2931), (2.8299, 3.9933)),
    (G,): ((3.8067, 4.6692), (4.1057, 4.9423)),
    (A, A, A): ((5.1263, 6.7856), (5.8791, 7.5745)),
    (A, B): ((3.7112, 5.1086), (4.3911, 5.8328)),
    (B, D, E): ((11.9456, 14.3775), (12.9118, 15.2817)),
}
"""By trainings, epsilon of a record at each of DELTAS by Opacus 1.6: its accountant `prv`, then `rdp`."""
ERROR = 0.01 + 0.005
"""What the numerical accountant adds on top: a hundredth, and what a thousandth of delta makes in epsilon."""
NUMERICALLY = [((A,), 2), ((B,), 4), ((G,), 2), *(((one,), 1) for one in (A, B, C, D, E, F, G)), ((A, B), 1)]
"""Cases for the numerical accountant, which is slow where there are many rows; the Renyi orders take them all."""


def losses(trainings, rows=1):
    return [Loss(Mechanism(*one), rows) for one in trainings]


def log_ratio(mechanism, rows, x):
    """Log P/Q of one step from its definition: a mixture of Gaussians over Binomial(rows, rate) against one at 0."""
    counts, sigma = np.arange(rows + 1), mechanism.noise_multiplier
    weights = binom.logpmf(counts, rows, mechanism.rate)
    return np.logaddexp.reduce(weights + norm.logpdf(x[:, None], counts, sigma), axis=1) - norm.logpdf(x, 0, sigma)


def delta_of_one_step(mechanism, rows, at):
    """The smallest delta of one step for an epsilon, integrated from the definition in both directions."""
    x = np.linspace(-15 * mechanism.noise_multiplier, rows + 15 * mechanism.noise_multiplier, 100_001)
    ratio, noise = log_ratio(mechanism, rows, x), norm.pdf(x, 0, mechanism.noise_multiplier)
    removed = np.maximum(np.exp(ratio) - math.exp(at), 0) * noise
    added = np.maximum(1 - np.exp(at + ratio), 0) * noise
    return max(np.trapezoid(removed, x), np.trapezoid(added, x))


@pytest.mark.parametrize(("trainings", "rows"), NUMERICALLY)
def test_numerically_it_is_googles_bound_and_at_most_the_stated_error_more(trainings, rows):
    """Both are upper bounds: one that undercuts the other by more than its own slack would promise too much."""
    found = epsilon(losses(trainings, rows), 1e-5)
    bound = GOOGLE[trainings][0][ROWS.index(rows)]
    assert bound <= found <= bound + ERROR
    if rows == 1:
        assert found == pytest.approx(OPACUS[trainings][0][0], abs=1e-3)


@pytest.mark.parametrize("place", [0, 1], ids=["1e-5", "1e-7"])
def test_by_renyi_orders_it_is_above_googles_bound_and_for_one_row_what_opacus_says(place):
    for trainings, bounds in GOOGLE.items():
        found = [epsilon(losses(trainings, rows), DELTAS[place], "rdp") for rows in ROWS[: len(bounds[place])]]
        assert all(bound < ours < 1.5 * bound for bound, ours in zip(bounds[place], found, strict=True))
        assert found[0] == pytest.approx(OPACUS[trainings][1][place], abs=1e-3)


@pytest.mark.parametrize(
    ("mechanism", "rows"),
    [(Mechanism(1.0, 0.1, 1), 1), (Mechanism(1.5, 0.3, 1), 3), (Mechanism(5.0, 0.2, 1), 10)],
)
def test_a_single_step_costs_what_its_definition_says_in_both_directions(mechanism, rows):
    found = epsilon([Loss(mechanism, rows)], 1e-5)
    assert delta_of_one_step(mechanism, rows, found) <= 1e-5
    assert delta_of_one_step(mechanism, rows, found - ERROR) > 1e-5


@pytest.mark.parametrize("rows", [1, 2])
def test_without_sampling_it_is_the_gaussian_mechanism_in_closed_form(rows):
    """Balle and Wang 2018, theorem 8: all rows in all steps are one Gaussian of that sensitivity."""
    sigma, steps, delta = 8.0, 30, 1e-5
    far = rows * math.sqrt(steps) / sigma

    def exactly(at):
        return norm.cdf(far / 2 - at / far) - math.exp(at) * norm.cdf(-far / 2 - at / far) - delta

    truth = brentq(exactly, 0, 100)
    assert truth <= epsilon([Loss(Mechanism(sigma, 1.0, steps), rows)], delta) <= truth + ERROR


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("direction", ["remove", "add"])
def test_the_loss_of_a_step_is_distributed_as_a_log_ratio_must_be(direction, rows):
    """The ratio's inverse integrates to one under the first distribution: E[exp(-L)] = 1."""
    step = StepLoss(Loss(Mechanism(1.0, 0.2, 1), rows), direction)
    at = np.linspace(-30, 30, 60_001)
    chance = step.cdf(at)
    assert (np.diff(chance) >= -1e-12).all()
    assert (chance[0], chance[-1]) == pytest.approx((0, 1))
    assert np.sum(np.exp(-(at[1:] + at[:-1]) / 2) * np.diff(chance)) == pytest.approx(1, abs=1e-4)
    assert step.cdf(0.1) == pytest.approx(np.interp(0.1, at, chance))


@pytest.mark.parametrize("accountant", ["prv", "rdp"])
def test_a_subject_with_one_row_loses_exactly_what_a_record_does(accountant):
    one = Mechanism(*B)
    assert epsilon([Loss(one, 1)], 1e-5, accountant) == epsilon([Loss(one)], 1e-5, accountant)


def test_the_code_for_several_rows_agrees_with_that_for_one():
    """Of two rows, one that is never drawn: the mixture then is the usual mechanism."""
    at = np.linspace(-3, 3, 101)
    several, usual = StepLoss(Loss(Mechanism(1.0, 0.1, 1), 1), "remove"), Mechanism(1.0, 0.1, 1)
    assert several._search(np.maximum(at, -0.1)) == pytest.approx(several._exactly(np.maximum(at, -0.1)), abs=1e-6)
    assert accounting._integrated(Loss(usual, 1))[0, 50:] == pytest.approx(accounting._renyi(Loss(usual))[0, 50:])


@pytest.mark.parametrize("accountant", ["prv", "rdp"])
def test_trainings_are_composed_whatever_their_order_and_not_summed(accountant):
    first, second = losses([A, B])
    together = epsilon([first, second], 1e-5, accountant)
    assert together == epsilon([second, first], 1e-5, accountant)
    alone = [epsilon([one], 1e-5, accountant) for one in (first, second)]
    assert max(alone) < together < sum(alone)


def test_halves_of_a_training_cost_what_the_whole_does_and_nothing_costs_nothing():
    sigma, rate, steps = B
    halves = [Loss(Mechanism(sigma, rate, steps // 2))] * 2
    assert epsilon(halves, 1e-5, "rdp") == epsilon(losses([B]), 1e-5, "rdp")
    nothing = [Loss(Mechanism(0.0, 0.0, 9)), Loss(Mechanism(0.0, 0.1, 0)), Loss(Mechanism(0.0, 0.1, 9), 0)]
    assert epsilon([], 1e-5) == epsilon(nothing, 1e-5) == 0
    assert epsilon([*losses([B]), *nothing], 1e-5, "rdp") == epsilon(losses([B]), 1e-5, "rdp")


def test_both_directions_are_composed_for_either_can_be_the_larger(monkeypatch):
    some = [Loss(Mechanism(0.6, 0.05, 2))]
    both = epsilon(some, 0.05)
    monkeypatch.setattr(accounting, "_directions", lambda losses: ("remove",))
    assert epsilon(some, 0.05) < both


def test_renyi_orders_never_promise_more_than_the_numerical_accountant():
    for one in (A, D, G):
        assert epsilon(losses([one]), 1e-5) <= epsilon(losses([one]), 1e-5, "rdp")


@pytest.mark.parametrize("fault", [MemoryError, RuntimeError, ValueError])
def test_where_the_numerical_accountant_fails_the_renyi_orders_stand_in(monkeypatch, fault):
    def fail(*_):
        raise fault

    monkeypatch.setattr(accounting, "_numerically", fail)
    assert epsilon(losses([A]), 1e-5) == epsilon(losses([A]), 1e-5, "rdp")
    monkeypatch.setattr(accounting, "_numerically", lambda *_: math.nan)
    assert epsilon(losses([A]), 1e-5) == epsilon(losses([A]), 1e-5, "rdp")


def test_epsilon_is_never_negative():
    assert epsilon([Loss(Mechanism(2.0, 0.05, 2))], 0.05) == 0


def test_more_noise_costs_less_and_more_rows_steps_or_chance_cost_more():
    def cost(sigma=1.0, rate=0.02, steps=200, rows=2, delta=1e-5):
        return epsilon([Loss(Mechanism(sigma, rate, steps), rows)], delta, "rdp")

    assert cost(sigma=1.1) < cost()
    for more in ({"rate": 0.03}, {"steps": 201}, {"rows": 3}, {"delta": 1e-6}):
        assert cost(**more) > cost()


def test_there_is_no_bound_without_noise_or_for_very_many_rows():
    for accountant in ("prv", "rdp"):
        assert epsilon([Loss(Mechanism(0.0, 0.02, 1))], 1e-5, accountant) == math.inf
        assert epsilon([*losses([A]), Loss(Mechanism(9.0, 0.02, 1), 100_000)], 1e-5, accountant) == math.inf


def test_many_rows_have_a_bound_where_the_noise_is_large_enough_for_them():
    assert 0 < epsilon([Loss(Mechanism(100.0, 0.05, 10), 256)], 1e-5, "rdp") < 2
    assert epsilon([Loss(Mechanism(0.5, 0.05, 10), 64)], 1e-5) == epsilon(
        [Loss(Mechanism(0.5, 0.05, 10), 64)], 1e-5, "rdp"
    )  # far beyond the numerical grid, which is not even tried


@pytest.mark.parametrize("accountant", ["gdp", "", "PRV"])
def test_another_accountant_is_refused(accountant):
    with pytest.raises(ValueError, match="no bound by the accountant"):
        epsilon(losses([A]), 1e-5, accountant)


def test_a_change_is_two_steps_and_its_delta_pays_for_both():
    """(e, d) twice is (2e, d + e^e d): what is given must hold for a d that small."""
    some = losses([(2.0, 0.05, 40)])
    change = epsilon_of_a_change(some, 1e-5, "rdp")
    assert change > 2 * epsilon(some, 1e-5, "rdp")
    half = change / 2
    assert epsilon(some, 1e-5 / (1 + math.exp(half)), "rdp") <= half
    assert change < 2 * epsilon(some, 1e-5 / (1 + math.exp(half)), "rdp") + 0.05
    assert epsilon_of_a_change([Loss(Mechanism(0.0, 0.1, 1))], 1e-5) == math.inf


@pytest.mark.parametrize("accountant", ["prv", "rdp"])
@pytest.mark.parametrize(("target", "rate", "steps"), [(8.0, 0.13, 32), (0.5, 0.01, 300), (100.0, 1.0, 10)])
def test_the_noise_for_a_target_is_the_smallest_that_reaches_it(monkeypatch, accountant, target, rate, steps):
    """The search is what is tried here: a stand-in for the numerical accountant is as much lower as that often is."""
    monkeypatch.setattr(accounting, "_numerically", lambda losses, delta, _: 0.8 * epsilon(losses, delta, "rdp"))
    sigma = noise_for(target, rate, steps, 1e-5, accountant)

    def cost(noise):
        return epsilon([Loss(Mechanism(noise, rate, steps))], 1e-5, accountant)

    assert cost(sigma) <= target < cost(sigma - 1e-4)
    assert round(sigma, 4) == sigma


def test_no_noise_reaches_a_target_below_what_delta_allows():
    with pytest.raises(ValueError, match="no noise is enough"):
        noise_for(0.0, 0.1, 10, 1e-5, "rdp")
