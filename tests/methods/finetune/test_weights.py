import pytest

from stages.methods.finetune.weights import Facts, record_weights

OFF = {"class_weights": False, "source_weights": {}, "attribute_weights": None, "loss_over": "tokens"}
FOUR = [Facts("a", ("x",)), Facts("a", ("x",)), Facts("b", ("x",)), Facts("b", ("y",))]


def test_nothing_is_weighed_where_nothing_is_asked():
    assert record_weights(FOUR, FOUR, OFF) is None
    assert record_weights([], FOUR, OFF | {"class_weights": True}) is None


def test_classes_weigh_the_same_together_and_the_mean_is_one():
    weights = record_weights(FOUR, FOUR, OFF | {"class_weights": True})
    assert sum(weights[:3]) == pytest.approx(weights[3])
    assert sum(weights) / 4 == pytest.approx(1)


def test_a_class_that_training_lacks_weighs_as_usual():
    rows = [*FOUR, Facts("b", ("new",))]
    weights = record_weights(rows, FOUR, OFF | {"class_weights": True})
    assert weights[3] / weights[4] == pytest.approx(2)


def test_a_source_counts_as_much_as_it_is_told():
    weights = record_weights(FOUR, FOUR, OFF | {"source_weights": {"b": 3.0}})
    assert weights[2] / weights[0] == pytest.approx(3)
    assert sum(weights) == pytest.approx(4)


def test_tokens_count_the_same_unless_records_are_to():
    rows = [Facts("a", learned=10), Facts("a", learned=30)]
    assert record_weights(rows, rows, OFF) == [0.5, 1.5]
    assert record_weights(rows, rows, OFF | {"loss_over": "records"}) is None


def test_reweighing_makes_label_and_group_independent():
    rows = [Facts("s", (label,), {"sex": sex}) for sex, label in ["mx", "mx", "mx", "my", "fx", "fy", "fy", "fy"]]
    weights = record_weights(rows, rows, OFF | {"attribute_weights": "sex"})
    share = {}
    for row, weight in zip(rows, weights, strict=True):
        share.setdefault(row.attributes["sex"], []).append((row.labels[0], weight))
    for some in share.values():
        assert sum(weight for label, weight in some if label == "x") / sum(w for _, w in some) == pytest.approx(0.5)
