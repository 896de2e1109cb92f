"""The comparison on shared rows, against scipy, statistics and scikit-learn, and verdicts on made-up models."""

from __future__ import annotations

import random
import statistics

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score

from stages.methods.diff.paired import Answers, compare, crossing, mcnemar
from stages.methods.diff.verdict import p_value, signed, verdict, warnings

LABELS = ("a", "b", "c")


def answers(right, labels=None, losses=None):
    """Answers from {id: is it right}; a wrong answer is the next label."""
    labels = labels or {id: LABELS[int(id, 16) % 3] for id in right}
    said = [labels[id] if ok else LABELS[(LABELS.index(labels[id]) + 1) % 3] for id, ok in right.items()]
    columns = {
        "id": list(right), "label": [labels[id] for id in right], "answer": said, "correct": list(right.values()),
        "loss": [(losses or {}).get(id, 0.5) for id in right],
    }  # fmt: skip
    return Answers(pa.table(columns), LABELS)


def ids(start, stop):
    return [f"{i:06x}" for i in range(start, stop)]


def model(rows, hard=(), wrong=0.2, seed=1):
    """A model that errs at random, and always on `hard` rows; on a row it does the same in every test set."""
    return {id: id not in hard and random.Random(f"{seed} {id}").random() >= wrong for id in rows}


def test_scores_on_all_and_on_common_rows_are_those_of_scikit_learn():
    a, b = answers(model(ids(0, 60), seed=1)), answers(model(ids(20, 90), seed=2))
    found = compare(a, b, 13)
    assert found["rows"] == {"a": 60, "b": 70, "common": 40, "relabelled": 0, "only_a": 20, "only_b": 30}
    shared = pa.array(ids(20, 60))
    for name, table in (
        ("a_all", a.table), ("b_all", b.table), ("a_common", a.of(shared)), ("b_common", b.of(shared))
    ):  # fmt: skip
        truth, said = table["label"].to_pylist(), table["answer"].to_pylist()
        assert found["metrics"]["accuracy"][name] == pytest.approx(accuracy_score(truth, said), abs=1e-6)
        assert found["metrics"]["macro_f1"][name] == pytest.approx(f1_score(truth, said, average="macro"), abs=1e-6)


def test_the_two_parts_add_up_to_the_whole_change():
    found = compare(answers(model(ids(0, 60), seed=1)), answers(model(ids(20, 90), seed=2)), 13)
    for parts in found["metrics"].values():
        whole = parts["model"]["value"] + parts["test_set"]["value"]
        assert whole == pytest.approx(parts["total"]["value"], abs=2e-6)
        assert parts["total"]["value"] == pytest.approx(parts["b_all"] - parts["a_all"], abs=2e-6)


def test_the_interval_is_about_that_of_the_paired_difference():
    rows = ids(0, 400)
    a, b = model(rows, seed=1, wrong=0.3), model(rows, seed=2, wrong=0.2)
    change = compare(answers(a), answers(b), 13)["metrics"]["accuracy"]["model"]
    steps = [b[id] - a[id] for id in rows]
    half = 1.96 * statistics.stdev(steps) / len(rows) ** 0.5
    assert change["value"] == pytest.approx(statistics.mean(steps), abs=1e-6)
    assert change["low"] == pytest.approx(change["value"] - half, abs=0.01)
    assert change["high"] == pytest.approx(change["value"] + half, abs=0.01)


def test_losses_are_compared_where_answers_are_not_judged():
    rows = ids(0, 50)
    tables = [
        pa.table({
            "id": rows, "label": ["x"] * 50, "answer": ["y"] * 50, "correct": pa.nulls(50, pa.bool_()),
            "loss": [loss + i / 1000 for i in range(50)],
        })
        for loss in (1.0, 0.8)
    ]  # fmt: skip
    found = compare(Answers(tables[0]), Answers(tables[1]), 13)
    assert list(found["metrics"]) == ["loss"]
    assert found["metrics"]["loss"]["model"]["value"] == pytest.approx(-0.2)
    said = verdict(found)
    assert (said.model, said.metric) == ("better", "loss")
    assert "-0.200 nats" in said.sentence


