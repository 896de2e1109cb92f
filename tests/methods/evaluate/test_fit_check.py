import pytest

from stages.methods.evaluate.fit_check import Part, diagnose


def part(right, rows=400, loss=0.5):
    return Part([True] * round(right * rows) + [False] * (rows - round(right * rows)), [loss] * rows)


def parts(train, test, rows=400):
    return {"train": part(train, rows), "validation": part(test, rows), "test": part(test, rows)}


@pytest.mark.parametrize(
    ("train", "test", "floor", "code"),
    [
        (0.99, 0.7, 0.6, "overfit"),
        (0.85, 0.83, 0.6, "balanced"),
        (0.89, 0.82, 0.6, "balanced"),  # a gap of 7 points that could be 2
        (0.55, 0.5, 0.6, "underfit"),
    ],
)
def test_the_code_follows_from_the_gap_and_the_floor(train, test, floor, code):
    found = diagnose(parts(train, test), floor, "accuracy")
    assert found["code"] == code
    assert f"{train:.3f}" in found["sentence"]
    assert found["gap"] == pytest.approx(train - test, abs=1e-6)


def test_the_same_gap_on_few_rows_is_not_called_overfitting():
    assert diagnose(parts(0.95, 0.8, 40), 0.5, "accuracy")["code"] == "balanced"
    assert diagnose(parts(0.95, 0.8, 4000), 0.5, "accuracy")["code"] == "overfit"


def test_losses_are_means_over_the_rows_that_have_one():
    some = parts(0.9, 0.9)
    some["test"] = Part([True, False, True], [0.2, None, 0.4])
    some["validation"] = Part([], [])
    found = diagnose(some, 0.5, "accuracy")
    assert found["test_loss"] == 0.3
    assert found["train_loss"] == 0.5
    assert "validation_accuracy" not in found
