"""Answers by looking them up."""

import pytest

from stages.methods.evaluate.nearest import nearest


def test_the_text_that_shares_the_most_telling_words_is_found():
    known = ["how do I reset the password", "how do I return the parcel", "where is the shop"]
    assert nearest(known, ["the parcel must go back: return", "lost my password", "is there a shop"]) == [1, 0, 2]


def test_of_equally_similar_texts_it_is_the_first_and_without_words_too():
    assert nearest(["a b", "a b", "c"], ["b a"]) == [0]
    assert nearest(["!", "?"], ["what", ""]) == [0, 0]


def test_nothing_is_found_where_nothing_is_known():
    with pytest.raises(ValueError, match="nothing is known"):
        nearest([], ["what"])