def written(quality, losses=None, measure="rouge_l"):
    """Answers of a model that writes, from {id: quality, None where it gave none}; all rows have a loss."""
    columns = {
        "id": list(quality), "label": [f"reference {id}" for id in quality],
        "answer": [None if value is None else f"answer {id}" for id, value in quality.items()],
        "correct": pa.array([None if value is None else value == 1 for value in quality.values()], pa.bool_()),
        "quality": pa.array(list(quality.values()), pa.float64()),
        "loss": [(losses or {}).get(id, 0.5) for id in quality],
    }  # fmt: skip
    return Answers(pa.table(columns), (), measure)


def test_answers_that_are_right_in_part_are_compared_by_their_quality_record_by_record():
    rows = ids(0, 60)
    a, b = dict.fromkeys(rows, 0.4), {id: (0.6, 0.6, 0.3, 0.4)[i % 4] for i, id in enumerate(rows)}
    found = compare(written(a), written(b), 13)
    assert list(found["metrics"]) == ["quality", "loss"]
    assert found["metrics"]["quality"]["model"]["value"] == pytest.approx(statistics.mean(b.values()) - 0.4)
    counts = {"better": 30, "worse": 15, "equal": 15}
    assert found["by_record"] == {**counts, "p": pytest.approx(binomtest(30, 45).pvalue)}
    assert found["mcnemar"] is None
    said = verdict(found)
    assert (said.model, said.test_set, said.metric) == ("better", "same", "quality")
    assert "mean ROUGE-L changes by +7.5 points" in said.sentence
    assert "(30 answers better, 15 worse, sign test p = .04)" in said.sentence


def test_of_rows_that_only_one_model_answered_the_answers_are_not_paired():
    rows = ids(0, 40)
    a = {id: 0.2 if i < 30 else None for i, id in enumerate(rows)}
    b = {id: 0.5 if i >= 10 else None for i, id in enumerate(rows)}
    b[rows[39]] = 0.9
    found = compare(written(a), written(b, dict.fromkeys(rows, 0.4)), 13)
    quality = found["metrics"]["quality"]
    assert quality["a_all"] == pytest.approx(0.2)
    assert quality["b_all"] == pytest.approx((29 * 0.5 + 0.9) / 30, abs=1e-6)
    assert (quality["a_common"], quality["b_common"]) == (0.2, 0.5)
    assert found["by_record"]["better"] == 20
    assert "of which both answered 20, mean ROUGE-L" in verdict(found).sentence
    assert found["metrics"]["loss"]["model"]["value"] == pytest.approx(-0.1)
    assert (found["rows"]["common"], found["rows"]["only_a"]) == (40, 0)


def test_answers_of_two_kinds_of_models_are_not_compared_by_quality():
    rows = ids(0, 40)
    found = compare(written(dict.fromkeys(rows, 0.4)), written(dict.fromkeys(rows, 0.6), measure="f1"), 13)
    assert found["by_record"] is None
    assert "quality" not in found["metrics"]


def test_the_same_seed_gives_the_same_intervals():
    a, b = answers(model(ids(0, 60), seed=1)), answers(model(ids(20, 90), seed=2))
    assert compare(a, b, 13) == compare(a, b, 13)
    assert compare(a, b, 13) != compare(a, b, 14)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 5), (3, 12), (40, 52)])
def test_mcnemar_is_the_two_sided_binomial_test_on_discordant_rows(only_a, only_b):
    a = np.array([1] * only_a + [0] * only_b + [1] * 7 + [0] * 2)
    b = np.array([0] * only_a + [1] * only_b + [1] * 7 + [0] * 2)
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    found = mcnemar(a, b)
    assert (found["only_a_right"], found["only_b_right"], found["both_right"]) == (only_a, only_b, 7)
    assert found["p"] == pytest.approx(expected)


def test_a_better_model_on_the_same_test_set():
    rows = ids(0, 500)
    said = verdict(compare(answers(model(rows, wrong=0.3)), answers(model(rows, wrong=0.15)), 13))
    assert (said.model, said.test_set) == ("better", "same")
    assert "On the 500 test rows that both versions share, B is right on" in said.sentence
    assert said.sentence.count("the model got better") == 1
    assert "the same rows under the same labels" in said.sentence


def test_a_worse_model_is_called_worse():
    rows = ids(0, 500)
    said = verdict(compare(answers(model(rows, wrong=0.15)), answers(model(rows, wrong=0.3)), 13))
    assert said.model == "worse"
    assert "fewer" in said.sentence


