import pickle

import pytest

from stages.methods.scrub_pii.proof.value_search import ValueSearch, Within, search_key


@pytest.mark.parametrize(
    ("entity", "value", "text"),
    [
        ("PERSON", "Anna Berg", "so ANNA\n berg's car"),
        ("PERSON", "Anna  Berg", "Anna Berg"),
        ("PERSON", "José Núñez", "jose\u0301 nu\u0301n\u0303ez".upper()),
        ("PERSON", "Анна Берг", "АННА БЕРГ"),
        ("CREDIT_CARD", "4111-1111-1111-1111", "4111 1111 1111 1111"),
        ("CREDIT_CARD", "4111 1111 1111 1111", "no. 4111111111111111!"),
        ("PHONE_NUMBER", "(030) 123-4567", "030/123 45 67"),
        ("IBAN_CODE", "GB82 WEST 1234 5698 7654 32", "gb82west12345698765432"),
        ("US_SSN", "536-22-1234", "536221234"),
        ("EMAIL_ADDRESS", "Jo.Doe@Mailbox.org", "jo.doe@mailbox.org,"),
        ("IP_ADDRESS", "84.143.200.17", "84.143.200.17:80"),
        ("SOCIAL_HANDLE", "@annab", "RT @AnnaB: hi"),
        ("STREET_ADDRESS", "12 Elm Street", "at 12 Elm\tStreet"),
        ("URL", "https://site.org/~anna", "https://site.org/~anna"),
        ("ID_NUMBER", "AB 123456", "ab123456"),
        ("PROJECT", "Bluebird", "the bluebird plan"),
    ],
)
def test_a_value_is_found_however_it_is_cased_and_spaced(entity, value, text):
    assert ValueSearch([(entity, value)]).search(text) == {entity: 1}


@pytest.mark.parametrize(
    ("entity", "value", "text"),
    [
        ("PERSON", "Anna Berg", "Hannah Bergen, Joanna Berg, Anna Bergmann"),
        ("PERSON", "Jo Anna Li", "Joanna Li"),
        ("US_SSN", "536-22-1234", "9536221234 5362212345"),
        ("US_SSN", "536-22-1234", "rooms 536, then 22, then 1234"),
        ("IP_ADDRESS", "84.143.200.17", "84143200.17"),
        ("SOCIAL_HANDLE", "@summer", "in summer"),
    ],
)
def test_only_whole_values_are_found(entity, value, text):
    assert not ValueSearch([(entity, value)]).search(text)


@pytest.mark.parametrize(
    ("entity", "value"),
    [
        ("PERSON", "Summer"),
        ("PERSON", "A. Baker"),
        ("LOCATION", "New York City"),
        ("DATE_TIME", "4 May 2021"),
        ("POSTAL_CODE", "1234567"),
        ("ID_NUMBER", "2021"),
        ("PHONE_NUMBER", "123 456"),
        ("URL", "https://site.org"),
        ("STREET_ADDRESS", "Elm Street"),
        ("CUSTOMER", "a-1"),
    ],
)
def test_values_that_are_ordinary_words_or_numbers_are_not_searched_for(entity, value):
    assert search_key(entity, value) is None
    assert len(ValueSearch([(entity, value)])) == 0


def test_the_longest_value_at_a_place_counts_and_none_within_it():
    search = ValueSearch([("PERSON", "Anna Berg"), ("PERSON", "Anna Berg Olsen"), ("PERSON", "Berg Olsen")])
    text = "Anna Berg Olsen met Berg Olsen and Anna Berg."
    assert [text[start:end] for start, end, _ in search.hits(text)] == ["Anna Berg Olsen", "Berg Olsen", "Anna Berg"]


def test_a_value_of_several_entities_counts_once_whatever_the_order():
    values = [("US_SSN", "536221234"), ("ID_NUMBER", "536-22-1234")]
    assert (
        ValueSearch(values).search("536-22-1234") == ValueSearch(values[::-1]).search("536221234") == {"ID_NUMBER": 1}
    )


def test_what_stands_wholly_in_a_replaced_stretch_is_left_out():
    search, text = ValueSearch([("PERSON", "Anna Berg")]), "Anna Berg, Anna Berg, Anna Berg"
    assert search.search(text, [(0, 9), (11, 15)]) == {"PERSON": 2}
    assert search.search(text, [(0, 9), (11, 15), (16, 20)]) == {"PERSON": 1}


def test_stretches_know_what_they_hold_and_touch():
    within = Within([(10, 14), (2, 5)], "..abc.xyz.efgh")
    assert within.holds(2, 5)
    assert within.holds(11, 13)
    assert not within.holds(4, 6)
    assert not within.holds(6, 9)
    assert within.touches(4, 7)
    assert not within.touches(5, 10)
    assert not Within([], "").touches(0, 1)


def test_it_finds_the_same_after_it_travelled():
    search = ValueSearch([("PERSON", "Anna Berg"), ("US_SSN", "536-22-1234")])
    text = "Anna Berg 536221234"
    assert pickle.loads(pickle.dumps(search)).hits(text) == search.hits(text) == [(0, 9, "PERSON"), (10, 19, "US_SSN")]
