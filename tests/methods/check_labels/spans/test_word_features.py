import pytest

from stages.methods.check_labels.spans.word_features import shape, word_features


@pytest.mark.parametrize(
    ("word", "kinds"), [("Bern", "Xxx"), ("USA", "XX"), ("3rd", "dxx"), ("2024", "dd"), (".", ".")]
)
def test_a_shape_tells_capitals_letters_and_digits_apart(word, kinds):
    assert shape(word) == kinds


def test_words_have_features_in_common_where_they_look_alike_or_stand_alike():
    found = word_features(["we met Anna", "we met Anne", "12 x"]).toarray()
    assert len(found) == 8
    anna, anne, number = found[2], found[5], found[6]
    assert anna @ anne > 5
    assert number @ anna < anna @ anne / 2


def test_a_feature_that_only_one_word_has_is_left_out():
    assert word_features(["one two"]).shape[1] < word_features(["one two", "one two"]).shape[1]
