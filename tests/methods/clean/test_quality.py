from collections import Counter

from stages.methods.clean.quality import letter_share, quantiles, repetition


def test_repetition_is_the_share_of_the_commonest_word_in_texts_of_twenty_words():
    assert repetition("Buy " * 15 + "now or never we said") == 15 / 20
    assert repetition("buy " * 19) == 0


def test_letters_digits_and_vowel_signs_count_and_spaces_do_not():
    assert letter_share("ab 1!") == 0.75
    assert letter_share("हिन्दी") == 1
    assert letter_share("") == 0


def test_quantiles_are_values_that_are_there():
    found = quantiles(Counter(range(100, -1, -1)))
    assert (found["min"], found["p25"], found["p50"], found["max"]) == (0, 25, 50, 100)
    assert quantiles({}) == {}


def test_a_value_weighs_as_often_as_it_is_there():
    found = quantiles({7: 96, 1: 1, 900: 3})
    assert (found["min"], found["p05"], found["p50"], found["p95"], found["max"]) == (1, 7, 7, 7, 900)
