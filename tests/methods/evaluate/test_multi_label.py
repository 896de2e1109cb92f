import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.methods.evaluate.multi_label import NONE, instead, micro_f1_gain, score_label_sets

LABELS = "abcd"
sets = st.lists(st.sets(st.sampled_from(LABELS)), min_size=1, max_size=12)


def answered(truth, seed=0):
    """Scores in steps of a tenth, so that some are equal, and the labels that reach a half."""
    draw = random.Random(seed)
    scores = [{label: (draw.randint(0, 6) + 4 * (label in row)) / 10 for label in LABELS} for row in truth]
    return [{label for label, score in row.items() if score >= 0.5} for row in scores], scores


def cells(rows):
    return np.array([[label in row for label in LABELS] for row in rows])


@settings(deadline=None)  # scikit-learn is imported within
@given(sets)
def test_the_metrics_are_those_of_scikit_learn(truth):
    from sklearn import metrics

    answers, scores = answered(truth)
    found = {name: metric.value for name, metric in score_label_sets(truth, answers, scores, 1, 0).metrics.items()}
    true, said = cells(truth), cells(answers)
    chances = np.array([[row[label] for label in LABELS] for row in scores])
    present = np.flatnonzero(true.any(axis=0))
    expected = {
        "micro_f1": metrics.f1_score(true, said, average="micro", zero_division=0),
        "micro_precision": metrics.precision_score(true, said, average="micro", zero_division=0),
        "micro_recall": metrics.recall_score(true, said, average="micro", zero_division=0),
        "exact_match": metrics.accuracy_score(true, said),
        "hamming_loss": metrics.hamming_loss(true, said),
        "macro_f1": metrics.f1_score(true, said, average=None, zero_division=0)[present].mean() if len(present) else 0,
        "mean_average_precision": np.mean(
            [metrics.average_precision_score(true[:, i], chances[:, i]) for i in present] or [0]
        ),
    }
    assert found == pytest.approx(expected, abs=1e-6)


@settings(deadline=None)
@given(sets)
def test_the_quality_of_an_answer_is_the_overlap_of_both_sets(truth):
    answers, scores = answered(truth)
    quality = score_label_sets(truth, answers, scores, 1, 0).quality
    expected = [len(a & b) / len(a | b) if a | b else 1 for a, b in zip(truth, answers, strict=True)]
    assert quality == pytest.approx(expected, abs=1e-6)


def test_each_label_of_the_truth_has_a_row_with_its_intervals():
    truth = [{"a"}, {"a", "b"}, {"b"}, set(), {"a"}] * 20
    answers, scores = answered(truth)
    per_class = score_label_sets(truth, answers, scores, 200, 7).details["per_class"]
    assert list(per_class) == ["a", "b"]
    for label, row in per_class.items():
        assert row["rows"] == sum(label in own for own in truth)
        assert row["f1_low"] < row["f1"] < row["f1_high"]
        assert row["average_precision_low"] <= row["average_precision"] <= row["average_precision_high"]


def test_intervals_come_from_the_seed():
    truth = [{"a"}, {"b"}, {"a", "b"}] * 10
    answers, scores = answered(truth)
    assert score_label_sets(truth, answers, scores, 100, 1) == score_label_sets(truth, answers, scores, 100, 1)
    assert score_label_sets(truth, answers, scores, 100, 1) != score_label_sets(truth, answers, scores, 100, 2)


def test_many_labels_and_resamples_in_pieces_give_what_they_give_at_once(monkeypatch):
    truth = [{"a"}, {"b"}, {"a", "c"}] * 7
    answers, scores = answered(truth)
    whole = score_label_sets(truth, answers, scores, 50, 1)
    monkeypatch.setattr("stages.methods.evaluate.multi_label._PLACES_AT_ONCE", 60)
    assert score_label_sets(truth, answers, scores, 50, 1) == whole


def test_with_one_label_a_record_the_pairs_are_the_confusion_matrix():
    pairs = list(instead([{"a"}, {"b"}, {"b"}], [{"a"}, {"a"}, {"b"}]))
    assert pairs == [("a", "a"), ("b", "a"), ("b", "b")]


def test_what_was_missed_stands_beside_what_was_said_in_its_place():
    assert list(instead([{"a", "b"}], [{"a", "c"}])) == [("a", "a"), ("b", "c")]
    assert list(instead([{"a", "b"}], [{"a"}])) == [("a", "a"), ("b", NONE)]
    assert list(instead([{"a"}], [{"a", "c"}])) == [("a", "a"), (NONE, "c")]
    assert list(instead([{"a", "b"}, set()], [{"c", "d"}, set()])) == [
        ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), (NONE, NONE),
    ]  # fmt: skip


def test_the_gain_is_the_difference_of_micro_f1_and_none_over_oneself():
    truth = [{"a"}, {"a", "b"}, {"b"}, {"c"}] * 10
    worse = [row - {"b"} for row in truth]
    gain = micro_f1_gain(truth, truth, worse, 200, 3)
    assert gain.value == pytest.approx(1 - 2 * 30 / (50 + 30), abs=1e-6)
    assert 0 < gain.low < gain.value < gain.high
    same = micro_f1_gain(truth, worse, worse, 200, 3)
    assert (same.low, same.value, same.high) == (0, 0, 0)


def test_nothing_to_score_and_rows_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="0 sets"):
        score_label_sets([], [], [], 10, 0)
    with pytest.raises(ValueError, match="1 answers"):
        score_label_sets([{"a"}] * 2, [{"a"}], [{}] * 2, 10, 0)
