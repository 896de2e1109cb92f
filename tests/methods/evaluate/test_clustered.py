import numpy as np
import pytest

from stages.methods.evaluate.clustered import Clustered, largest


def means(frames, columns, resamples=400):
    arrays = {name: (np.array(who), np.array(values, dtype=float)) for name, (who, values) in columns.items()}
    return Clustered.of(frames, arrays, resamples, 3)


def test_a_mean_is_that_of_its_own_pairs():
    found = means(["a", "a", "b", "b"], {"x": ([True, True, True, False], [1, 0, 0, 1])})
    assert found.mean("x").value == pytest.approx(1 / 3, abs=1e-6)
    assert found.sizes["x"] == 2


def test_many_pairs_of_few_sentences_are_no_more_certain_than_the_sentences():
    draw = np.random.default_rng(1)
    flips = np.repeat(draw.random(20) < 0.4, 50)
    everyone = np.ones(1000, dtype=bool)
    by_sentence = means([str(i // 50) for i in range(1000)], {"x": (everyone, flips)}).mean("x")
    by_pair = means([str(i) for i in range(1000)], {"x": (everyone, flips)}).mean("x")
    assert by_sentence.value == by_pair.value
    assert by_sentence.high - by_sentence.low > 5 * (by_pair.high - by_pair.low)


def test_no_flip_at_all_still_leaves_doubt_by_the_number_of_sentences():
    found = means([str(i // 10) for i in range(200)], {"x": ([True] * 200, [0] * 200)}).mean("x")
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.161, abs=0.002)  # Wilson's for 0 of 20


def test_a_difference_within_the_same_sentences_is_surer_than_the_means():
    draw = np.random.default_rng(2)
    base = np.repeat(draw.random(30), 2)
    one = np.arange(60) % 2 == 0
    values = base + np.where(one, 0.1, 0.0)
    found = means([str(i // 2) for i in range(60)], {"x": (one, values), "y": (~one, values)})
    difference = found.difference("x", "y")
    assert (difference.low, difference.value, difference.high) == pytest.approx((0.1, 0.1, 0.1), abs=1e-6)
    assert found.mean("x").high - found.mean("x").low > 0.1


def test_resamples_without_any_pair_of_a_column_are_left_out():
    frames = [str(i) for i in range(6)]
    found = means(frames, {"x": ([True, True] + [False] * 4, [0, 1, 0, 0, 0, 0])}).mean("x")
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_the_largest_of_many_means_that_are_zero_in_truth_has_an_interval_that_holds_zero():
    missed = 0
    for seed in range(40):
        values = np.random.default_rng(seed).normal(size=(30, 50))
        _, _, shift = largest([str(i) for i in range(30)], np.zeros(30, dtype=int), values, 300, seed)
        missed += not shift.low <= 0 <= shift.high
    assert missed <= 6


def test_the_largest_mean_is_named_by_its_column_and_its_place():
    values = np.random.default_rng(0).normal(0, 0.1, size=(80, 3))
    columns = np.arange(80) % 2
    values[columns == 1, 2] -= 1
    column, place, shift = largest([str(i // 2) for i in range(80)], columns, values, 300, 0)
    assert (column, place) == (1, 2)
    assert shift.value == pytest.approx(-1, abs=0.1)
    assert shift.low < shift.value < shift.high < 0


def test_one_sentence_tells_nothing_of_how_sure_a_shift_is():
    assert largest(["a", "a"], np.array([0, 0]), np.ones((2, 1)), 100, 0) is None
