import pytest

from stages.core.errors import UsageError
from stages.methods.clean.language import identify_language

CODES = ("en", "de", "fr")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Where is my parcel? It should have been here yesterday.", "en"),
        ("Mein Paket ist seit zwei Wochen unterwegs.", "de"),
        ("Le colis est arrivé avec deux jours de retard.", "fr"),
        ("12345 !!!", None),
        ("", None),
    ],
)
def test_the_language_is_named_where_there_are_words(text, code):
    assert identify_language(text, CODES, 0.5) == code


def test_an_unsure_answer_is_left_open():
    assert identify_language("Nora", CODES, 1.0) is None


def test_a_language_without_a_model_is_wrong_use():
    with pytest.raises(UsageError, match=r"clean\.candidates"):
        identify_language("hello", ("en", "zz"), 0.5)
