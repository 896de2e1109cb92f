import pytest

from stages.methods.scrub_pii.detection.gazetteer import (
    GIVEN,
    KNOWN_PLACE,
    PLACE,
    PLACE_STARTS,
    SURNAME,
    WEAK_GIVEN,
    WEAK_PLACE,
    WEAK_SURNAME,
    folded,
    gazetteer,
    people,
    places,
)


@pytest.mark.parametrize(
    ("word", "has", "has_not"),
    [
        ("kevin", GIVEN, PLACE),
        ("will", WEAK_GIVEN, GIVEN),
        ("garcia", SURNAME, GIVEN),
        ("paris", GIVEN | PLACE | KNOWN_PLACE, 0),
        ("reading", WEAK_PLACE, PLACE),
        ("new", PLACE_STARTS, PLACE),
        ("invoice", 0, GIVEN | SURNAME | PLACE | WEAK_GIVEN),
    ],
)
def test_a_word_is_weighed_by_the_lists_and_by_ordinary_text(word, has, has_not):
    kinds = gazetteer("en").kinds(word)
    assert kinds & has == has
    assert not kinds & has_not


def test_what_is_a_word_depends_on_the_language():
    assert gazetteer("es").kinds("cruz") & WEAK_SURNAME
    assert gazetteer("en").kinds("cruz") & SURNAME
    assert gazetteer("xx").count("the") == 0


def test_names_of_many_countries_are_there_without_codes_and_patterns():
    given, surnames = people()
    assert {"jürgen", "nguyễn", "kowalski", "müller"} <= given.keys() | surnames.keys()
    assert {"deutschland", "japon", "são paulo", "san francisco", "minsk", "europe"} <= places().keys()
    assert not any("{" in name or any(map(str.isdigit, name)) for name in (*given, *surnames, *places()))


def test_a_place_of_ordinary_words_must_be_well_known():
    lists = gazetteer("en")
    assert lists.is_place("new zealand")
    assert not lists.is_place("country club")
    assert not lists.is_place("no such place")


def test_a_word_is_the_same_with_other_signs_for_its_accents_and_apostrophes():
    assert folded("Rene\u0301") == folded("RENÉ")
    assert folded("O’Brien") == "o'brien"
    assert gazetteer("de").count(folded("draußen")) > 1000


def test_a_name_with_accents_is_found_where_the_lists_leave_them_out():
    assert gazetteer("en").kinds("siobhán") & GIVEN
    assert not gazetteer("fr").kinds("marché") & GIVEN
