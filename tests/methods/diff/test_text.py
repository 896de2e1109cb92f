"""A comparison told as text and as a page, from made-up values."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from stages.methods.diff.drawings import NARROW, WIDE, Change, changes, crossing
from stages.methods.diff.page import IDS, page
from stages.methods.diff.text import lines
from stages.methods.diff.wording import end_words, minus, setting, shown, stages_words

HOSTILE = "<script>alert(1)</script>\x1b[31m"
KEPT, GONE = {"kind": "kept", "stage": "", "reason": "train"}, {"kind": "absent", "stage": "", "reason": ""}
DROPPED = {"kind": "dropped", "stage": "clean", "reason": "too_short"}
METRIC = {
    "a_all": 0.7, "a_common": 0.71, "b_common": 0.75, "b_all": 0.8, "total": {"value": 0.1, "low": 0.05, "high": 0.15},
    "model": {"value": 0.04, "low": -0.01, "high": 0.09}, "test_set": {"value": 0.06, "low": 0.02, "high": 0.1},
}  # fmt: skip


def told(**more):
    ids = [f"{i:020x}" for i in range(70)]
    values = {
        "format": 1,
        "a": {"name": "v1", "commit": "0123456789abcdef"},
        "b": {"name": "workspace", "commit": None},
        "differs": True,
        "warnings": ["Something to know."],
        "outputs": {"same": ["plan"], "different": ["ingest"]},
        "rows": {
            "headings": {"newly_dropped": {"rows": 70, "parts": [{"from": KEPT, "to": DROPPED, "ids": ids}]}},
            "same": [{"end": KEPT, "rows": 1000}],
            "shared": 1070,
        },
        "records": {
            "stage": "split",
            "label": {
                "rows": 1,
                "first_shown": [{"stage": "ingest", "ids": ids[:1]}],
                "pairs": [{"from": "good", "to": HOSTILE, "ids": ids[:1]}],
            },
        },
        "reasons": [
            {"stage": "clean", "action": "", "reason": "", "a": 1070, "b": 1070, "difference": 0, "meaning": ""},
            {
                "stage": "clean", "action": "drop", "reason": "too_short", "a": None, "b": 70, "difference": None,
                "meaning": HOSTILE,
            },
        ],
        "settings": {"params": [{"name": "x", "change": "changed", "a": HOSTILE, "b": None, "stages": ["clean"]}]},
        "scores": {
            "reported": [{"name": "accuracy", "a": {"value": 0.7}, "b": {"value": 0.8}, "difference": 0.1}],
            "paired": {
                "rows": {"a": 50, "b": 60, "common": 40, "relabelled": 0, "only_a": 10, "only_b": 20},
                "metrics": {"accuracy": METRIC},
                "mcnemar": {"only_a_right": 1, "only_b_right": 3, "both_right": 30, "p": 0.6},
                "relabelled": {},
                "resamples": 2000,
            },
            "verdict": {
                "model": "not_shown", "test_set": "easier", "metric": "accuracy",
                "sentence": "On them, -1.0 points. The rest is the test set: it got easier.",
            },
        },
        "not_compared": [{"what": "source files", "why": "they are gone"}],
    }  # fmt: skip
    return {**values, **more}


def test_the_text_says_it_all_within_the_width():
    text = list(lines(told(), 5))
    assert max(map(len, text)) <= 100
    whole = "\n".join(text)
    parts = (
        "v1 (0123456)  ->  workspace", "it got easier", "Note: Something to know.", "70 kept in A, dropped in B",
        "train -> dropped by clean: too short", "and 65 more; --json has all", "1,000 ended at the same place",
        "source files: they are gone", "drop, too_short", "+4.0 (-1.0 to +9.0)",
    )  # fmt: skip
    for part in parts:
        assert part in whole
    assert "\x1b" not in whole


def test_without_ids_none_is_printed():
    assert "0000000000" not in "\n".join(lines(told()))


def test_the_page_escapes_what_it_is_given_and_holds_the_first_ids_only():
    html = page(told())
    assert "<script>alert" not in html
    assert html.count("<code>000000000000") == IDS + 1
    assert "<strong>it got easier</strong>" in html
    assert "\u22121.0 points" in html
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)


class _Tags(HTMLParser):
    """Counts what is open."""

    VOID = ("meta", "link", "br")

    def __init__(self):
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    "values",
    [
        told(),
        told(differs=False, warnings=[], rows={"headings": {}, "same": [], "shared": 0}, not_compared=[]),
        told(rows={"erased": ["0a"]}, records={}, scores={"reported": []}, reasons=[], settings={}),
    ],
)
def test_whatever_is_lacking_the_page_is_well_formed(values):
    tags = _Tags()
    tags.feed(page(values))
    assert tags.open == []
    assert list(lines(values))


def test_streams_join_ends_of_one_kind_and_tell_their_reasons():
    other = {**DROPPED, "reason": "few_letters"}
    parts = [{"from": KEPT, "to": end, "rows": rows} for end, rows in ((DROPPED, 30), (other, 1))]
    for layout in (WIDE, NARROW):
        drawn = crossing([*parts, {"from": GONE, "to": KEPT, "rows": 5}], layout)
        assert drawn.count('class="part"') == 2
        assert "36 rows that ended elsewhere" in drawn
        assert "30 train \u2192 dropped by clean: too short; 1 train \u2192 dropped by clean: few letters" in drawn
        assert drawn.count("band gained") == drawn.count("band lost") == 1


def test_nothing_is_drawn_of_nothing():
    assert crossing([], WIDE) == changes("x", "accuracy", []) == ""


def test_a_change_is_drawn_left_of_no_change_when_it_is_for_less():
    drawn = changes("Change", "accuracy", [Change("down", -0.05, -0.06, -0.04), Change("up", 0.05, 0.04, 0.06)])
    zero = float(re.search(r'x1="([\d.]+)"[^>]*class="mark"', drawn)[1])
    down, up = (float(x) for x in re.findall(r'cx="([\d.]+)"', drawn))
    assert down < zero < up
    assert "\u22126.0 to \u22124.0" in drawn


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), ([1], "[1]"), ("a" * 64, "a" * 12), (0.00005, "5e-05"), (3000, "3000")],
)
def test_values_of_settings(value, text):
    assert setting(value) == text


def test_words():
    assert shown({"value": 0.12346}) == "0.1235"
    assert shown(3000) == "3,000"
    assert shown(-0.5, sign=True) == "-0.5"
    assert end_words(GONE) == "not in the sources"
    assert stages_words({"stages": ["scrub_pii"]}) == "  (scrub pii)"
    assert stages_words({"stages": list("abcde")}) == "  (5 stages)"
    assert minus("a-1, -2 to -3.5; x -y") == "a-1, \u22122 to \u22123.5; x -y"
