import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stages.core.spans import SpanCut, TextEdit, apply_edits, edits_between, move_span, ordered


@st.composite
def text_and_edits(draw):
    text = draw(st.text(max_size=60))
    bounds = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pairs = list(zip(bounds[::2], bounds[1::2], strict=False))
    return text, [TextEdit(a, b, draw(st.text(max_size=5))) for a, b in pairs]


@given(text_and_edits())
def test_edits_replace_exactly_their_stretch_and_nothing_else(case):
    text, edits = case
    result = apply_edits(text, edits)
    assert len(result) == len(text) + sum(len(e.new) - (e.end - e.start) for e in edits)
    first = min((e.start for e in edits), default=len(text))
    assert result[:first] == text[:first]


@given(text_and_edits(), st.data())
def test_a_span_that_no_edit_touches_covers_the_same_text_afterwards(case, data):
    text, edits = case
    assume(len(text) > 1)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    assume(all(e.end <= start or e.start >= end for e in edits))
    new_start, new_end = move_span((start, end), ordered(text, edits))
    assert apply_edits(text, edits)[new_start:new_end] == text[start:end]


@given(st.text(max_size=80), st.text(max_size=80))
def test_edits_between_two_texts_turn_the_one_into_the_other(old, new):
    assert apply_edits(old, edits_between(old, new)) == new


def test_an_edit_inside_a_span_stretches_it():
    assert move_span((4, 10), [TextEdit(5, 6, "long")]) == (4, 13)


def test_an_edit_with_the_bounds_of_a_span_replaces_it():
    assert move_span((4, 10), [TextEdit(4, 10, "x")]) == (4, 5)


@pytest.mark.parametrize("edit", [TextEdit(2, 5, ""), TextEdit(9, 12, "x"), TextEdit(3, 12, "x")])
def test_an_edit_over_a_bound_of_a_span_is_refused_and_not_guessed(edit):
    with pytest.raises(SpanCut):
        move_span((4, 10), [edit])


def test_an_insertion_at_a_bound_stays_outside_the_span():
    assert move_span((4, 10), [TextEdit(4, 4, "ab"), TextEdit(10, 10, "cd")]) == (6, 12)


def test_overlapping_edits_are_refused():
    with pytest.raises(ValueError, match="overlaps"):
        apply_edits("abcdef", [TextEdit(0, 3, ""), TextEdit(2, 4, "")])


def test_a_long_difference_becomes_one_edit_and_the_common_ends_stay():
    old, new = "head " + "a" * 5000 + " tail", "head " + "b" * 5000 + " tail"
    assert edits_between(old, new) == [TextEdit(5, 5005, "b" * 5000)]
