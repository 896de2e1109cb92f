import pickle

import numpy as np
import pytest

from stages.methods.check_labels.views import Judge, nearest, out_of_fold, term_matrix, votes

ALL = np.ones(600, dtype=bool)


def test_probabilities_are_out_of_fold():
    """A twin in the training folds would give its label away; random labels then could not be told."""
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(300, 200)).astype(np.float32)
    given = draw.integers(0, 2, 300)
    twice, labels = np.concatenate([vectors, vectors]), np.concatenate([given, given])
    apart, torn = np.arange(600) % 300 % 5, np.arange(600) // 300
    judge = Judge(twice, labels, 2)
    honest = out_of_fold(judge, apart, ALL)[np.arange(600), labels].mean()
    leaking = out_of_fold(judge, torn, ALL)[np.arange(600), labels].mean()
    assert honest == pytest.approx(0.5, abs=0.05)
    assert leaking > honest + 0.1


@pytest.mark.parametrize("bayes", [False, True])
def test_probabilities_sum_to_one_and_none_is_zero_even_without_a_class_in_training(bayes):
    draw = np.random.default_rng(1)
    given = np.arange(60) % 3
    rows = np.abs(np.eye(3, 8)[given] + draw.normal(0, 0.1, (60, 8))).astype(np.float32)
    folds = (given == 2).astype(np.int64)
    found = out_of_fold(Judge(rows, given, 3, bayes), folds, ALL[:60])
    assert found.sum(axis=1) == pytest.approx(np.ones(60))
    assert found.min() > 0
    assert found[given == 2, 2].max() < 1e-5


@pytest.mark.parametrize("bayes", [False, True])
def test_nothing_is_learned_from_what_is_not_trusted(bayes):
    draw = np.random.default_rng(2)
    true = np.arange(200) % 2
    rows = np.abs(np.eye(2, 8)[true] + draw.normal(0, 0.1, (200, 8))).astype(np.float32)
    wrong = draw.random(200) < 0.45
    given, folds = np.where(wrong, 1 - true, true), np.arange(200) // 2 % 5
    judge = Judge(rows, given, 2, bayes)
    sure = out_of_fold(judge, folds, ~wrong)[np.arange(200), true]
    misled = out_of_fold(judge, folds, ALL[:200])[np.arange(200), true]
    assert sure.min() > 0.6
    assert sure.mean() > misled.mean() + 0.1


def test_neighbours_are_the_nearest_ones_outside_the_own_group():
    vectors = np.array([[1, 0], [1, 0], [0.99, 0.14], [0, 1]], dtype=np.float32)
    near = nearest(vectors, np.array([7, 7, 8, 9]), 3)
    assert near.tolist() == [[2, 3, -1], [2, 3, -1], [0, 1, 3], [2, 0, 1]]


def test_neighbours_found_by_workers_are_those_that_comparing_all_with_all_gives():
    draw = np.random.default_rng(5)
    vectors = draw.normal(size=(1100, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    groups = draw.integers(0, 400, 1100)

    def run(work, starts):
        return map(pickle.loads(pickle.dumps(work)), starts)

    likeness = np.round(vectors @ vectors.T, 5)
    likeness[groups[:, None] == groups[None, :]] = -np.inf
    assert (nearest(vectors, groups, 7, run) == np.argsort(-likeness, axis=1, kind="stable")[:, :7]).all()


def test_each_neighbour_has_one_vote_and_more_neighbours_than_others_take_all_others():
    near = np.array([[1, 2, -1], [2, 0, -1], [-1, -1, -1]])
    given = np.array([0, 1, 1])
    assert votes(near, given, 2, 10, ALL[:3]).tolist() == [[0, 1], [0.5, 0.5], [0, 0]]
    assert votes(near, given, 2, 1, ALL[:3]).tolist() == [[0, 1], [0, 1], [0, 0]]


def test_the_next_nearest_votes_in_place_of_one_that_is_not_trusted():
    near = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    given = np.array([0, 1, 0, 0])
    found = votes(near, given, 2, 2, np.array([True, False, True, True]))
    assert found[0].tolist() == [1, 0]


def test_terms_are_words_pairs_and_runs_of_signs_that_two_texts_have():
    found = term_matrix(["good day :-)", "good day :-)", "bad"])
    assert found.shape == (3, 5)  # good, day, :-), and two pairs
    assert found[2].nnz == 0
    assert term_matrix(["one", "two"]).shape == (2, 1)
