import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.scrub_pii.detection.findings import NER, PATTERN, Finding
from stages.methods.scrub_pii.detection.spread import spread_names


def spread(name, text, entity="PERSON"):
    """The values found in `text` when `name` was found in another text of the record."""
    found = {"a": [Finding(0, len(name), entity, 0.85, "Some", NER)], "b": []}
    return [text[one.start : one.end] for one in spread_names({"a": name, "b": text}, found)["b"]]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Then Agnes Kowalska left.", ["Agnes Kowalska"]),
        ("Kowalska's car, and Agnes’s.", ["Kowalska", "Agnes"]),
        ("Mrs KOWALSKA; A. Kowalska; A.Kowalska", ["KOWALSKA", "A. Kowalska", "A.Kowalska"]),
        ("The Kowalskas came.", ["Kowalskas"]),
        ("Kowalska, Agnes", ["Kowalska", "Agnes"]),
        ("Kowalskaya and Bagnes", []),
    ],
)
def test_a_person_is_found_elsewhere_in_all_parts(text, values):
    assert spread("Agnes Kowalska", text) == values


def test_a_finding_by_spread_says_so_and_keeps_the_rest_of_the_first():
    texts = {"a": "Agnes Kowalska met Kowalska."}
    first = Finding(0, 14, "PERSON", 0.7, "Some", NER)
    assert spread_names(texts, {"a": [first]})["a"] == [first, Finding(19, 27, "PERSON", 0.7, "NameSpread", NER)]


def test_parts_that_are_ordinary_words_need_a_capital_inside_a_sentence():
    assert spread("Will Young", "I asked Young. Young people will come, Will said. The young") == ["Young"]
    assert spread("Kim Brown", "a brown dog, BROWN sugar; the Brown dog") == []


def test_a_single_word_that_is_an_ordinary_word_does_not_spread():
    assert spread("Rose", "I met Rose and a rose.") == []
    assert spread("Al", "Al came.") == []


def test_titles_and_particles_are_no_names_by_themselves():
    assert spread("Dr. Ludwig van Aalst III", "The Dr. went with a van to Van. III. Then van Aalst.") == ["Aalst"]


def test_places_and_organizations_spread_as_a_whole_only():
    assert spread("Varnsdorf Bank", "Varnsdorf Bank and Varnsdorf", "ORGANIZATION") == ["Varnsdorf Bank"]
    assert spread("Varnsdorf", "In VARNSDORF, near varnsdorf", "LOCATION") == ["VARNSDORF"]
    assert spread("Varnsdorf", "In Varnsdorf", "NRP") == []


def test_what_a_model_alone_takes_for_an_organization_does_not_spread():
    assert spread("Varnsdorf Anemia", "Then Varnsdorf Anemia", "ORGANIZATION") == []
    texts = {"a": "Varnsdorf Anemia", "b": "Then Varnsdorf Anemia"}
    for sure in (
        Finding(0, 16, "ORGANIZATION", 0.7, "NameList", NER),
        Finding(0, 16, "ORGANIZATION", 1.0, "Own", PATTERN),
    ):
        assert len(spread_names(texts, {"a": [sure], "b": []})["b"]) == 1


def test_what_an_ordinary_word_is_depends_on_the_language():
    texts = {"a": "Udo Lange", "b": "Er kam. Lange ist"}
    found = {"a": [Finding(0, 9, "PERSON", 0.85, "Some", NER)], "b": []}
    assert len(spread_names(texts, found, "en")["b"]) == 1
    assert len(spread_names(texts, found, "de")["b"]) == 0


def test_a_name_is_the_same_with_its_accents_apart_and_another_apostrophe():
    assert spread("René O'Keefe", "Then Rene\u0301 O’Keefe, O’Keefe") == ["Rene\u0301 O’Keefe", "O’Keefe"]


def test_a_name_that_ends_with_the_text_and_begins_like_a_longer_one():
    assert spread("Agnes Kowalska Berg", "Then Agnes Kowalska") == ["Agnes Kowalska"]
    texts = {"a": "Varna Bank Union, Varna Bank", "b": "Varna Bank"}
    found = [
        Finding(0, 16, "ORGANIZATION", 0.8, "NameList", NER),
        Finding(18, 28, "ORGANIZATION", 0.8, "NameList", NER),
    ]
    (one,) = spread_names(texts, {"a": found, "b": []})["b"]
    assert (one.start, one.end) == (0, 10)


def test_time_grows_with_the_number_of_names_that_begin_alike():
    def seconds(count):
        names = [
            f"Agnes Kow{number:05}".translate(str.maketrans("0123456789", "abcdefghij")) for number in range(count)
        ]
        text = " and ".join(names)
        found = [Finding(at * 19, at * 19 + 14, "PERSON", 0.85, "Some", NER) for at in range(count)]
        began = time.process_time()
        assert len(spread_names({"a": text, "b": text}, {"a": found, "b": []})["b"]) == count
        return time.process_time() - began

    assert seconds(8000) < 8 * seconds(2000) + 0.5


def test_a_text_in_small_letters_has_its_names_in_small_letters():
    assert spread("Agnes Kowalska", "i met kowalska and agnes") == ["kowalska", "agnes"]
    assert spread("Will Kowalska", "I met kowalska. will she?") == []
    assert spread("Will Kowalska", "i met kowalska, will she?") == ["kowalska"]


def test_what_is_inside_another_finding_is_not_found_again():
    texts = {"a": "Agnes Kowalska", "b": "Mail Kowalska@example.org, Kowalska"}
    found = {"a": [Finding(0, 14, "PERSON", 0.85, "Some", NER)], "b": [Finding(5, 25, "EMAIL_ADDRESS", 1.0, "Some", 2)]}
    assert [one.start for one in spread_names(texts, found)["b"]] == [5, 27]


@given(st.lists(st.sampled_from(["Agnes", "Kowalska", "will", "Will", ".", ", ", "\n", "J.", "agnes", "'s", "-"])))
def test_findings_stay_and_new_ones_lie_in_the_text(words):
    text = " ".join(["Agnes Kowalska", *words])
    first = Finding(0, 14, "PERSON", 0.85, "Some", NER)
    found = spread_names({"a": text}, {"a": [first]})["a"]
    assert first in found
    assert found == sorted(found)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(
        "kowalska" in text[one.start : one.end].casefold() or "agnes" in text[one.start : one.end].casefold()
        for one in found
    )


def test_a_full_name_is_found_in_small_letters_among_words_with_capitals():
    assert spread("Agnes Kowalska", "Then agnes kowalska left") == ["agnes kowalska"]
    assert spread("Lactose Intolerance", "Then lactose intolerance") == []


def test_many_names_are_looked_for_at_once():
    names = [f"Ag{a}nes Kow{b}alska" for a in "abcdefghijklmnopqrst" for b in "abcdefghijklmnopqrst"]
    ends = [sum(map(len, names[:n])) + 5 * n for n in range(len(names))]
    text = " and ".join(names)
    found = [Finding(at, at + len(name), "PERSON", 0.85, "Some", NER) for at, name in zip(ends, names, strict=True)]
    assert len(spread_names({"a": text, "b": text * 5}, {"a": found, "b": []})["b"]) == 5 * len(names)
