"""The head, its resamples, and the paired difference."""

from collections import Counter

import numpy as np
import pytest

from stages.methods.check_labels.policy.policy_effect import Head, lines, paired_gain, report, times_drawn
from tests.tiny import record

IDS = [f"{i:05x}" for i in range(20_000)]


def test_a_record_is_drawn_a_poisson_number_of_times_whatever_other_records_there_are():
    found = times_drawn(IDS, 7)
    shares = np.bincount(found)[:4] / len(IDS)
    assert shares == pytest.approx([0.3679, 0.3679, 0.1839, 0.0613], abs=0.01)  # of a Poisson number of mean 1
    assert (times_drawn(IDS[::-3], 7) == found[::-3]).all()
    assert (times_drawn(IDS, 8) != found).mean() > 0.5


def test_an_effect_of_the_size_of_the_noise_is_covered_as_often_as_is_promised():
    """Rows and seeds both vary: of simulated comparisons, the interval should cover the truth in about 95 of 100."""
    draw = np.random.default_rng(3)
    covered = 0
    for trial in range(60):
        rows, seeds = draw.normal(0, 0.3, 100), draw.normal(0, 0.02, (8, 1))
        gains = 0.05 + rows + seeds + draw.normal(0, 0.2, (8, 100))
        gain = paired_gain(np.zeros_like(gains), gains, trial)
        covered += gain.low <= 0.05 <= gain.high
    assert 53 <= covered <= 60


def test_what_is_common_to_both_cancels_out():
    hard = np.random.default_rng(1).integers(0, 2, (5, 300)).astype(float)
    gain = paired_gain(hard, hard, 0)
    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_the_same_gain_on_every_row_has_no_spread():
    gain = paired_gain(np.zeros((3, 50)), np.ones((3, 50)), 0)
    assert (gain.value, gain.low, gain.high) == (1.0, 1.0, 1.0)


def vectors(labels, seed=0):
    """Unit vectors around one corner for each label of a, b, c."""
    noise = np.random.default_rng(seed).normal(0, 0.2, (len(labels), 3))
    rows = np.array([[name in own for name in "abc"] for own in labels], dtype=float) + noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_a_head_learns_one_label_a_record():
    labels = [("abc"[i % 3],) for i in range(60)]
    asked = [record(i, None, "test") for i in range(60)]
    said = Head(("a", "b", "c"), several=False).answers((vectors(labels), labels), (vectors(labels, 1), asked))
    assert [one.id for one in said] == [one.id for one in asked]
    assert np.mean([one.answer == own[0] for one, own in zip(said, labels, strict=True)]) > 0.9
    assert sum(said[0].scores.values()) == pytest.approx(1)


def test_a_head_learns_sets_of_labels_none_among_them():
    sets = [("a",), ("a", "b"), ("c",), ("b", "c")]
    labels = [sets[i % 4] for i in range(80)]
    asked = [record(i, None, "test") for i in range(80)]
    said = Head(("a", "b", "c"), several=True).answers((vectors(labels), labels), (vectors(labels, 1), asked))
    assert np.mean([one.answer == own for one, own in zip(said, labels, strict=True)]) > 0.8


def qualities(gain):
    draw = np.random.default_rng(5)
    base = (draw.random((4, 400)) < 0.7).astype(float)
    better = np.where(draw.random((4, 400)) < abs(gain), float(gain > 0), base)
    return {"flag": base, "drop": better}


COUNTS = {
    "flag": {"train_rows": 100, "relabelled": 0, "left_out": 0},
    "drop": {"train_rows": 90, "relabelled": 0, "left_out": 10},
}


@pytest.mark.parametrize(("gain", "verdict"), [(0.3, "drop: better"), (-0.3, "drop: worse"), (0.0, "no difference")])
def test_the_table_says_what_was_gained_and_whether_that_can_be_told_from_chance(gain, verdict):
    found = report(qualities(gain), COUNTS, "accuracy", 13)
    assert found == report(qualities(gain), COUNTS, "accuracy", 13)
    assert (found["seeds"], found["test_rows"], found["measure"]) == (4, 400, "accuracy")
    drop = found["policies"]["drop"]
    assert drop["gain"] == pytest.approx(drop["accuracy"] - found["policies"]["flag"]["accuracy"], abs=0.0015)
    assert "gain" not in found["policies"]["flag"]
    told = lines(found, 100)
    assert verdict in told[-1]
    assert Counter(line.split()[0] for line in told[1:3]) == {"flag": 1, "drop": 1}
