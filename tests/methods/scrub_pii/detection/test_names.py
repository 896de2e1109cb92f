import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.scrub_pii.detection.findings import NER, Finding
from stages.methods.scrub_pii.detection.names import refined


def listed(text, language="en"):
    """What is found in a text without a model."""
    return [(one.entity, text[one.start : one.end]) for one in refined(text, [], language)]


def corrected(text, value, entity):
    """What becomes of a model's finding."""
    start = text.index(value)
    finding = Finding(start, start + len(value), entity, 0.85, "SpacyRecognizer", NER)
    return [(one.entity, text[one.start : one.end]) for one in refined(text, [finding], "en")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Yesterday Mary called.", "Mary"),
        ("It was signed by Teresa D. Kreutzmann today.", "Teresa D. Kreutzmann"),
        ("He met F. D. Okonkwo there.", "F. D. Okonkwo"),
        ("We asked Dr. Brown about it.", "Brown"),
        ("Dear Ubulka, thanks.", "Ubulka"),
        ("my name is john kowalski", "john kowalski"),
        ("MY NAME IS JOHN KOWALSKI", "JOHN KOWALSKI"),
        ("A letter of Ludwig van der Aalst came.", "Ludwig van der Aalst"),
        ("I saw Anna's car.", "Anna"),
        ("Please call me Zsófike.", "Zsófike"),
        ("Please ask Jean-Pierre.", "Jean-Pierre"),
    ],
)
def test_persons_are_found_by_lists_and_the_words_around_them(text, value):
    assert listed(text) == [("PERSON", value)]


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("We moved to New Zealand.", "LOCATION", "New Zealand"),
        ("My aunt lives in Kvarnholmby now.", "LOCATION", "Kvarnholmby"),
        ("It is in Springfield, Illinois.", "LOCATION", "Springfield, Illinois"),
        ("we flew to london", "LOCATION", "london"),
        ("She works for Kvarnsoft Ltd in sales.", "ORGANIZATION", "Kvarnsoft Ltd"),
        ("He studied at the University of Leeds.", "ORGANIZATION", "University of Leeds"),
        ("He is a Dutch citizen.", "NRP", "Dutch"),
        ("we are proud canadians", "NRP", "canadians"),
    ],
)
def test_places_bodies_and_groups_are_found(text, entity, value):
    assert listed(text) == [(entity, value)]


@pytest.mark.parametrize(
    "text",
    [
        "Will you grant me access? May I top up on Monday? Mark it as paid.",
        "The Bank and the Court met the Government on Section 5.",
        "He has Parkinson's disease, and she Kreutzmann syndrome.",
        "See kevin@example.org, example.org/Paris and #Mary",
        "I will polish the rose and bill the customer.",
        "How do I use Apple Pay at an ATM? My PIN is wrong.",
        "Ich habe den Vertrag, die Rechnung und das Schreiben der Versicherung.",
    ],
)
def test_ordinary_words_are_no_names(text):
    assert listed(text, "de" if text.startswith("Ich") else "en") == []


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("Ich heiße Jürgen Vogelsang und wohne in Köln.", "de", ["Jürgen Vogelsang", "Köln"]),
        ("Je m'appelle Claire Lefèvre, d'Italie.", "fr", ["Claire Lefèvre", "Italie"]),
        ("Mijn naam is Sanne van den Berg.", "nl", ["Sanne van den Berg"]),
        ("Nazywam się Agnieszka Nowak.", "pl", ["Agnieszka Nowak"]),
    ],
)
def test_other_languages_have_names_too(text, language, found):
    assert [value for _, value in listed(text, language)] == found


@pytest.mark.parametrize(
    ("text", "value", "entity", "found"),
    [
        ("Well, 12345 and so on", "12345 and", "PERSON", []),
        ("It was declined yesterday", "declined", "PERSON", []),
        ("Hi Kevin\nThanks a lot", "Hi Kevin\nThanks", "PERSON", [("PERSON", "Kevin")]),
        ("The London\nAnna Kowalska", "The London\nAnna Kowalska", "LOCATION",
         [("LOCATION", "London"), ("PERSON", "Anna Kowalska")]),
        ("I think Anna Kowalska left", "Anna Kowalska", "LOCATION", [("PERSON", "Anna Kowalska")]),
        ("I think Anna B. Kowalska left", "Kowalska", "PERSON", [("PERSON", "Anna B. Kowalska")]),
        ("It was lodged with the Court by them", "the Court", "ORGANIZATION", []),
        ("under the Police and Evidence Act 1984", "Police and Evidence Act 1984", "ORGANIZATION", []),
        ("I work for Rapid Cycle Solutions here", "Rapid Cycle Solutions", "ORGANIZATION",
         [("ORGANIZATION", "Rapid Cycle Solutions")]),
        ("an ATM near me", "ATM", "ORGANIZATION", []),
        ("born on 3 May 1990 there", "3 May 1990", "DATE_TIME", [("DATE_TIME", "3 May 1990")]),
        ("order 4539 1488 now", "4539", "DATE_TIME", []),
        ("a quantity of it", "quantity", "QUANTITY", [("QUANTITY", "quantity")]),
    ],
)  # fmt: skip
def test_a_models_findings_are_corrected(text, value, entity, found):
    assert corrected(text, value, entity) == found


def test_findings_in_a_script_without_capitals_stay():
    assert corrected("我叫王小明。", "王小明", "PERSON")