def test_the_same_model_on_an_easier_test_set():
    hard = set(ids(0, 200))
    a, b = model(ids(0, 600), hard), model(ids(200, 800), hard)
    found = compare(answers(a), answers(b), 13)
    said = verdict(found)
    assert found["metrics"]["accuracy"]["total"]["value"] > 0.2
    assert (said.model, said.test_set) == ("same", "easier")
    assert "nothing tells the models apart" in said.sentence
    assert "is the test set: it got easier" in said.sentence


def test_a_better_model_on_a_harder_test_set_of_which_the_whole_score_shows_nothing():
    rows, hard = ids(0, 600), set(ids(600, 700))
    a, b = model(rows, wrong=0.3), model([*rows, *ids(600, 700)], hard, wrong=0.2)
    found = compare(answers(a), answers(b), 13)
    said = verdict(found)
    assert abs(found["metrics"]["accuracy"]["total"]["value"]) < 0.04
    assert (said.model, said.test_set) == ("better", "harder")


def test_a_small_difference_is_not_called_one():
    rows = ids(0, 200)
    b = model(rows)
    b[next(id for id, ok in b.items() if not ok)] = True
    said = verdict(compare(answers(model(rows)), answers(b), 13), ("v1", "v2"))
    assert said.model == "not_shown"
    assert "v2 is right on 1 more" in said.sentence
    assert "neither model is shown to be the better one" in said.sentence


def test_a_few_rows_apart_do_not_make_a_test_set_easier():
    a, b = model(ids(0, 200), seed=3), model(ids(5, 200), seed=3)
    said = verdict(compare(answers(a), answers(b), 13))
    assert said.test_set == "not_shown"
    assert "only 5 rows are in one test set only" in said.sentence


def test_test_sets_without_a_common_row_compare_nothing():
    said = verdict(compare(answers(model(ids(0, 50))), answers(model(ids(50, 100))), 13))
    assert (said.model, said.test_set) == ("unknown", "unknown")
    assert "share no row" in said.sentence


def test_relabelled_rows_are_in_no_comparison_and_scored_under_both_labels():
    rows = ids(0, 40)
    old = dict.fromkeys(rows, "a")
    new = {**old, **dict.fromkeys(rows[:4], "b")}
    learned_old = answers(dict.fromkeys(rows, True), old)
    learned_new = answers(dict.fromkeys(rows, True), new)
    found = compare(learned_old, learned_new, 13)
    assert (found["rows"]["common"], found["rows"]["relabelled"]) == (36, 4)
    assert found["relabelled"] == {
        "a_right_under_a": 4, "a_right_under_b": 0, "b_right_under_a": 0, "b_right_under_b": 4,
    }  # fmt: skip
    assert any("4 shared test rows carry another label" in line for line in warnings(found, None, 0, ("A", "B")))


def test_warnings_tell_of_few_rows_of_rows_learned_and_of_other_texts():
    found = compare(answers(model(ids(0, 20))), answers(model(ids(0, 20))), 13)
    crossed = crossing(
        {"test": pa.array(["1", "2"]), "train": pa.array(["9"])}, {"test": pa.array(["9"]), "train": pa.array(["2"])}
    )
    assert crossed == {"tested_in_a_trained_in_b": 1, "tested_in_b_trained_in_a": 1}
    told = list(warnings(found, crossed, 3, ("v1", "v2")))
    assert "share only 20 test rows" in told[0]
    assert "1 row that v1 tests on was in the training data of v2" in told[1]
    assert "1 row that v2 tests on was in the training data of v1" in told[2]
    assert "text of 3 shared test rows" in told[3]


def test_nothing_to_warn_of():
    found = compare(answers(model(ids(0, 50))), answers(model(ids(0, 50))), 13)
    assert list(warnings(found, {"tested_in_a_trained_in_b": 0, "tested_in_b_trained_in_a": 0}, 0, ("A", "B"))) == []


@pytest.mark.parametrize(
    ("p", "text"), [(0.0000001, "< .001"), (0.0042, "= .004"), (0.03, "= .03"), (0.5, "= .50"), (1.0, "= 1")]
)
def test_p_values_are_never_nought(p, text):
    assert p_value(p) == text


@pytest.mark.parametrize(("value", "text"), [(0.0151, "+1.5"), (-0.02, "-2.0"), (0.00001, "0.0"), (-0.00001, "0.0")])
def test_changes_have_a_sign_unless_they_round_to_nought(value, text):
    assert signed(value, "accuracy") == text
