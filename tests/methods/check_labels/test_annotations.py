import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.records import Span
from stages.methods.check_labels.annotations import labels_line, labels_of_line, names_in, spans_line, spans_of_line

NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name.strip() == name)
TEXT = "Anna lives in Bern."


@st.composite
def spans(draw):
    places = sorted(draw(st.sets(st.integers(0, 40), max_size=8)))
    return tuple(Span(a, b, draw(NAMES)) for a, b in zip(places[::2], places[1::2], strict=False))


def test_spans_are_written_from_left_to_right_with_their_labels():
    assert spans_line((Span(0, 4, "PER"), Span(14, 18, "creative-work"))) == "0-4:PER 14-18:creative-work"
    assert spans_line(()) == ""
    assert spans_line((Span(0, 4, "a person"),)) == '0-4:"a person"'


@given(spans())
def test_any_spans_are_read_back_from_one_line(some):
    line = spans_line(some)
    assert spans_of_line(line, "x" * 41) == some
    assert len([*line.splitlines()]) <= 1


@given(st.sets(NAMES))
def test_any_labels_are_read_back_from_one_line(labels):
    line = labels_line([*labels])
    assert labels_of_line(line) == tuple(sorted(labels))
    assert len(line.splitlines()) == 1


@given(spans())
def test_a_line_survives_a_csv_file_that_is_read_line_by_line(some):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([spans_line(some), "x"])
    assert next(csv.reader(out.getvalue().splitlines(), strict=True)) == [spans_line(some), "x"]


@pytest.mark.parametrize(
    "line",
    [
        "0-4:PER 2-6:LOC", "14-18:LOC 0-4:PER", "0-0:PER", "4-2:PER", "0-20:PER", "0-4:", '0-4:""', '0-4:" PER"', "0-4",
        "0-4:PER  14-18:LOC", " 0-4:PER", "0-4:PER ", "00-4:PER", '0-4:"PER"', "0-4:a person", "0-4:PER,14-18:LOC", "x",
        "-1-4:PER", '0-4:"PER', '0-4:"\\q"', "0-4:PER 0-4:PER", "٠-4:PER",
    ],
)  # fmt: skip
def test_a_line_that_is_not_how_spans_are_written_is_refused(line):
    with pytest.raises(ValueError, match=r"span|JSON|escape|Expecting|quot"):
        spans_of_line(line, TEXT)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a",
        '"a"',
        "{}",
        "[1]",
        '["b", "a"]',
        '["a", "a"]',
        '[""]',
        '[" a"]',
        '["a","b"]',
        '["a"',
        "[" * 9999,
        "null",
    ],
)
def test_a_line_that_is_not_how_labels_are_written_is_refused(line):
    with pytest.raises(ValueError, match=r"JSON|Expecting|delimiter"):
        labels_of_line(line)


@given(spans())
def test_the_labels_that_spans_name_are_found_in_their_line(some):
    assert names_in(spans_line(some)) == {span.label for span in some}


@given(st.sets(NAMES, max_size=4))
def test_the_labels_of_a_set_are_found_in_its_line(some):
    assert names_in(labels_line([*some])) == some


@pytest.mark.parametrize(("line", "named"), [("12-20 30-41", set()), ("", set()), ("a text", None), ("1-2 x", None)])
def test_places_name_no_label_and_other_lines_are_no_annotation(line, named):
    assert names_in(line) == named
