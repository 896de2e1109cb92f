import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.deduplicate.shingles import digest, normalised, shingles, word_hash, words

FOX = "the quick brown fox jumps over the lazy dog"


def test_hashes_are_these_numbers_on_every_machine():
    values, starts = shingles([words(FOX), words(FOX)[:5]], 3)
    assert word_hash("fox") == 0xE3EA8BF3F7CD43C6
    assert starts.tolist() == [0, 7]
    assert [hex(value) for value in values[[0, 6, 7]].tolist()] == [
        "0xbd62ff7c1f0ed02f",
        "0xd8b32609772f948f",
        "0xbd62ff7c1f0ed02f",
    ]
    assert digest(["Hello,  World!"]).hex() == "e9a804b2e527fd3601d2ffc0bb023cd6"


def naive(text, n):
    found = re.findall(r"\w+", text.lower())
    return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=3, max_size=12), min_size=1, max_size=5))
def test_hashed_shingles_are_as_many_as_word_sequences_and_no_text_reaches_into_the_next(documents):
    values, starts = shingles(documents, 3)
    for document, part in zip(documents, np.split(values, starts[1:]), strict=True):
        assert len(part) == len(document) - 2
        assert len(np.unique(part)) == len(naive(" ".join(document), 3))


def test_equal_word_sequences_have_equal_hashes_wherever_they_stand():
    alone, _ = shingles([["b", "c", "d"]], 3)
    within, starts = shingles([["x", "y", "z"], ["a", "b", "c", "d"]], 3)
    assert within[starts[1] + 1] == alone[0]
    assert not np.isin(alone, within[: starts[1] + 1])


def test_a_document_shorter_than_a_shingle_is_refused():
    with pytest.raises(ValueError, match="fewer than 3"):
        shingles([["a", "b"]], 3)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("Great, thanks!", "great   thanks", True),
        ("ﬁne — CAFÉ", "fine cafe\u0301", True),
        ("Straße", "STRASSE", True),
        ("fine café", "fine cafe", False),
        ("का", "की", False),
        ("👍", "👎", False),
        ("👍", " 👍 ", True),
        ("love it ❤", "love it ❤️", True),
        ("12 mg", "1 2 mg", False),
    ],
)
def test_texts_are_equal_but_for_case_form_and_punctuation(one, other, equal):
    assert (normalised(one) == normalised(other)) == equal
    assert (digest([one]) == digest([other])) == equal


def test_the_border_between_two_texts_of_a_record_counts():
    assert digest(["a b", "c"]) != digest(["a", "b c"])
    assert digest(["a", ""]) != digest(["a"])
