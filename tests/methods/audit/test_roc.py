import random

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from stages.core.task import Metric
from stages.methods.audit.roc import (
    auc,
    auc_interval,
    clopper_pearson,
    curve,
    difference,
    flat,
    proportion,
    tpr_at_fpr,
    wilson,
)


def drawn(seed, size, shift, digits=1):
    draw = np.random.default_rng(seed)
    return np.round(draw.normal(shift, 1, size), digits), np.round(draw.normal(0, 1, size + 7), digits)


@pytest.mark.parametrize("shift", [-1, 0, 0.5, 3])
def test_the_auc_is_that_of_scikit_learn_with_many_ties(shift):
    above, below = drawn(3, 120, shift)
    truth = [1] * len(above) + [0] * len(below)
    assert auc(above, below) == pytest.approx(roc_auc_score(truth, [*above, *below]), abs=1e-12)


def test_an_auc_without_values_on_one_side_is_refused():
    with pytest.raises(ValueError, match="both sides"):
        auc([], [1.0])


def test_the_interval_of_the_auc_holds_the_truth_about_as_often_as_it_says():
    truth = 0.6381631950841195  # P(N(0.5, 1) > N(0, 1)) = Phi(0.5 / sqrt(2))
    held = 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        found = auc_interval(draw.normal(0.5, 1, 60), draw.normal(0, 1, 60), 200, seed)
        held += found.low <= truth <= found.high
    assert 88 <= held <= 100


def test_a_higher_level_gives_a_wider_interval_and_the_same_seed_the_same_one():
    above, below = drawn(1, 80, 0.3)
    usual, wide = auc_interval(above, below, 300, 7), auc_interval(above, below, 300, 7, 0.99)
    assert usual == auc_interval(above, below, 300, 7)
    assert wide.low < usual.low < usual.value < usual.high < wide.high


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (10, 10), (1, 30), (17, 40), (500, 1000)])
def test_intervals_of_shares_are_those_of_scipy(hits, trials):
    test = binomtest(hits, trials)
    exact, score = test.proportion_ci(method="exact"), test.proportion_ci(method="wilson")
    assert clopper_pearson(hits, trials) == pytest.approx((exact.low, exact.high), abs=1e-6)
    assert wilson(hits, trials) == pytest.approx((score.low, score.high), abs=1e-6)


def test_the_rate_of_hits_is_taken_at_a_threshold_that_only_so_many_false_ones_exceed():
    below = [i / 100 for i in range(200)]
    assert tpr_at_fpr([3.0, 1.975, 1.97, 0.0], below, 0.01).value == 0.5  # 1.98 and 1.99 are the two allowed
    assert tpr_at_fpr([3.0, 1.97, 0.0, 0.0], below, 0.01).value == 0.25
    assert tpr_at_fpr([3.0], below[:99], 0.01) is None


def test_with_ties_the_rate_of_false_ones_is_never_exceeded():
    below = [1.0] * 50 + [0.0] * 150
    assert tpr_at_fpr([1.0] * 10, below, 0.1).value == 0.0


def test_the_difference_of_two_shares_is_newcombes():
    # Newcombe 1998, table II: 56/70 and 48/80 give 0.0524 to 0.3339 by method 10.
    found = difference(proportion([True] * 56 + [False] * 14), proportion([True] * 48 + [False] * 32))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_the_curve_rises_from_no_hits_or_the_first_ones_to_all():
    above, below = drawn(5, 300, 1.0, digits=6)
    points = curve(above, below)
    assert points[0]["fpr"] == 0
    assert points[-1] == {"fpr": 1.0, "tpr": 1.0}
    assert [p["tpr"] for p in points] == sorted(p["tpr"] for p in points)
    area = np.trapezoid([p["tpr"] for p in points], [p["fpr"] for p in points])
    assert area == pytest.approx(auc(above, below), abs=0.01)


def test_a_metric_becomes_three_plain_numbers():
    assert flat({"auc": Metric(0.5, 0.25, 0.75)}) == {"auc": 0.5, "auc_low": 0.25, "auc_high": 0.75}


def test_wilsons_interval_holds_the_truth_about_as_often_as_it_says():
    draw = random.Random(4)
    held = 0
    for _ in range(400):
        found = proportion([draw.random() < 0.9 for _ in range(40)])
        held += found.low <= 0.9 <= found.high
    assert 0.92 <= held / 400 <= 0.99
