"""Verdicts, sizes and times of forms."""

import os
import time

import pytest

from stages.core.task import Metric
from stages.methods.export import compare
from stages.methods.export.compare import Outcome, cells, header, judge, latencies, notes, sizes


@pytest.mark.parametrize(
    ("value", "low", "high", "kept", "sure"),
    [
        (0.0, -0.005, 0.004, True, True),
        (-0.01, -0.01, 0.0, True, True),  # exactly the limit
        (-0.002, -0.02, 0.01, True, False),
        (-0.011, -0.02, 0.001, False, False),
        (-0.011, -0.02, -0.01, False, False),
        (-0.03, -0.04, -0.02, False, True),
        (0.03, 0.01, 0.04, True, True),
    ],
)
def test_the_estimate_decides_and_an_interval_over_the_limit_is_told(value, low, high, kept, sure):
    assert judge(Metric(value, low, high), 0.01) == (kept, sure)


def test_a_drop_of_exactly_the_limit_is_not_lost_in_the_last_bit():
    for i in range(1, 100):
        drop = i / 1000
        assert judge(Metric(0.7 - (0.7 + drop), -drop, 0), drop)[0]


def test_zeros_are_smaller_only_when_compressed(tmp_path):
    for name, content in (("noise", os.urandom(1000)), ("zeros", bytes(1000))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_bytes(content)
    assert sizes(tmp_path / "noise")[0] == sizes(tmp_path / "zeros")[0] == 1000
    assert sizes(tmp_path / "zeros")[1] < 100 < 900 < sizes(tmp_path / "noise")[1]


def test_every_form_is_asked_the_same_and_the_slower_one_has_the_larger_ratio():
    asked = {"one": [], "other": []}

    def ask(name, seconds):
        def wait(records):
            asked[name].append(tuple(records))
            time.sleep(seconds)

        return wait

    found = latencies({"one": ask("one", 0.001), "other": ask("other", 0.01)}, list("abc"), seconds=0)
    assert asked["one"] == asked["other"]
    assert {len(records) for records in asked["one"]} == set(compare.BATCHES)
    assert found["one"].rounds == found["other"].rounds == 3
    assert found["one"].ratio == dict.fromkeys(compare.BATCHES, 1.0)
    assert found["other"].ratio[1] > 2
    # A batch's time is shared by its records.
    assert found["other"].ms[1] == pytest.approx(32 * found["other"].ms[32], rel=0.5)


def test_the_order_turns_so_that_no_form_is_always_the_first():
    order = []
    latencies({name: lambda _, name=name: order.append(name) for name in "xyz"}, list("abc"), seconds=0)
    assert {order[i] for i in range(0, len(order), 6)} == {"x", "y", "z"}


def test_the_table_says_what_was_measured_and_what_was_decided():
    outcome = Outcome(
        "f", 2_500_000, 500_000, Metric(0.5, 0.4, 0.6), Metric(-0.02, -0.03, 0.01), kept=False, sure=False
    )
    outcome.times = compare.Times({1: 12.34, 32: 1.2}, {1: 0.5, 32: 2.0}, 7)
    row = dict(zip(header("f1"), cells(outcome), strict=True))
    assert row["MB"] == "2.5"
    assert row["MB zstd"] == "0.5"
    assert row["ms, batch 1"] == "12.3"
    assert row["f1"] == "0.5000 (0.400 to 0.600)"
    assert row["change (95 %)"] == "-0.0200 (-0.030 to +0.010)"
    assert row["verdict"] == "refused, inconclusive"


def test_what_only_one_form_has_to_say_stands_below_the_table():
    metric = Metric(1, 1, 1)
    some = [
        Outcome("onnx", 1, 1, metric, metric, kept=True, sure=True, facts={"logits_differ_by": 2.3e-6}),
        Outcome("p", 1, 1, metric, metric, True, True, {"weights": 2000, "zeros": 0.5, "zeros_of_all": 0.25}),
        Outcome("safetensors", 1, 1, metric, metric, kept=True, sure=True),
    ]
    assert notes(some) == [
        "onnx: logits differ from the tuned model's by at most 2e-06",
        "p: zeros are 50.0% of the 2,000 weights of linear layers, 25.0% of all parameters",
    ]
