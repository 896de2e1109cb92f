import json

import pytest

from stages.core.records import Span
from stages.core.task import RowFault
from stages.methods.ingest.marked_spans import spans_in, text_and_spans

TEXT = "Ann met Bob"


def test_spans_may_be_objects_lists_or_json_in_any_order():
    spans = (Span(0, 3, "person"), Span(8, 11, "person"))
    objects = [{"start": 8, "end": 11, "label": "person"}, {"start": 0, "end": 3, "label": " person "}]
    lists = [[8, 11, "person"], (0, 3, "person")]
    for given in (objects, lists, json.dumps(objects), json.dumps(lists)):
        assert spans_in(TEXT, given) == spans
    assert spans_in(TEXT, []) == spans_in(TEXT, "[]") == ()


def test_white_space_at_the_ends_of_a_span_is_left_out():
    assert spans_in("to  Ann \n", [[2, 9, "person"]]) == (Span(4, 7, "person"),)


def test_spans_may_touch_but_not_overlap():
    assert spans_in("AnnBob", [[0, 3, "a"], [3, 6, "b"]]) == (Span(0, 3, "a"), Span(3, 6, "b"))
    with pytest.raises(RowFault) as fault:
        spans_in("AnnBob", [[0, 4, "a"], [3, 6, "b"]])
    assert (fault.value.code, fault.value.evidence["problem"]) == ("misplaced_span", "overlap")


def test_offsets_count_code_points():
    assert spans_in("😀 Ann", [[2, 5, "person"]]) == (Span(2, 5, "person"),)


@pytest.mark.parametrize(
    "tags",
    [
        ["B-person", "I-person", "O", "B-place"],  # BIO
        ["B-person", "E-person", "O", "S-place"],  # IOBES
        ["B-person", "L-person", "O", "U-place"],  # BILOU
        ["I-person", "I-person", "O", "I-place"],  # IO
        ["person", "person", "O", "place"],  # bare names
        [1, 2, 0, 3],  # numbers
    ],
)
def test_tags_may_be_in_any_usual_form(tags):
    row = {"tokens": ["Ann", "Lee", "in", "Rome"], "tags": tags}
    assert text_and_spans(row, ["person", "place"]) == (
        "Ann Lee in Rome",
        (Span(0, 7, "person"), Span(11, 15, "place")),
    )


def test_numbers_and_bare_names_mean_nothing_without_declared_labels():
    for tag, code in ((1, "wrong_type"), (True, "wrong_type"), ("person", "unknown_label")):
        with pytest.raises(RowFault) as fault:
            text_and_spans({"tokens": ["Ann"], "ner_tags": [tag]}, None)
        assert fault.value.code == code
        assert "Ann" not in str(fault.value.evidence)


def test_a_type_may_hold_a_dash_and_a_bare_name_that_looks_like_a_tag_is_one_where_it_is_declared():
    assert text_and_spans({"tokens": ["x"], "tags": ["B-creative-work"]}, None)[1] == (Span(0, 1, "creative-work"),)
    assert text_and_spans({"tokens": ["x"], "tags": ["B-cell"]}, ["B-cell"])[1] == (Span(0, 1, "B-cell"),)


def test_blank_tokens_leave_no_trace():
    row = {"tokens": ["", "Ann", " ", "Lee "], "tags": ["O", "B-a", "I-a", "I-a"]}
    assert text_and_spans(row, None) == ("Ann Lee", (Span(0, 7, "a"),))


def test_tokens_without_tags_are_a_text_that_nobody_annotated():
    assert text_and_spans({"tokens": ["Ann", "sang"]}, None) == ("Ann sang", None)
    assert text_and_spans({"tokens": ["Ann", "sang"], "tags": ["O", "O"]}, None) == ("Ann sang", ())
