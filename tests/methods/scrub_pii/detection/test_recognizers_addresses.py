from functools import lru_cache

import pytest

from stages.methods.scrub_pii.detection.patterns import PatternRunner
from stages.methods.scrub_pii.detection.recognizers import all_recognizers


@lru_cache
def runner(entity):
    return PatternRunner([one for one in all_recognizers("en", ()) if one.supported_entities == [entity]], "en")


def values(text, entity="STREET_ADDRESS"):
    return {text[one.start : one.end] for one in runner(entity).find(text) if one.score >= 0.35}


@pytest.mark.parametrize(
    "address",
    [
        "12 Old Mill Road, Apt 4",
        "12B Baker Street",
        "1600 Pine Ave. NW",
        "350 5th Avenue, Suite 3300, New York, NY 10118",
        "Flat 3, 12 Baker Street, London NW1 6XE",
        "221b baker street",
        "Hauptstraße 12",
        "Am Markt 5-7",
        "Maria-Weber-Platz 3",
        "Lange Gasse 3",
        "Keizersgracht 123, 1015 CJ Amsterdam",
        "Strandvej 3",
        "Storgatan 14B",
        "Mannerheimintie 68",
        "12 bis rue de la Paix, 75002 Paris",
        "24, avenue Victor Hugo",
        "Calle Mayor 5, 3º B, 28013 Madrid",
        "Avenida de América nº 12",
        "Via Roma 10, 00184 Roma (RM)",
        "Rua das Flores, 123, 1200-195 Lisboa",
        "ul. Miła 53",
        "Kossuth Lajos utca 12.",
        "P.O. Box 1234",
        "Postfach 12 34 56, 80331 München",
        "PSC 0413, Box 8144\nAPO AA 42323",
        "12 Old Mill Road\nApt. 4\nSpringfield, IL 62704",
        "7 Elm Court\nSmalltown\nNew Zealand",
    ],
)
def test_addresses_as_many_countries_write_them(address):
    assert address in values(f"Please write to {address}; it is urgent")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("She lives at Pagari 18, upstairs", "Pagari 18"),
        ("our address is 214 Pavlou Drandaki, near", "214 Pavlou Drandaki"),
        ("Name: Jo\nPagari 18\nTallinn 10111\nThanks", "Pagari 18\nTallinn 10111"),
        ("Humenec 97\n482 82 Vysoko", "Humenec 97\n482 82 Vysoko"),
        ("Kesk 53 Apt. 12 is empty", "Kesk 53 Apt. 12"),
        ("to Jo (8612 Kesk 53) there", "8612 Kesk 53"),
        ("Lienlokka 4, 4847 Smaby is", "Lienlokka 4, 4847 Smaby"),
        ("Address: The Old Barn 3, Upper End\n", "The Old Barn 3, Upper End"),
        ("to Baker Street at noon", "Baker Street"),
        ("in the rue de Vaugirard yesterday", "rue de Vaugirard"),
        ("meet at the corner of Elm Street and Oak Avenue at noon", "the corner of Elm Street and Oak Avenue"),
    ],
)
def test_a_context_or_a_layout_makes_a_street_of_a_name(text, value):
    assert value in values(text)


@pytest.mark.parametrize(
    "text",
    [
        "5 of us went all the way",
        "it took place on 8 July 1996",
        "the course of 9 to 10 years",
        "On 7 May 2004 State Security Courts were abolished",
        "under Article 6 and Rule 44",
        "applicants were born on 26 May 1918",
        "[1984] 1 QB 813 and 12 EHRR 45",
        "we discuss them in Chapter 12",
        "3 days on the road",
        "a £100 prize",
        "Boeing 747 and Windows 10",
    ],
)
def test_numbers_and_names_that_are_no_address_are_left_alone(text):
    assert values(text) == set()


def test_an_address_stops_before_the_words_that_follow():
    assert "12 Old Mill Road" in (found := values("He moved to 12 Old Mill Road in March. Then Alice paid 20000."))
    assert all(value in "12 Old Mill Road" for value in found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("in SW1A 1AA now", "SW1A 1AA"),
        ("in K1A 0B1 now", "K1A 0B1"),
        ("in 1012 AB Amsterdam", "1012 AB"),
        ("Boulder, CO 80302", "80302"),
        ("my zip code is 880", "880"),
        ("postcode: 394 13", "394 13"),
        ("ZIP 12345-6789", "12345-6789"),
        ("he lives in Aalborg 9100 now", "9100"),
        ("by D-10115 Berlin", "D-10115"),
        ("Springfield\n62704", "62704"),
    ],
)
def test_postal_codes(text, value):
    assert value in values(text, "POSTAL_CODE")


@pytest.mark.parametrize(
    "text",
    [
        "12345 reasons",
        "in London 1999",
        "at 2004 AM",
        "call 12345",
        "room 1012",
        "5000 KM",
        "in RFC 2606",
        "to ISO 8601",
    ],
)
def test_numbers_that_are_no_postal_codes(text):
    assert values(text, "POSTAL_CODE") == set()
