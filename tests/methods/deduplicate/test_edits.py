from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stages.methods.deduplicate.edits import edit_keys, edit_similarities


def distance(one, other):
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row = row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b)))
    return row[-1]


def keys_of(texts, edits, edit_chars):
    keys, owners = edit_keys(texts, edits, edit_chars)
    found = [set() for _ in texts]
    for key, owner in zip(keys.tolist(), owners.tolist(), strict=True):
        found[owner].add(key)
    return found


def share_a_key(one, other, edits, edit_chars):
    first, second = keys_of([one, other], edits, edit_chars)
    return bool(first & second)


@st.composite
def edited_pairs(draw):
    alphabet = draw(st.sampled_from(["ab", "abcdefgh", "a\ud800é👍"]))
    one = draw(st.text(alphabet, max_size=24))
    other = list(one)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(other)))
        other[place : place + draw(st.integers(0, 1))] = draw(st.text(alphabet, max_size=1))
    return one, "".join(other)


@given(edited_pairs(), st.integers(1, 3), st.integers(1, 6))
@example(("abcdef", "bcdefa"), 2, 3)
@example(("a", "b"), 1, 1)
def test_two_texts_within_the_edits_they_are_allowed_share_a_key(pair, edits, edit_chars):
    one, other = pair
    allowed = min(edits, min(len(one), len(other)) // edit_chars)
    if allowed and distance(one, other) <= allowed:
        assert share_a_key(one, other, edits, edit_chars)


@given(edited_pairs(), st.integers(1, 3), st.integers(1, 6))
def test_similarity_is_the_distance_over_the_longer_length_where_it_is_allowed(pair, edits, edit_chars):
    one, other = pair
    allowed = min(edits, min(len(one), len(other)) // edit_chars)
    apart = distance(one, other)
    expected = round(1 - apart / max(len(one), len(other), 1), 6) if apart <= allowed else -1
    assert edit_similarities(one, [other], edits, edit_chars).tolist() == [expected]
    assert edit_similarities(other, [one], edits, edit_chars).tolist() == [expected]


def test_a_second_edit_takes_a_second_stretch_of_characters():
    text = "a" * 39
    assert edit_similarities(text, [text[:-1] + "b", text[:-2] + "bb"], 2, 20).tolist() == [0.974359, -1]
    assert edit_similarities(text + "a", [text[:-1] + "bb"], 2, 20).tolist() == [0.95]


def test_no_others_have_no_similarities():
    assert edit_similarities("abc", [], 1, 1).tolist() == []


def test_keys_are_these_numbers_on_every_machine():
    keys, owners = edit_keys(["is my card lost or stolen", "ok", "straße \ud800 👍 is where I live"], 1, 20)
    assert owners.tolist() == [0] * 4 + [2] * 4
    assert [hex(key) for key in keys[[0, 3, 7]].tolist()] == [
        "0xf76a0fea3a8e040d",
        "0xfb759417ea5fa5f0",
        "0x753a8c47b1b3364f",
    ]


@pytest.mark.parametrize(("edits", "most"), [(1, 4), (2, 12), (3, 26)])
def test_a_text_gets_so_many_keys_whatever_its_length(edits, most):
    counts = [len(found) for found in keys_of(["abcdefghij" * 8, "abcdefghij" * 800], edits, 20)]
    assert counts == [most, most]


def test_texts_too_short_for_an_edit_get_no_key():
    keys, owners = edit_keys(["", "a", "x" * 19, "x" * 20], 3, 20)
    assert owners.tolist() == [3, 3]
    assert len(np.unique(keys)) == 2
    assert edit_keys([], 1, 20)[0].tolist() == []


def test_a_texts_keys_do_not_depend_on_its_company(monkeypatch):
    texts = ["where is my parcel " + "x" * n for n in range(30)] + ["", "a much longer text " * 40]
    together = keys_of(texts, 2, 10)
    assert together == [keys_of([text], 2, 10)[0] for text in texts]
    monkeypatch.setattr("stages.methods.deduplicate.edits._CHARACTERS_AT_ONCE", 100)
    assert keys_of(texts, 2, 10) == together


def test_unlike_texts_meet_seldom():
    random = np.random.default_rng(1)
    texts = ["".join(map(chr, row)) for row in random.integers(97, 123, (2000, 30)).tolist()]
    met = Counter(key for found in keys_of(texts, 1, 20) for key in found)
    assert max(met.values()) == 1


def test_many_equal_texts_get_as_many_keys_each_as_one():
    keys, owners = edit_keys(["please call me back tomorrow"] * 10_000, 1, 20)
    assert len(keys) == 4 * 10_000
    assert len(np.unique(keys)) == 4
    assert all(one <= other for one, other in pairwise(owners.tolist()))