def test_a_listed_name_says_so():
    (one,) = refined("Yesterday Mary called.", [], "en")
    assert (one.recognizer, one.strength) == ("NameList", NER)
    assert 0.6 <= one.score <= 0.85


@given(
    st.lists(
        st.sampled_from(["Anna", "Kowalska", "van", "Mr.", "in", "Paris", "\n", ",", "J.", "IBM", "Ltd", "ok", "ß"])
    ),
    st.data(),
)
def test_findings_lie_in_the_text_and_are_sorted(words, data):
    text = " ".join(words)
    spans = data.draw(
        st.lists(st.tuples(st.integers(0, len(text)), st.integers(1, 9), st.sampled_from(["PERSON", "LOCATION"])))
    )
    findings = [Finding(a, min(a + n, len(text)), entity, 0.85, "M", NER) for a, n, entity in spans if a < len(text)]
    found = refined(text, findings, "en")
    assert found == sorted(found)
    assert all(0 <= one.start < one.end <= len(text) and "\n" not in text[one.start : one.end].strip() for one in found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Then Siobhán O’Brien-D'Angelo signed.", "Siobhán O’Brien-D'Angelo"),
        ("I met Jean-Luc Le Pen there.", "Jean-Luc Le Pen"),
        ("Please ask Anne-Marie St. John-Smith about it.", "Anne-Marie St. John-Smith"),
        ("Then Rene\u0301 Dupont left.", "Rene\u0301 Dupont"),
        ("Then Rene\u0301 left.", "Rene\u0301"),
        ("i spoke to mr smith about it", "smith"),
        ("mrs o'neill called", "o'neill"),
    ],
)
def test_names_of_several_parts_are_found_whole(text, value):
    assert listed(text) == [("PERSON", value)]


def test_no_finding_ends_between_a_letter_and_its_accent():
    assert corrected("I saw Vuke\u0301", "Vuke", "PERSON") == [("PERSON", "Vuke\u0301")]
    assert corrected("चन्द्रिका आई", "चन्द्रिक", "PERSON") == [("PERSON", "चन्द्रिका")]


@pytest.mark.parametrize("between", [" ", "  ", "\n", ", "])
@pytest.mark.parametrize("name", ["Anna Smith", "Anna B. Kowalska", "Mary"])
def test_a_name_that_is_repeated_is_found_each_time(name, between):
    text = between.join([name] * 30)
    assert listed(text) == [("PERSON", name)] * 30
    if between != ", ":
        assert corrected(text, text[: 2 * len(name) + len(between)], "PERSON") == [("PERSON", name)] * 30


def test_words_of_a_name_that_are_alike_stay_together():
    assert listed("Then Ali Ali left.") == [("PERSON", "Ali Ali")]


@pytest.mark.parametrize(
    "text", ["Hauptstraße", "Die Hauptstraße ist lang.", "Почта", "Почта: 12", "Tel: 12", "Tel 12", "Author: unknown"]
)
def test_streets_labels_and_words_of_another_script_are_no_names(text):
    assert listed(text) == []
    if text[0] != "П":  # what a model finds in a script that no list has stays
        assert corrected(text, text.split(" ")[0].rstrip(":"), "PERSON") == []


def test_a_word_of_another_script_among_others_can_be_a_name():
    assert listed("I live in ΛΕΥΚΑΔΙΤΣΑ now.") == [("LOCATION", "ΛΕΥΚΑΔΙΤΣΑ")]


@pytest.mark.parametrize("text", ["1. Smith, John; 2. Kowalska, Agnes", "Smith, John\nKowalska, Agnes (42)"])
def test_last_and_first_name_in_a_list_are_a_person_whatever_the_model_says(text):
    persons = [("PERSON", value) for value in ("Smith", "John", "Kowalska", "Agnes")]
    assert listed(text) == persons
    assert corrected(text, "Kowalska", "ORGANIZATION") == persons
    assert corrected(text, "Agnes", "LOCATION") == persons


@pytest.mark.parametrize(
    "text",
    ["She works for the VBNC now.", "a member of the VBNC", "The VBNC said so.", "She joined VBNC.", "VBNC's CEO left"],
)
def test_an_acronym_is_a_body_where_people_work_there_or_it_acts(text):
    assert corrected(text, "VBNC", "ORGANIZATION") == [("ORGANIZATION", "VBNC")]
    assert listed(text) == []


@pytest.mark.parametrize("text", ["My VBNC is blocked.", "treated for VBNC", "She works with VBNC cells.", "joined VB"])
def test_an_acronym_alone_is_no_body(text):
    assert corrected(text, "VB", "ORGANIZATION") == []


@pytest.mark.parametrize("unit", ["a:", "a.b-c_", "(", "Anna Smith, Bonn; ", "J.R.", "Mary,", "Tel\n", "É\u0301"])
def test_time_grows_with_the_length_of_a_text(unit):
    def seconds(size):
        text = (unit * size)[:size]
        findings = [Finding(at, at + 5, "ORGANIZATION", 0.85, "M", NER) for at in range(0, size - 5, 10)]
        began = time.process_time()
        refined(text, findings, "en")
        return time.process_time() - began

    # The best of three: in a long run of tests, a collection of all garbage takes a second of its own.
    assert min(seconds(80_000) for _ in range(3)) < 8 * seconds(20_000) + 0.5
