from stages.methods.clean.quality import letter_share, quantiles, repetition


def test_repetition_is_the_share_of_the_commonest_word_in_texts_of_twenty_words():
    assert repetition("Buy " * 15 + "now or never we said") == 15 / 20
    assert repetition("buy " * 19) == 0


def test_letters_digits_and_vowel_signs_count_and_spaces_do_not():
    assert letter_share("ab 1!") == 0.75
    assert letter_share("हिन्दी") == 1
    assert letter_share("") == 0


def test_quantiles_are_values_that_are_there():
    found = quantiles(list(range(100, -1, -1)))
    assert (found["min"], found["p25"], found["p50"], found["max"]) == (0, 25, 50, 100)
    assert quantiles([]) == {}
