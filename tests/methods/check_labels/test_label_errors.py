import random
from collections import Counter

import numpy as np
import pytest

from stages.methods.check_labels.label_errors import (
    Views,
    deal_folds,
    doubt,
    look,
    neighbour_votes,
    normalized_margin,
    out_of_fold,
)


def clusters(rows=240, classes=3, wrong=0.1, seed=0):
    """Vectors around one direction a class, labels of which some are wrong, and which those are."""
    draw = np.random.default_rng(seed)
    true = np.arange(rows) % classes
    vectors = np.eye(classes, 8)[true] + draw.normal(0, 0.15, (rows, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    bad = draw.random(rows) < wrong
    given = np.where(bad, (true + draw.integers(1, classes, rows)) % classes, true)
    return vectors, [f"c{code}" for code in given], bad


def test_folds_never_tear_a_group_and_each_holds_each_class():
    draw = random.Random(1)
    keys = [f"g{draw.randrange(60)}" for _ in range(200)]
    labels = [draw.choice("abc") for _ in keys]
    folds = deal_folds(labels, keys, 4, 13)
    of_group = {}
    for key, fold in zip(keys, folds, strict=True):
        of_group.setdefault(key, set()).add(int(fold))
    assert all(len(some) == 1 for some in of_group.values())
    for label in "abc":
        assert {int(f) for f, own in zip(folds, labels, strict=True) if own == label} == {0, 1, 2, 3}


def test_a_class_with_fewer_groups_than_folds_is_set_aside():
    labels = ["a"] * 10 + ["rare"] * 6
    keys = [str(i) for i in range(10)] + ["one", "one", "one", "two", "two", "two"]
    folds = deal_folds(labels, keys, 3, 13)
    assert (folds[10:] == -1).all()
    assert (folds[:10] >= 0).all()


def test_folds_depend_on_the_seed_and_not_on_the_order_of_the_rows():
    labels, keys = ["a", "b"] * 20, [str(i) for i in range(40)]
    forward, backward = deal_folds(labels, keys, 5, 1), deal_folds(labels[::-1], keys[::-1], 5, 1)
    assert (forward == backward[::-1]).all()
    assert (forward != deal_folds(labels, keys, 5, 2)).any()


def test_probabilities_are_out_of_fold():
    """A twin in the training folds would give its label away; random labels then could not be told."""
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(300, 200)).astype(np.float32)
    given = draw.integers(0, 2, 300)
    twice, labels = np.concatenate([vectors, vectors]), np.concatenate([given, given])
    apart = np.arange(600) % 300 % 5
    torn = np.arange(600) // 300
    honest = out_of_fold(twice, labels, apart)[np.arange(600), labels].mean()
    leaking = out_of_fold(twice, labels, torn)[np.arange(600), labels].mean()
    assert honest == pytest.approx(0.5, abs=0.05)
    assert leaking > honest + 0.1


def test_probabilities_sum_to_one_and_none_is_zero_even_without_a_class_in_training():
    vectors, labels, _ = clusters(60)
    given = np.array([int(label[1]) for label in labels])
    folds = (given == 2).astype(np.int64)
    found = out_of_fold(vectors, given, folds)
    assert found.sum(axis=1) == pytest.approx(np.ones(60))
    assert found.min() > 0
    assert found[given == 2, 2].max() < 1e-5


def test_neighbours_are_the_nearest_ones_outside_the_own_group():
    vectors = np.array([[1, 0], [1, 0], [0.99, 0.14], [0, 1]], dtype=np.float32)
    votes = neighbour_votes(vectors, np.array([0, 0, 1, 2]), np.array([7, 7, 8, 9]), 1)
    assert votes.tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]]


def test_more_neighbours_than_others_take_all_others_and_a_lone_group_has_no_votes():
    vectors = np.eye(3, dtype=np.float32)
    given = np.array([0, 1, 1])
    assert neighbour_votes(vectors, given, np.array([0, 1, 2]), 10)[0].tolist() == [0, 1]
    assert neighbour_votes(vectors, given, np.array([5, 5, 5]), 10).sum() == 0


def test_most_wrong_labels_are_found_and_few_right_ones_doubted():
    vectors, labels, bad = clusters()
    keys = [str(i) for i in range(len(labels))]
    views = look(vectors, labels, keys, deal_folds(labels, keys, 5, 13), 10)
    found = doubt(views)
    assert (found.suspect & bad).sum() >= 0.8 * bad.sum()
    assert (found.suspect & ~bad).sum() <= 3
    right = [views.classes[code] for code in found.suggested[found.suspect & bad]]
    true = [f"c{i % 3}" for i in np.flatnonzero(found.suspect & bad)]
    assert right == true
    assert found.margin[found.suspect].max() < np.median(found.margin)


def test_a_label_is_a_suspect_when_model_and_neighbours_doubt_it_and_not_when_the_model_does_alone():
    given = np.array([0] * 20 + [1] * 20)
    probabilities = np.where(np.eye(2)[given] > 0, 0.85, 0.15)
    probabilities[:4] = [0.01, 0.99]
    votes = np.eye(2)[given].astype(float)
    assert not doubt(Views(["a", "b"], given, probabilities, votes)).suspect.any()
    votes[:4] = [0.0, 1.0]
    assert np.flatnonzero(doubt(Views(["a", "b"], given, probabilities, votes)).suspect).tolist() == [0, 1, 2, 3]


def test_the_margin_is_cleanlabs():
    from cleanlab.rank import get_normalized_margin_for_each_label

    draw = np.random.default_rng(2)
    shares = draw.dirichlet(np.ones(4), 50)
    given = draw.integers(0, 4, 50)
    assert normalized_margin(shares, given) == pytest.approx(get_normalized_margin_for_each_label(given, shares))


def test_a_group_of_two_labels_is_counted_for_one_of_them_only():
    labels, keys = ["a", "b", "b", "b"], ["x", "x", "y", "z"]
    assert Counter(deal_folds(labels, keys, 2, 0).tolist())[-1] == 1
