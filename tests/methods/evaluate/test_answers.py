"""Scores of extractive answers, held against the formulas of SQuAD 2.0's evaluation, and the baselines."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.evaluate.answers import answer_tokens, compare, means, sentences, similar_sentences

TEXTS = st.lists(
    st.sampled_from(["the", "A", "cat", "Cat,", "dog's", "an", "3.5", "(red)", "owl", "-", " "]), max_size=6
)


def squad_words(text):
    """Lower case, punctuation out, articles out: what SQuAD's evaluation compares."""
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return [word for word in re.split(r"\s+", bare) if word and word not in ("a", "an", "the")]


def squad_scores(answer, gold):
    """(exact match, F1) as SQuAD 2.0 defines them; right answers of no word are left out."""
    golds = [right for right in gold if squad_words(right)] or [""]
    exact, best = 0.0, 0.0
    said = squad_words(answer)
    for right in map(squad_words, golds):
        exact = max(exact, float(said == right))
        left = list(right)
        shared = sum(1 for word in said if word in left and (left.remove(word) or True))
        if not said or not right:
            f1 = float(said == right)
        elif not shared:
            f1 = 0.0
        else:
            precision, recall = shared / len(said), shared / len(right)
            f1 = 2 * precision * recall / (precision + recall)
        best = max(best, f1)
    return exact, best


@given(TEXTS.map(" ".join), st.lists(TEXTS.map(" ".join), max_size=3))
def test_exact_match_and_f1_are_those_of_squad(answer, gold):
    # An answer of articles and signs alone is the one difference, and has its own test.
    gold = [right for right in gold if squad_words(right)]
    if answer.strip() and not squad_words(answer):
        answer = ""
    exact, f1 = compare(answer, gold, "en")
    assert exact == squad_scores(answer, gold)[0]
    assert f1 == pytest.approx(squad_scores(answer, gold)[1])


def test_the_closest_of_the_right_answers_counts():
    assert compare("in the red house", ["a tree", "the red house"]) == (0.0, pytest.approx(0.8))


def test_nothing_is_the_right_answer_where_there_is_none():
    assert compare("", []) == (1.0, 1.0)
    assert compare("the house", []) == (0.0, 0.0)
    assert compare("", ["house"]) == (0.0, 0.0)


def test_an_answer_that_is_an_article_is_not_nothing():
    assert compare("A", ["A"]) == (1.0, 1.0)
    assert compare("", ["A"]) == (0.0, 0.0)
    assert compare("C", ["A"]) == (0.0, 0.0)
    assert compare("$", ["€"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "The tower", "tower"), ("es", "El río", "río"), ("de", "dem Turm", "der Turm"),
        ("fr", "L'église", "église"), ("fr", "qu’une ville", "ville"), (None, "the “tower”", "Tower"),
        ("es", "¿Quién?", "quién"), ("pt", "Lisboa.", "lisboa"),
    ],
)  # fmt: skip
def test_articles_and_signs_of_the_language_do_not_count(language, one, other):
    assert compare(one, [other], language) == (1.0, 1.0)


def test_articles_of_another_language_count():
    assert compare("el río", ["río"], "en")[0] == 0
    assert compare("the tower", ["tower"], "de")[0] == 0
    assert compare("aujourd'hui", ["hui"], "fr")[0] == 0


def test_scripts_that_do_not_separate_words_are_compared_by_character():
    assert answer_tokens("東京 Tower", "ja") == ["東", "京", "tower"]
    assert compare("東京都", ["東京"], "zh") == (0.0, pytest.approx(0.8))


def test_means_are_over_the_records_that_count_and_lie_in_their_intervals():
    values = [1.0, 0.0, 1.0, 0.5]
    found = means({"all": (values, [True] * 4), "some": (values, [True, True, False, False])}, 200, 1)
    assert found["all"].value == 0.625
    assert found["some"].value == 0.5
    assert found["all"].low <= 0.625 <= found["all"].high
    assert means({"all": (values, [True] * 4)}, 200, 1)["all"] == found["all"]


def test_a_resample_without_any_record_that_counts_says_nothing():
    values = [0.0] * 30
    for seed in range(5):
        found = means({"rare": ([1.0, *values], [True, *([False] * 30)])}, 1, seed)
        assert found["rare"].value == found["rare"].low == found["rare"].high == 1


def test_a_text_without_marks_is_one_sentence():
    assert sentences("no mark here") == ["no mark here"]
    assert sentences("One. Two? Three!\n\nFour 3.5 kg") == ["One.", "Two?", "Three!", "Four 3.5 kg"]
    assert sentences("甲。乙。") == ["甲。", "乙。"]


def test_the_sentence_that_shares_rare_words_with_the_question_is_most_similar():
    context = "The museum opens at nine. The ferry leaves from the northern pier. The museum has a shop."
    asked = [("Where does the ferry leave from?", context), ("Does the museum have a shop?", context)]
    assert similar_sentences([context], asked) == ["The ferry leaves from the northern pier.", "The museum has a shop."]


def test_without_any_word_the_first_sentence_is_taken():
    assert similar_sentences(["?!"], [("?", "!! ??")]) == ["!!"]
    assert similar_sentences([], [("What?", "One. Two.")]) == ["One."]


def test_questions_about_one_context_are_one_finding_and_widen_the_interval():
    values, everyone = [1.0] * 20 + [0.0] * 20, [True] * 40
    alone = means({"all": (values, everyone)}, 500, 1)["all"]
    apart = means({"all": (values, everyone)}, 500, 1, [str(i) for i in range(40)])["all"]
    of_ten = means({"all": (values, everyone)}, 500, 1, [str(i // 10) for i in range(40)])["all"]
    assert apart == alone
    assert of_ten.value == alone.value == 0.5
    assert of_ten.high - of_ten.low > 2 * (alone.high - alone.low)


def test_a_single_context_leaves_its_questions_to_show_the_spread():
    values = {"all": ([1.0, 0.0] * 10, [True] * 20)}
    assert means(values, 200, 1, ["same"] * 20) == means(values, 200, 1)


def test_contexts_that_all_go_alike_do_not_narrow_the_interval():
    values = {"all": ([1.0, 0.0] * 10, [True] * 20)}
    assert means(values, 200, 1, [str(i // 2) for i in range(20)]) == means(values, 200, 1)
