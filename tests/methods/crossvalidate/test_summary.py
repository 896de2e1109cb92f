"""Folds added up."""

import pytest

from stages.core.task import Metric
from stages.methods.crossvalidate.summary import lines, over_folds, report


def test_the_t_interval_is_that_of_the_textbook_and_the_corrected_one_is_wider():
    # Four values with mean 5 and standard deviation 2.5820; t(0.975, 3) = 3.1824.
    found = over_folds([2.0, 4.0, 6.0, 8.0], Metric(5.1, 4.9, 5.3))
    assert found["mean"] == 5.0
    assert found["sd"] == pytest.approx(2.581989, abs=1e-6)
    assert found["t_low"] == pytest.approx(5 - 3.182446 * 2.581989 / 2, abs=1e-4)
    assert found["corrected_high"] == pytest.approx(5 + 3.182446 * 2.581989 * (1 / 4 + 1 / 3) ** 0.5, abs=1e-4)
    assert (found["pooled"], found["pooled_low"], found["pooled_high"]) == (5.1, 4.9, 5.3)


def test_folds_that_agree_leave_no_spread():
    found = over_folds([0.5, 0.5], Metric(0.5, 0.4, 0.6))
    assert found["t_low"] == found["t_high"] == 0.5


def test_the_table_has_a_row_a_fold_and_the_metric_that_matters_first():
    folds = [
        {"fold": n, "train": 9, "validation": 1, "rows": 5, "metrics": {"accuracy": 0.8, "macro_f1": 0.7 + 0.1 * n}}
        for n in range(2)
    ]
    pooled = {"accuracy": Metric(0.8, 0.7, 0.9), "macro_f1": Metric(0.75, 0.6, 0.9)}
    found = report(folds, pooled, "macro_f1", 10)
    told = lines(found, 100)
    assert told[0].split()[:6] == ["fold", "train", "validation", "held", "out", "macro_f1"]
    assert told[1].split() == ["0", "9", "1", "5", "0.7000", "0.8000"]
    assert "macro_f1: mean 0.7500, standard deviation 0.0707" in told


def test_a_metric_that_a_fold_lacks_is_not_averaged():
    folds = [{"fold": n, "train": 1, "validation": 1, "rows": 1, "metrics": {"f1": 0.5}} for n in range(2)]
    del folds[1]["metrics"]["f1"]
    assert report(folds, {"f1": Metric(0.5, 0.4, 0.6)}, "f1", 2)["metrics"] == {}
