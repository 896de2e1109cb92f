import random

from stages.methods.evaluate.slices import Scored, reliability, slices


def row(correct=True, label="a", source="s", language="en", confidence=0.9, length=10):
    return Scored(float(correct), source, language, confidence, length, {"label": label})


def test_each_fact_with_more_than_one_value_makes_slices_with_their_rows():
    rows = [row(label="a" if i % 2 else "b", length=i) for i in range(90)]
    found = slices(rows, 20, "accuracy")
    assert list(found) == ["length: short", "length: middle", "length: long", "label: a", "label: b"]
    assert [entry["rows"] for entry in found.values()] == [30, 30, 30, 45, 45]


def test_slices_that_are_too_small_are_left_out():
    rows = [row(source="large")] * 30 + [row(source="small")] * 5
    assert list(slices(rows, 6, "accuracy")) == ["source: large"]
    assert list(slices(rows, 5, "accuracy")) == ["source: large", "source: small"]


def test_a_slice_is_weaker_only_when_chance_does_not_explain_it():
    rows = [row(correct=i % 10 > 0, label="good") for i in range(200)]
    rows += [row(correct=i % 2 > 0, label="bad") for i in range(60)]
    found = slices(rows, 20, "accuracy")
    assert found["label: bad"]["weaker"]
    assert not found["label: good"]["weaker"]
    even = [row(correct=i % 4 > 0, label="ab"[i // 4 % 2]) for i in range(80)]
    assert not any(entry["weaker"] for entry in slices(even, 20, "accuracy").values())


def test_what_is_not_known_is_a_slice_of_its_own_and_bands_of_agreement_do_not_overlap():
    rows = [row(language=None, confidence=value) for value in (None, 0.59, 0.6, 0.79, 0.8, 1.0) for _ in range(3)]
    rows += [row(language="de", confidence=None)] * 3
    found = {name: entry["rows"] for name, entry in slices(rows, 1, "accuracy").items()}
    assert found["language: unknown"] == 18
    assert found["agreement: below 0.6"] == 3
    assert found["agreement: 0.6 to 0.8"] == 6
    assert found["agreement: 0.8 and above"] == 6
    assert found["agreement: unknown"] == 6


def test_bins_of_confidence_hold_all_rows_and_tell_how_often_they_are_right():
    draw = random.Random(0)
    confidences = [draw.random() for _ in range(500)] + [1.0, 0.0]
    correct = [draw.random() < confidence for confidence in confidences]
    bins = reliability(confidences, correct, 10)
    assert sum(one["count"] for one in bins) == 502
    assert all(one["low"] <= one["confidence"] <= one["high"] for one in bins)
    inside = [ok for sure, ok in zip(confidences, correct, strict=True) if 0.3 <= sure < 0.4]
    assert bins[3]["accuracy"] == round(sum(inside) / len(inside), 6)
    assert [one["low"] for one in reliability([0.05, 0.95], [True, True], 10)] == [0.0, 0.9]
