"""Whether two sets of rows are alike: the tests find differences, and few where there are none."""

import numpy as np
import pytest

from stages.methods.check_labels.issues.drift import (
    Difference,
    embedding_difference,
    holm,
    label_difference,
    length_difference,
    told,
)


def test_labels_in_other_shares_are_found_and_how_far_apart_they_are():
    found = label_difference({"a": 80, "b": 20}, {"a": 40, "b": 60})
    assert found.p < 1e-6
    assert found.effect == pytest.approx(0.4082, abs=1e-4)  # the phi of a table of two rows and two columns
    assert label_difference({"a": 50, "b": 50}, {"a": 50, "b": 50}).effect == 0


def test_rare_labels_are_compared_together_and_too_few_rows_not_at_all():
    rare = {f"r{i}": 1 for i in range(20)}
    assert label_difference({"a": 80, **rare}, {"a": 100}).p < 1e-4
    assert label_difference({"a": 100}, {"a": 100, "b": 1}) is None
    assert label_difference({"a": 9, "b": 9}, {"a": 500, "b": 9}) is None


def test_lengths_are_compared_by_their_whole_distribution():
    draw = np.random.default_rng(3)
    one, wider = draw.normal(100, 5, 400).astype(int), draw.normal(100, 40, 400).astype(int)
    assert length_difference([*one], [*wider]).p < 1e-6
    assert length_difference([*one[:200]], [*one[200:]]).p > 0.01
    assert length_difference([*one[:49]], [*wider]) is None


def vectors(shift, rows=400, dimensions=12):
    draw = np.random.default_rng(5)
    found = draw.normal(size=(rows, dimensions))
    second, learned = draw.random(rows) < 0.4, draw.random(rows) < 0.5
    found[second, 0] += shift
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32), second, learned


def test_embeddings_are_unlike_where_a_classifier_tells_the_sets_apart_on_rows_it_has_not_seen():
    apart = embedding_difference(*vectors(shift=2.0))
    assert apart.effect > 0.75
    assert apart.p < 1e-6
    same = embedding_difference(*vectors(shift=0.0))
    assert same.effect < 0.6
    assert same.p > 0.01
    some, second, _ = vectors(shift=2.0)
    assert embedding_difference(some, second, np.ones(400, dtype=bool)) is None


def test_p_values_are_corrected_from_the_smallest_on_and_never_fall():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_is_notable_is_significant_after_correction_and_not_small():
    large, small, unsure = ((0.3, 1e-9), (0.05, 1e-9), (0.3, 0.04))
    rows = told([Difference("lengths", "t", "m", effect, p) for effect, p in (large, small, unsure)])
    assert [row["notable"] for row in rows] == [True, False, True]
    assert [row["p_corrected"] for row in rows] == [0.0, 0.0, 0.04]
    assert not told([Difference("lengths", "t", "m", *unsure), Difference("lengths", "t", "m", *unsure)])[0]["notable"]
