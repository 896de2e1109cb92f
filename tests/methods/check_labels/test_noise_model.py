import numpy as np
import pytest

from stages.methods.check_labels.noise_model import chances, noise

GIVEN = np.array([0] * 90 + [1] * 6 + [2] * 4)


def test_what_is_of_a_class_is_given_as_something():
    for classes in (2, 3):
        assert noise(np.minimum(GIVEN, classes - 1), classes).sum(axis=1) == pytest.approx(np.ones(classes))


def test_as_many_marks_are_too_much_as_are_missing():
    found = noise(GIVEN, 3)
    assert found[0, 1:].sum() * 90 == pytest.approx(found[1:, 0] @ [6, 4])


def test_chances_sum_to_one_and_are_high_for_what_was_given_where_judges_know_nothing():
    shares = np.full((3, 3), 1 / 3)
    found = chances(shares, np.array([0, 1, 2]), np.ones(3, bool))
    assert found.sum(axis=1) == pytest.approx(np.ones(3))
    assert found[[0, 1, 2], [0, 1, 2]].min() > 0.8


def test_another_class_speaks_more_against_a_mark_than_none_does():
    """Where few words are marked, a judge says none of most; that alone must not make a mark doubtful."""
    rows = np.concatenate([np.array([[0.96, 0.02, 0.02], [0.02, 0.02, 0.96]]), np.tile([0.9, 0.05, 0.05], (100, 1))])
    found = chances(rows, np.concatenate([[1, 1], GIVEN]), np.arange(102) >= 2)
    assert found[0, 1] > 0.7 > 0.4 > found[1, 1]


def test_nothing_is_divided_by_zero_where_everything_is_marked():
    found = chances(np.array([[1e-6, 1 - 1e-6]] * 4), np.array([1] * 4), np.ones(4, bool))
    assert np.isfinite(found).all()
    assert noise(np.array([1, 1]), 2).min() >= 0
