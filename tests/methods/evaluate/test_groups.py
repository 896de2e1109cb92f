import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference

from stages.core.records import Answer, Record
from stages.core.task import Prediction
from stages.core.votes import with_votes
from stages.methods.evaluate.groups import ODDS, PARITY, Comparison, Row, compared, group_scores
from stages.methods.evaluate.summary import Answered
from stages.tasks import load_task


def rows(count=400, seed=0, worse=0.0):
    """Rows of two groups; those of group `b` are given the wrong label more often by the share `worse`."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        group, truth = "ab"[draw.integers(2)], "xy"[draw.integers(2)]
        wrong = draw.random() < 0.2 + worse * (group == "b")
        answer = {"x": "y", "y": "x"}[truth] if wrong else truth
        found.append(Row(float(answer == truth), {"g": group}, (truth,), (answer,)))
    return found


def test_differences_are_those_of_fairlearn():
    some = rows(worse=0.2)
    found = compared(some, "g", "accuracy", 5, 100, 0)
    truth, said = (
        [int("x" in side) for side in sides] for sides in ([r.truth for r in some], [r.answer for r in some])
    )
    own = [row.groups["g"] for row in some]
    entry = found["by_label"]["x"]
    parity = demographic_parity_difference(truth, said, sensitive_features=own)
    odds = equalized_odds_difference(truth, said, sensitive_features=own)
    assert entry[PARITY] == pytest.approx(parity, abs=1e-6)
    assert entry[ODDS] == pytest.approx(odds, abs=1e-6)
    rates = entry["true_positive_rate"]
    assert max(rates.values()) - min(rates.values()) <= odds + 1e-6


def test_a_group_that_is_served_worse_stands_out_from_random_groups():
    found = compared(rows(worse=0.3), "g", "accuracy", 20, 200, 0)
    assert found["groups"]["b"]["accuracy"] < found["groups"]["a"]["accuracy"]
    gap, chance = found["accuracy_difference"], found["accuracy_difference_by_chance"]
    assert found["accuracy_difference_low"] < gap < found["accuracy_difference_high"]
    assert gap > 2 * chance
    assert found[ODDS] > found[f"{ODDS}_by_chance"]
    assert "larger than chance explains: accuracy difference" in found["sentence"]


def test_groups_that_are_alike_in_truth_are_within_what_chance_explains():
    exceeded = 0
    for seed in range(20):
        found = compared(rows(seed=seed), "g", "accuracy", 20, 100, seed)
        exceeded += found["accuracy_difference"] > found["accuracy_difference_by_chance"]
    assert exceeded <= 4


def test_groups_that_differ_in_what_is_true_alone_are_unequal_in_parity_but_not_in_odds():
    draw = np.random.default_rng(3)
    some = []
    for i in range(600):
        group = "ab"[i % 2]
        truth = "x" if draw.random() < (0.8 if group == "a" else 0.2) else "y"
        answer = truth if draw.random() < 0.8 else {"x": "y", "y": "x"}[truth]
        some.append(Row(float(answer == truth), {"g": group}, (truth,), (answer,)))
    found = compared(some, "g", "accuracy", 20, 200, 0)
    assert found[PARITY] > 2 * found[f"{PARITY}_by_chance"]
    assert found[ODDS] < 1.2 * found[f"{ODDS}_by_chance"]


def test_a_rate_of_too_few_rows_is_neither_shown_nor_compared():
    some = [Row(1.0, {"g": group}, (label,), (label,)) for group in "ab" for label in ["x"] * 30]
    some += [Row(1.0, {"g": "a"}, ("y",), ("y",))] * 30 + [Row(0.0, {"g": "b"}, ("y",), ("x",))] * 3
    found = compared(some, "g", "accuracy", 20, 100, 0)["by_label"]["y"]
    assert set(found["true_positive_rate"]) == {"a"}
    assert found[ODDS] == 0.0  # of rows without the label, of which both groups have enough


def test_small_groups_and_rows_of_no_group_are_left_out():
    some = [*rows(200), *[Row(0.0, {"g": "c"}, ("x",), ("y",))] * 5, Row(0.0, {}, ("x",), ("y",))]
    found = compared(some, "g", "accuracy", 20, 100, 0)
    assert set(found["groups"]) == {"a", "b"}
    assert found["too_small"] == 1
    assert sum(entry["rows"] for entry in found["groups"].values()) == 200
    assert compared(some, "g", "accuracy", 150, 100, 0) == {}


def test_groups_of_few_rows_are_missed_by_some_resamples():
    some = [Row(float(i % 2), {"g": "ab"[i == 0]}, ("x",), ("xy"[i % 2],)) for i in range(6)]
    found = compared(some, "g", "accuracy", 1, 200, 0)
    assert found["accuracy_difference_low"] <= found["accuracy_difference"] <= found["accuracy_difference_high"]


def test_groups_drawn_anew_have_the_same_sizes_and_stay_among_rows_of_the_same_labels():
    some = rows(50)
    comparison = Comparison(some, [row.groups["g"] for row in some], "accuracy", 5)
    strata = [row.truth for row in some]
    is_x = np.array([truth == ("x",) for truth in strata])
    for (mixed,) in comparison._mixed(5, 1, strata):
        assert mixed.sum(axis=1).tolist() == comparison.member.sum(axis=1).tolist()
        assert mixed[:, is_x].sum(axis=1).tolist() == comparison.member[:, is_x].sum(axis=1).tolist()
        assert not np.array_equal(mixed, comparison.member)


def answered(task, values, answers, attributes):
    records = [
        Record(f"{i:04x}", "s", str(i), task.schema, value, split="test", attributes=own)
        for i, (value, own) in enumerate(zip(values, attributes, strict=True))
    ]
    said = [Prediction(record.id, answer, scores) for record, (answer, scores) in zip(records, answers, strict=True)]
    return Answered(task, records, said)


def test_records_without_attributes_add_nothing_to_the_report():
    task = load_task("classification")
    test = answered(task, [{"text": "t", "label": "x"}] * 50, [("x", {"x": 1.0})] * 50, [{}] * 50)
    assert group_scores(test, "accuracy", 5, 100, 0) == {}


def test_what_annotators_said_is_no_group():
    task = load_task("classification")
    votes = [with_votes({}, {"anna": "ab"[i % 2]}) for i in range(80)]
    test = answered(task, [{"text": "t", "label": "x"}] * 80, [("x", {"x": 1.0})] * 80, votes)
    assert group_scores(test, "accuracy", 5, 100, 0) == {}


def test_sets_of_labels_are_compared_label_by_label():
    task = load_task("multi_label")
    values = [{"text": "t", "labels": ("x", "y")}] * 80
    answers = [(("x", "y") if i % 2 else ("x",), {"x": 0.9, "y": 0.5}) for i in range(80)]
    test = answered(task, values, answers, [{"g": "ab"[i % 2]} for i in range(80)])
    [(name, found)] = group_scores(test, "quality", 20, 100, 0)["groups"].items()
    assert name == "g"
    assert (found[PARITY], found[f"{PARITY}_label"]) == (1.0, "y")
    assert found["by_label"]["x"][PARITY] == 0.0


def test_answers_that_are_no_labels_are_compared_by_their_quality_alone():
    task = load_task("question_answering")
    values = [{"question": "q", "context": "one two", "answers": (Answer(0, "one"),)}] * 80
    said = [("one" if i % 2 else "two", {}) for i in range(80)]
    test = answered(task, values, said, [{"g": "ab"[i % 2]} for i in range(80)])
    found = group_scores(test, "quality", 20, 100, 0)["groups"]["g"]
    assert found["quality_difference"] > 0.9
    assert PARITY not in found
    assert "by_label" not in found
