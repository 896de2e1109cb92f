import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.methods.evaluate.metrics import interval, resampled, score_labels

RARE = (["a"] * 60 + ["b"] * 35 + ["c"] * 5, ["a"] * 50 + ["b"] * 40 + ["a"] * 6 + ["c"] * 4)


def sure(answers, confidence=0.9):
    return [{answer: confidence} for answer in answers]


def scored(truth, answers, scores=None, resamples=200, seed=0):
    return score_labels(truth, answers, scores or sure(answers), resamples, seed)


pairs = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=30)


@settings(deadline=None)  # scikit-learn is imported within
@given(pairs)
def test_values_are_those_of_scikit_learn(rows):
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    truth, answers = [list(column) for column in zip(*rows, strict=True)]
    found = scored(truth, answers, resamples=100)
    values = {name: metric.value for name, metric in found["metrics"].items()}
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, answers, labels=sorted(set(truth)), average="macro", zero_division=0
    )
    assert values["accuracy"] == pytest.approx(accuracy_score(truth, answers), abs=1e-6)
    assert values["macro_precision"] == pytest.approx(precision, abs=1e-6)
    assert values["macro_recall"] == pytest.approx(recall, abs=1e-6)
    assert values["macro_f1"] == pytest.approx(f1, abs=1e-6)
    labels = found["confusion"]["labels"]
    assert found["confusion"]["counts"] == [[rows.count((one, two)) for two in labels] for one in labels]


@given(pairs)
def test_intervals_are_in_order_and_within_bounds(rows):
    truth, answers = [list(column) for column in zip(*rows, strict=True)]
    for metric in scored(truth, answers, resamples=100)["metrics"].values():
        assert 0 <= metric.low <= metric.high <= 1


def test_an_interval_holds_about_what_the_binomial_distribution_says():
    accuracy = scored(*RARE, resamples=4000)["metrics"]["accuracy"]
    spread = 1.96 * np.sqrt(accuracy.value * (1 - accuracy.value) / 100)
    assert accuracy.high - accuracy.low == pytest.approx(2 * spread, rel=0.15)
    assert accuracy.low < accuracy.value < accuracy.high


def test_resamples_that_miss_a_rare_class_do_not_count_it_as_zero():
    truth, answers = ["a"] * 50 + ["b"], ["a"] * 50 + ["b"]
    assert scored(truth, answers)["metrics"]["macro_recall"].low == 1.0


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others():
    assert scored(*RARE, seed=1) == scored(*RARE, seed=1)
    assert scored(*RARE, seed=1)["metrics"] != scored(*RARE, seed=2)["metrics"]


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    truth, answers = ["a"] * 10, ["a"] * 7 + ["b"] * 3
    assert scored(truth, answers, sure(answers, 0.9))["metrics"]["ece"].value == pytest.approx(0.2)
    assert scored(truth, answers, sure(answers, 0.7))["metrics"]["ece"].value == pytest.approx(0.0)
    assert scored(["a"], ["a"], sure(["a"], 1.0))["metrics"]["ece"].value == 0.0


def test_calibration_gaps_of_different_bins_do_not_cancel():
    truth, answers = ["a"] * 20, ["a"] * 10 + ["b"] * 10
    scores = sure(answers[:10], 0.5) + sure(answers[10:], 0.5 + 0.2)
    assert scored(truth, answers, scores)["metrics"]["ece"].value == pytest.approx((0.5 + 0.7) / 2)


def test_per_class_rows_say_how_often_a_class_was_there_and_was_answered():
    found = scored(*RARE)["per_class"]
    assert found["c"] == {"precision": 1.0, "recall": 0.8, "f1": 0.888889, "support": 5, "answered": 4}
    assert sum(row["support"] for row in found.values()) == sum(row["answered"] for row in found.values()) == 100


def test_a_class_the_model_knows_but_nobody_used_has_a_row_of_zeros():
    found = scored(["a"], ["a"], [{"a": 0.9, "z": 0.1}])
    assert found["per_class"]["z"]["support"] == found["per_class"]["z"]["answered"] == 0
    assert found["metrics"]["macro_f1"].value == 1.0


def test_each_resample_has_as_many_records_as_the_sample():
    pieces = list(resampled(2_000_000, 5, seed=0))
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    assert all((piece.sum(axis=1) == 2_000_000).all() for piece in pieces)


def test_an_interval_is_made_of_percentiles():
    metric = interval(0.5, np.arange(1001) / 1000)
    assert (metric.value, metric.low, metric.high) == (0.5, 0.025, 0.975)


def test_nothing_to_score_is_an_error():
    with pytest.raises(ValueError, match="0 labels"):
        scored([], [], [])
