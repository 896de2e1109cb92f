import numpy as np
import pytest

from stages.core.records import Span
from stages.methods.check_labels.folds import Apart
from stages.methods.check_labels.spans.span_repairs import repaired, stretches
from stages.methods.check_labels.spans.token_errors import Judged, tagged
from stages.methods.finetune.alignment import words

TEXT = "we met Anna Maria Rossi in Bern today"
TYPES = ("person", "place")
ROSSI, BERN = Span(7, 23, "person"), Span(27, 31, "place")


def look(spans, expected):
    """The text with spans, and judges that are sure of a type for each word: `expected` has a code for each."""
    apart = Apart("a", np.zeros(1, int), np.ones(1, bool))
    texts = tagged(TYPES, [words(TEXT)], [spans], apart, (np.zeros((8, 2), np.int16), None))
    chances = np.full((8, 3), 0.02)
    chances[np.arange(8), expected] = 0.96
    given = np.maximum(texts.given, 0)
    return texts, Judged(chances, chances[np.arange(8), given], np.array(expected) != given)


RIGHT = [0, 0, 1, 1, 1, 0, 2, 0]


@pytest.mark.parametrize(
    "given",
    [
        (ROSSI, BERN),
        (Span(7, 23, "place"), BERN),
        (BERN,),
        (),
        (ROSSI,),
        (Span(7, 17, "person"), BERN),
        (Span(12, 23, "person"), BERN),
        (Span(3, 23, "person"), BERN),
        (Span(7, 26, "person"), BERN),
        (Span(0, 6, "place"), ROSSI, BERN),
        (ROSSI, BERN, Span(32, 37, "person")),
    ],
)
def test_spans_are_put_right_whatever_was_wrong_with_them(given):
    texts, judged = look(given, RIGHT)
    assert repaired(texts, judged, 0) == (ROSSI, BERN)


def test_a_span_is_changed_as_a_whole_although_one_word_of_it_could_be_right():
    texts, judged = look((Span(7, 23, "place"), BERN), [0, 0, 1, 2, 1, 0, 2, 0])
    assert repaired(texts, judged, 0) == (ROSSI, BERN)


def test_two_spans_of_a_type_side_by_side_stay_two():
    given = (Span(7, 11, "person"), Span(12, 23, "person"), Span(27, 31, "person"))
    texts, judged = look(given, RIGHT)
    assert repaired(texts, judged, 0) == (*given[:2], BERN)


def test_stretches_say_where_what_was_given_and_what_should_be():
    texts, judged = look((Span(0, 2, "place"), Span(7, 17, "person")), RIGHT)
    first, second, third = stretches(texts, judged, 0, repaired(texts, judged, 0))
    assert (first.start, first.end, first.given, first.suggested) == (0, 2, (Span(0, 2, "place"),), ())
    assert (second.start, second.end, second.given, second.suggested) == (7, 23, (Span(7, 17, "person"),), (ROSSI,))
    assert (third.start, third.end, third.given, third.suggested) == (27, 31, (), (BERN,))
    assert second.score == pytest.approx(0.02)


def test_where_nothing_is_doubted_nothing_differs():
    texts, judged = look((ROSSI, BERN), RIGHT)
    assert stretches(texts, judged, 0, repaired(texts, judged, 0)) == []


def test_a_span_without_a_word_of_its_own_is_left_as_it_is():
    inside = (Span(7, 8, "place"), Span(8, 23, "person"), BERN)
    texts, judged = look(inside, RIGHT)
    assert repaired(texts, judged, 0) == inside
