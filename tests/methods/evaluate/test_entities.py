import random
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.records import Span
from stages.methods.evaluate.entities import NONE, Found, f1_gain, score_entities
from stages.methods.finetune.alignment import spans_of, tags_of, words

TEXT = "Ann met Bob in New York"
ANN, BOB, NEW_YORK = Span(0, 3, "person"), Span(8, 11, "person"), Span(15, 23, "place")


def found(*said, truth=(ANN, BOB, NEW_YORK), text=TEXT):
    return Found(text, truth, said)


def value(scores, name):
    return scores.metrics[name].value


def test_what_is_exactly_right_scores_one_everywhere():
    scores = score_entities([found(ANN, BOB, NEW_YORK), found(truth=())], 100, 13)
    assert {metric.value for metric in scores.metrics.values()} == {1.0}
    assert scores.quality == [1.0, 1.0]


def test_a_span_counts_only_with_its_bounds_and_its_type():
    scores = score_entities([found(ANN, Span(8, 11, "place"), Span(19, 23, "place"))], 100, 13)
    assert (
        value(scores, "precision") == value(scores, "recall") == value(scores, "f1") == pytest.approx(1 / 3, abs=1e-6)
    )
    assert scores.quality == [pytest.approx(1 / 3, abs=1e-6)]


def test_micro_scores_count_spans_and_macro_scores_types():
    scores = score_entities([found(ANN, BOB), found(ANN, BOB), found(NEW_YORK, truth=(NEW_YORK,))], 100, 13)
    assert value(scores, "precision") == 1
    assert value(scores, "recall") == pytest.approx(5 / 7, abs=1e-6)
    assert value(scores, "f1") == pytest.approx(10 / 12, abs=1e-6)
    assert value(scores, "macro_f1") == pytest.approx((1 + 1 / 2) / 2, abs=1e-6)


def test_where_nothing_is_found_or_marked_there_is_no_score_but_the_record_may_be_right():
    nothing = score_entities([found(truth=())], 10, 13)
    assert {metric.value for metric in nothing.metrics.values()} == {0.0}
    assert nothing.quality == [1.0]
    assert score_entities([found()], 10, 13).quality == [0.0]
    with pytest.raises(ValueError, match="no records"):
        score_entities([], 10, 13)


def test_intervals_hold_the_value_and_narrow_with_more_records():
    draw = random.Random(0)
    rows = [found(*[span for span in (ANN, BOB, NEW_YORK) if draw.random() < 0.7]) for _ in range(400)]
    few, many = score_entities(rows[:20], 500, 13), score_entities(rows, 500, 13)
    for scores in (few, many):
        for metric in scores.metrics.values():
            assert metric.low <= metric.value <= metric.high
    width = [scores.metrics["f1"].high - scores.metrics["f1"].low for scores in (few, many)]
    assert width[1] < width[0] / 2
    assert score_entities(rows, 500, 13).metrics == many.metrics


def test_each_type_has_its_row():
    table = score_entities([found(ANN, NEW_YORK, Span(4, 7, "thing"))] * 30, 100, 13).details["per_class"]
    assert set(table) == {"person", "place"}
    assert table["person"] == {
        "precision": 1.0, "recall": 0.5, "answered": 30, "f1": 0.666667, "f1_low": 0.666667, "f1_high": 0.666667,
        "rows": 60,
    }  # fmt: skip


def test_the_table_of_errors_pairs_what_overlaps_and_loses_no_span():
    wrong = found(Span(0, 3, "place"), Span(4, 7, "thing"), Span(15, 18, "person"), Span(19, 23, "place"))
    scores = score_entities([wrong], 10, 13)
    rows = [tuple(row.values()) for row in scores.tables["confusion.csv"]]
    assert rows == [("person", "place"), ("person", NONE), ("place", "place"), (NONE, "thing"), (NONE, "person")]
    matrix = scores.details["confusion"]
    assert matrix["labels"] == ["person", "place", "thing", NONE]
    assert matrix["matrix"] == [[0, 1, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]]


def test_spans_inside_words_are_counted_and_only_whole_words_can_be_right():
    text = "the Parisians left"
    row = Found(text, (Span(4, 9, "place"),), (Span(4, 13, "place"),))
    scores = score_entities([row], 10, 13)
    assert scores.details["inside_words"] == 1
    assert (value(scores, "f1"), value(scores, "seqeval_f1")) == (0.0, 1.0)
    assert score_entities([found(ANN)], 10, 13).details["inside_words"] == 0


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_scores_of_words_are_those_of_seqeval_in_both_of_its_modes(data):
    from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    tag = st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"])
    rows, tags = [], []
    for size in data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=5)):
        text = " ".join("w" * size)
        bounds = words(text)
        both = [spans_of([data.draw(tag) for _ in bounds], bounds) for _ in range(2)]
        rows.append(Found(text, *both))
        tags.append([tags_of(spans, bounds) for spans in both])
    scores = score_entities(rows, 10, 13)
    true, said = [row[0] for row in tags], [row[1] for row in tags]
    for mode in ({}, {"mode": "strict", "scheme": IOB2}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about 0/0, and about numpy's deprecated ways
            expected = f1_score(true, said, zero_division=0, **mode)
            assert value(scores, "seqeval_f1") == pytest.approx(expected, abs=1e-6)
            assert value(scores, "f1") == pytest.approx(expected, abs=1e-6)
            precision, recall = (
                score(true, said, zero_division=0, **mode) for score in (precision_score, recall_score)
            )
            table = classification_report(true, said, output_dict=True, zero_division=0, **mode)
        assert value(scores, "precision") == pytest.approx(precision, abs=1e-6)
        assert value(scores, "recall") == pytest.approx(recall, abs=1e-6)
        for label, row in scores.details["per_class"].items():
            assert row["f1"] == pytest.approx(table[label]["f1-score"], abs=1e-6)


def test_a_gain_is_paired():
    draw = random.Random(1)
    hard = [draw.random() < 0.5 for _ in range(200)]
    ours = [found(ANN) if one else found(ANN, BOB, NEW_YORK) for one in hard]
    theirs = [found() if one else found(ANN, BOB) for one in hard]
    gain = f1_gain(ours, theirs, 500, 13)
    point = [score_entities(rows, 500, 13).metrics["f1"] for rows in (ours, theirs)]
    assert gain.value == pytest.approx(point[0].value - point[1].value, abs=1e-6)
    assert 0 < gain.low < gain.value < gain.high
    assert gain.high - gain.low < (point[0].high - point[0].low) + (point[1].high - point[1].low)
