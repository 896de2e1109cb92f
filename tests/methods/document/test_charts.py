import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.document.charts import Bin, Estimate, axis, bars, heat_map, lines, reliability, shares, whiskers
from stages.methods.document.flow_chart import NARROW, WIDE, Branch, End, Step, flow_chart

EVIL = 'a"><script>alert(1)</script>'


def drawn(markup):
    """The drawing parsed as XML, which fails for anything that is not escaped or not closed."""
    return ElementTree.fromstring(re.sub(r'xmlns="[^"]*"', "", str(markup)))


def texts(markup):
    return ["".join(node.itertext()) for node in drawn(markup).iter("text")]


def flow(counts, layout=WIDE):
    left = [counts[i] - counts[i + 1] for i in range(len(counts) - 1)]
    steps = [
        Step(f"stage{i}", given, (Branch("gone", out, "drop"),) if out else (), ())
        for i, (given, out) in enumerate(zip(counts, left, strict=False))
    ]
    return flow_chart(steps, [End("train", counts[-1])], layout)


@given(st.floats(0, 1), st.floats(0.001, 1))
def test_an_axis_covers_its_values_with_some_ticks_inside(low, size):
    start, end, ticks = axis(low, low + size)
    assert start <= low + 1e-9
    assert end >= low + size - 1e-9
    assert 2 <= len(ticks) <= 7
    assert all(start - 1e-9 <= tick <= end + 1e-9 for tick in ticks)


def test_an_estimate_stands_with_its_value_and_interval():
    told = texts(whiskers("Accuracy", [Estimate("model", 0.8, 0.75, 0.85), Estimate("baseline", 0.5)]))
    assert "model" in told
    assert any("80.0" in text for text in told)
    assert any("75.0" in text and "85.0" in text for text in told)


def test_a_dot_at_the_end_of_its_scale_keeps_clear_of_the_value_beside_it():
    chart = drawn(whiskers("Accuracy", [Estimate("model", 1.0, 0.5, 1.0)]))
    dot = chart.find(".//circle")
    [value] = [node for node in chart.iter("text") if node.text == "100.0"]
    assert float(dot.get("cx")) + float(dot.get("r")) + 4 <= float(value.get("x")) - 8.4 * len(value.text)


def test_a_dot_at_the_top_of_a_reliability_diagram_does_not_cover_what_the_axis_is_called():
    chart = drawn(reliability("t", [Bin(0.1, 1.0, 9)]))
    dot = chart.find(".//circle")
    [name] = [node for node in chart.iter("text") if node.text == "share right, %"]
    assert float(name.get("y")) <= float(dot.get("cy")) - float(dot.get("r"))


@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_the_flow_writes_every_count_also_where_a_stream_is_too_thin_to_see(layout):
    told = " ".join(texts(flow([1_000_000, 999_999, 40, 39], layout)))
    for count in ("1,000,000", "999,959", "39"):
        assert count in told


def test_all_charts_escape_their_names():
    charts = [
        whiskers("t", [Estimate(EVIL, 0.5)]),
        bars("t", [(EVIL, 3)]),
        shares("t", [(EVIL, {"train": 3, "test": 1})]),
        heat_map("t", [EVIL, "b"], [[1, 2], [3, 4]]),
        flow_chart([Step(EVIL, 3, (Branch(EVIL, 1, "drop"),), (EVIL,))], [End(EVIL, 2)], WIDE),
    ]
    for chart in charts:
        assert "<script" not in str(chart)
        assert drawn(chart) is not None


def test_charts_of_nothing_but_zeros_can_be_drawn():
    for chart in (
        bars("t", [("a", 0)]),
        heat_map("t", ["a", "b"], [[0, 0], [0, 0]]),
        reliability("t", [Bin(0.5, 0.5, 1)]),
        lines("t", {"loss": [(1.0, 0.3)]}, "step"),
        flow([3, 3]),
    ):
        assert "nan" not in str(chart).lower()
        assert drawn(chart) is not None


def test_a_perplexity_is_drawn_on_its_own_scale_and_fits_its_column():
    drawn = whiskers(
        "Perplexity", [Estimate("m", 7.4, 7.1, 7.82), Estimate("u", 248.21, 1.0, 12345.6)], scale=1, digits=2
    )
    assert ">7.40<" in drawn
    assert ">7.10–7.82<" in drawn
    assert ">248.2<" in drawn
    assert ">1.00–1.23e+04<" in drawn
