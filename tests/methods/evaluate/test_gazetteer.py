from stages.core.records import Span
from stages.methods.evaluate.gazetteer import Gazetteer


def marked(text, **names):
    """A text with the first occurrence of each name marked."""
    spans = [Span(text.index(name), text.index(name) + len(name), label) for name, label in names.items()]
    return text, sorted(spans, key=lambda span: span.start)


def test_what_was_marked_is_found_again_under_its_most_frequent_type():
    rows = [marked("Paris sleeps", Paris="place"), marked("Paris", Paris="place"), marked("Paris", Paris="person")]
    assert Gazetteer.of(rows).find("to Paris.") == (Span(3, 8, "place"),)


def test_a_word_that_is_mostly_no_name_is_not_one():
    rows = [marked("May sang", May="person"), ("it is May", []), ("in May", [])]
    assert Gazetteer.of(rows).find("in May") == ()


def test_the_longest_name_wins_also_at_the_end_of_a_text():
    york = ("New York", [Span(0, 8, "place")])
    times = ("New York Times", [Span(0, 14, "group")])
    known = Gazetteer.of([york, york, times])
    assert known.find("the New  York Times in New York") == (Span(4, 19, "group"), Span(23, 31, "place"))


def test_case_tells_names_from_words():
    assert Gazetteer.of([marked("Apple", Apple="group")]).find("an apple") == ()


def test_nothing_is_known_of_texts_without_names():
    assert Gazetteer.of([("nothing here", [])]).find("nothing here") == ()
