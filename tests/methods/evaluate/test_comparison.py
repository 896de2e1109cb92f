import numpy as np
import pytest
from sklearn.metrics import f1_score

from stages.methods.evaluate.comparison import class_f1, macro_f1_gain


def answers(seed, size=200, right=0.7):
    draw = np.random.default_rng(seed)
    truth = draw.choice(["a", "b", "c"], size, p=[0.6, 0.3, 0.1])
    guess = draw.choice(["a", "b", "c", "d"], size)
    return truth.tolist(), np.where(draw.random(size) < right, truth, guess).tolist()


def test_f1_by_class_is_that_of_scikit_learn_and_lies_in_its_interval():
    truth, said = answers(1)
    found = class_f1(truth, said, 200, 5)
    expected = f1_score(truth, said, labels=list(found), average=None)
    assert [metric.value for metric in found.values()] == pytest.approx(expected, abs=1e-6)
    assert all(metric.low <= metric.value <= metric.high for metric in found.values())


def test_the_gain_is_the_difference_of_the_macro_f1s():
    truth, ours = answers(2)
    _, theirs = answers(3)
    found = macro_f1_gain(truth, ours, theirs, 200, 5)
    labels = sorted(set(truth))
    scores = [f1_score(truth, said, labels=labels, average="macro") for said in (ours, theirs)]
    assert found.value == pytest.approx(scores[0] - scores[1], abs=1e-6)
    assert macro_f1_gain(truth, theirs, ours, 200, 5).value == -found.value


def test_a_model_gains_nothing_over_itself():
    truth, ours = answers(4)
    found = macro_f1_gain(truth, ours, ours, 100, 5)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_pairing_narrows_the_interval_of_models_that_fail_on_the_same_records():
    truth, ours = answers(5)
    theirs = [other if i % 20 == 0 else own for i, (own, other) in enumerate(zip(ours, answers(6)[1], strict=True))]
    paired = macro_f1_gain(truth, ours, theirs, 300, 5)
    alone = class_f1(truth, ours, 300, 5)["a"]
    assert paired.high - paired.low < alone.high - alone.low


def test_intervals_of_equal_models_hold_zero_about_as_often_as_they_say():
    held = 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        truth = draw.choice(["a", "b"], 150)
        both = [np.where(draw.random(150) < 0.8, truth, "b").tolist() for _ in range(2)]
        found = macro_f1_gain(truth.tolist(), *both, 200, seed)
        held += found.low <= 0 <= found.high
    assert held >= 52
