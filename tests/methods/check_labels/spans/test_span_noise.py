from collections import Counter
from itertools import pairwise

import numpy as np

from stages.core.records import Span
from stages.methods.check_labels.folds import Apart
from stages.methods.check_labels.spans.span_noise import measure, planted
from stages.methods.check_labels.spans.token_errors import judge, tagged
from stages.methods.finetune.alignment import words
from tests.methods.check_labels.toy_spans import texts

IDS = [f"{i:020x}" for i in range(200)]


def test_planted_errors_are_of_three_kinds_and_every_other_span_stays():
    clean = texts()
    noisy, plants = planted(clean, IDS, [0.3] * 200, seed=1)
    assert min(Counter(plant.kind for plant in plants).values()) >= 5
    hurt = {plant.text for plant in plants}
    assert all(noisy.spans[i] == tuple(clean.spans[i]) for i in range(200) if i not in hurt)
    for plant in plants:
        before, after = {*clean.spans[plant.text]}, {*noisy.spans[plant.text]}
        assert before != after
        assert len(after) == len(before) - sum(p.text == plant.text and p.kind == "missing" for p in plants)
        spans = sorted(after, key=lambda span: span.start)
        assert all(one.end <= other.start for one, other in pairwise(spans))


def test_spans_with_one_word_between_them_do_not_both_gain_it():
    text = "Anna in Bern"
    spans = (Span(0, 4, "person"), Span(8, 12, "place"))
    apart = Apart("a", np.zeros(1, int), np.ones(1, bool))
    given = tagged(("person", "place"), [words(text)], [spans], apart, (None, None))
    for seed in range(40):
        one, *others = planted(given, ["a"], [1.0], seed)[0].spans[0] or spans
        assert all(one.end <= other.start for other in others)


def test_what_is_planted_in_a_text_does_not_depend_on_the_others():
    few, many = texts(100), texts(200)
    one, other = planted(few, IDS[:100], [0.2] * 100, 1)[1], planted(many, IDS, [0.2] * 200, 1)[1]
    assert one == [plant for plant in other if plant.text < 100]
    assert one != planted(few, IDS[:100], [0.2] * 100, 2)[1]


def test_recall_is_told_by_kind_with_an_interval():
    clean = texts()
    found = measure(clean, judge(clean), IDS, 0.2, seed=1)
    assert {*found} == {"type", "missing", "boundary"}
    for seen in found.values():
        assert seen["found"] <= seen["planted"]
        assert seen["recall_low"] <= seen["recall"] <= seen["recall_high"]
    assert found["type"]["recall"] > 0.6


def test_too_few_plants_say_nothing():
    clean = texts(40)
    assert measure(clean, judge(clean), IDS[:40], 0.1, seed=1) == {}
