import pytest

from stages.methods.evaluate.text_traits import copied, declines, first_words, loops, words


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can\u2019t help with that.", "I cannot provide medical advice.",
        "We are unable to answer this.", "As an AI language model, I have no opinions.",
        "Unfortunately I won't be able to: I'm not able to share that.",
        "Es tut mir leid, dabei kann ich dir nicht helfen.", "Diese Frage darf ich leider nicht beantworten.",
        "Als KI habe ich keine Meinung.", "Lo siento, no puedo ayudarte con eso.", "No te puedo dar esa información.",
        "Como modelo de lenguaje, no tengo opiniones.", "Désolé, je ne peux pas vous aider.",
        "Je ne suis pas en mesure de répondre.", "En tant qu'IA, je n'ai pas d'avis.",
    ],
)  # fmt: skip
def test_a_refusal_is_known_by_its_usual_words(text):
    assert declines(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry to hear that. Restart the router and wait a minute.", "You cannot fail to see the switch.",
        "The lift cannot be repaired before May.", "Das kann nicht warten.", "Sie können hier gut helfen.",
        "No puedo más con este ruido.", "Je ne peux plus attendre.", "",
    ],
)  # fmt: skip
def test_bad_news_and_sympathy_are_no_refusals(text):
    assert not declines(text)


def test_a_refusal_late_in_a_long_answer_is_a_topic():
    assert not declines("Here is a story. " * 40 + "I cannot help you, said the wolf.")


def test_a_loop_is_four_words_three_times():
    assert loops("and then we go and then we go and then we go home")
    assert loops("no no no no no no")
    assert not loops("and then we go and then we go home")
    assert not loops("")


def test_copied_is_the_share_of_runs_of_four_words_that_the_source_has():
    source = "The lift stops between two floors every day."
    assert copied("the lift stops BETWEEN two floors", source) == 1
    assert copied("the lift stops between the floors", source) == pytest.approx(1 / 3)
    assert copied("the lift", source) is None


def test_the_first_words_are_a_beginning_of_the_text_as_it_is_written():
    assert first_words("One, two - three!", 2) == "One, two"
    assert first_words("水管昨晚漏水", 2) == "水管"
    assert first_words("One", 5) == "One"
    assert first_words("One two", 0) == ""


def test_words_are_in_lower_case_and_without_punctuation():
    assert words("L'Été, 2nd (snake_case) WORD!") == ["l", "été", "2nd", "snake", "case", "word"]
    assert words("use GPU机器学习 now") == ["use", "gpu", "机", "器", "学", "习", "now"]
    assert words("?!") == ["?", "!"]
    assert words("") == []
