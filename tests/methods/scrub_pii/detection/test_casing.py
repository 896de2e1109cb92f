import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.scrub_pii.detection.casing import for_model


@pytest.mark.parametrize(
    ("text", "recased"),
    [
        ("PLEASE SEND IT TO MARY O'NEILL IN LONDON", "please send it to Mary O'neill in London"),
        ("my name is john kowalski from new york", "My name is John Kowalski from New York"),
        ("i asked her. she called kevin", "I asked her. She called Kevin"),
        ("My brother kevin lives in paris.", "My brother Kevin lives in Paris."),
        ("THE FACTS\nHe came.", "the facts\nHe came."),
    ],
)
def test_names_have_capitals_and_words_in_capitals_have_none(text, recased):
    assert for_model(text) == recased


@pytest.mark.parametrize(
    "text",
    [
        "Anna Schmidt paid the BBC in May.",
        "You will find a rose, a mark and a frank reply. The max is nice; polish it.",
        "Mail kevin@example.org or see example.org/kevin and #kevin",
        "",
    ],
)
def test_text_with_its_case_in_order_stays_as_it_is(text):
    assert for_model(text) == text


@given(st.text())
def test_the_length_stays_and_only_the_case_changes(text):
    recased = for_model(text)
    assert len(recased) == len(text)
    assert recased.casefold() == text.casefold()


@given(st.lists(st.sampled_from(["STRAẞE", "İZMİR", "JOHN", "ŉ", "ǰ", "ß", "IN", "\n", "mary"])))
def test_letters_whose_other_case_is_longer_stay(words):
    text = " ".join(words)
    assert len(for_model(text)) == len(text)
