import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.deduplicate.shingles import digest, digests, normalised, shingles, words

FOX = "the quick brown fox jumps over the lazy dog"
FOX_HASH = "0xd24dd8912605d5ae"


def test_hashes_are_these_numbers_on_every_machine():
    found = words([FOX, " ".join(FOX.split()[:5]), "Ein schöner Größenwahn, 東京!"])
    assert found.counts.tolist() == [9, 5, 4]
    assert [hex(value) for value in found.hashes[[3, 12, 16]].tolist()] == [FOX_HASH, FOX_HASH, "0xf50826dc5c0b9992"]
    values, starts = shingles(found, 3)
    assert starts.tolist() == [0, 7, 10]
    assert [hex(value) for value in values[[0, 6, 7, 11]].tolist()] == [
        "0xc2640c408d62fdd0",
        "0x40c2ba02f305b3ef",
        "0xc2640c408d62fdd0",
        "0xd519d8a72bb3037c",
    ]
    assert digest(["Hello,  World!"]).hex() == "e9a804b2e527fd3601d2ffc0bb023cd6"


TEXTS = st.lists(
    st.text(st.characters(codec=None), max_size=40) | st.sampled_from(["", "a", "A b", "b\nc", "ß"]), max_size=8
)


@given(TEXTS)
def test_words_are_the_runs_of_word_characters_of_the_lower_cased_text(texts):
    found = words(texts)
    expected = [re.findall(r"\w+", text.lower()) for text in texts]
    assert found.counts.tolist() == list(map(len, expected))
    flat = [word for some in expected for word in some]
    assert len(set(found.hashes.tolist())) == len(set(flat))
    assert [hash for hash, word in zip(found.hashes.tolist(), flat, strict=True) if word == flat[0]] == [
        hash for hash in found.hashes.tolist() if hash == found.hashes[0]
    ]


def test_words_do_not_depend_on_what_they_are_computed_with():
    texts = [f"word{i} " * (i % 7) + "x" * (i * 97) for i in range(60)]
    apart = [words([text]).hashes for text in texts]
    assert sum(map(len, texts)) > 2 * 2**16
    assert np.array_equal(words(texts).hashes, np.concatenate(apart))


def test_a_word_longer_than_a_batch_and_words_of_one_letter_have_hashes_of_their_own():
    found = words(["a" * 200_000, "a" * 199_999, "a", "b", "ab", "ba"])
    assert len(set(found.hashes.tolist())) == 6


def test_some_texts_are_taken_out_of_many_in_the_order_asked_for():
    found = words(["a b", "c", "", "d e f"])
    some = found.of([3, 0, 2])
    assert some.counts.tolist() == [3, 2, 0]
    assert some.hashes.tolist() == words(["d e f a b"]).hashes.tolist()


def naive(text, n):
    found = re.findall(r"\w+", text.lower())
    return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=3, max_size=12), min_size=1, max_size=5))
def test_hashed_shingles_are_as_many_as_word_sequences_and_no_text_reaches_into_the_next(documents):
    values, starts = shingles(words(list(map(" ".join, documents))), 3)
    for document, part in zip(documents, np.split(values, starts[1:]), strict=True):
        assert len(part) == len(document) - 2
        assert len(np.unique(part)) == len(naive(" ".join(document), 3))


def test_equal_word_sequences_have_equal_hashes_wherever_they_stand():
    alone, _ = shingles(words(["b c d"]), 3)
    within, starts = shingles(words(["x y z", "a b c d"]), 3)
    assert within[starts[1] + 1] == alone[0]
    assert not np.isin(alone, within[: starts[1] + 1])


def test_the_order_of_words_counts():
    values, _ = shingles(words(["a b c", "c b a", "b a c"]), 3)
    assert len(set(values.tolist())) == 3


def test_a_text_shorter_than_a_shingle_is_refused():
    with pytest.raises(ValueError, match="fewer than 3"):
        shingles(words(["a b"]), 3)


def test_without_texts_there_is_nothing():
    values, starts = shingles(words([]), 3)
    assert (len(values), len(starts)) == (0, 0)


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_the_short_cut_for_ascii_gives_what_the_general_way_gives(text):
    plain = normalised(text)
    general = normalised(text + " é")
    assert general == f"{plain} é" or (not re.search(r"\w", text) and general == "é")


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


@given(st.lists(st.lists(st.text(max_size=20) | st.text("aB .,_é", max_size=20), max_size=3), max_size=6))
def test_many_digests_at_once_are_those_of_one_by_one(records):
    assert digests(records) == [digest(texts) for texts in records]


def test_the_border_between_two_texts_of_a_record_counts():
    assert digest(["a b", "c"]) != digest(["a", "b c"])
    assert digest(["a", ""]) != digest(["a"])
