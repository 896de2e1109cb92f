import random

import pytest

from stages.core.records import Message, Record
from stages.methods.check_labels.answers.answer_traits import (
    chat_exchanges,
    copy_kind,
    pair_exchange,
    refusal,
    traits_of,
)
from stages.methods.check_labels.answers.written_answers import written_doubts
from stages.tasks import load_task
from tests.methods.check_labels.lent import lent

CHAT, PAIRS = load_task("causal_lm").schema, load_task("seq2seq").schema
TOPICS = ["river", "harbour", "teacher", "garden", "copper", "village", "music", "winter", "bridge", "letter", "forest"]
EXTRAS = ["old", "new", "red", "tall", "cold", "warm", "rich", "poor", "dark", "loud", "calm", "wild", "plain", "proud"]


def chat(id, *turns, roles=("user", "assistant")):
    """A conversation of alternating turns."""
    messages = tuple(Message(roles[i % 2], text) for i, text in enumerate(turns))
    return Record(id, "s", id, CHAT, {"messages": messages})


def pair(id, source, target):
    return Record(id, "s", id, PAIRS, {"source_text": source, "target_text": target})


def talks(count=120):
    """Questions about things, and answers that are about the same things and end as sentences do."""
    found = []
    for number in range(count):
        draw = random.Random(number)
        thing, kind = f"{draw.choice(TOPICS)}{number}", draw.choice(EXTRAS)
        question = f"Could you please tell me what the {kind} {thing} is?"
        answer = (
            f"The {kind} {thing} is one of the {kind} things that people in the town like to see. "
            f"They go to the {thing} in the morning and come back with a smile."
        )
        found.append(chat(f"{number:03d}", question, answer))
    return found


def codes(records, read=chat_exchanges, *, instructed=True, **params):
    """The codes of the doubts about each record in doubt."""
    found = written_doubts(lent(records, **{"probe": 0, **params}), read, instructed=instructed).doubts
    return {id: [doubt.reason for doubt in some] for id, some in found.items()}


def with_reply(record, text):
    question, _ = record.values["messages"]
    return record.with_values(messages=(question, Message("assistant", text)))


def reply(record):
    return record.values["messages"][1].content


def test_answers_without_fault_are_not_doubted_and_all_are_ranked():
    found = written_doubts(lent(talks(), probe=0), chat_exchanges, instructed=True)
    assert found.doubts == {}
    assert len(found.ranked) == 120
    assert all(one.suggested is None for one in found.ranked.values())


@pytest.mark.parametrize("text", ["...", "- ", "\n", "—"])
def test_an_answer_without_letters_or_digits_is_empty(text):
    records = talks()
    records[5] = with_reply(records[5], text)
    assert codes(records)["005"][0] == "empty_answer"


@pytest.mark.parametrize(
    "cut", ["The cold river is one of the things that people in the town like to", "It is a place where the people, "]
)
def test_an_answer_that_stops_in_the_middle_of_a_sentence_is_cut(cut):
    records = talks()
    records[5] = with_reply(records[5], f"{reply(records[5])} {cut}")
    assert codes(records) == {"005": ["truncated_answer"]}


@pytest.mark.parametrize(
    "end",
    [
        "See the list:\n- one of the towns\n- another one of them with a long name and the usual streets",
        "Kind regards from the Office of Harbours and Rivers",
        "There is more of it at https://example.org/the/river",
        "They go there - by the bridge - with a boat - in the morning",
        "It was so in the year of the flood.12",
        "A smile goes with it (and with them).",
        "It is what they like to see 🙂",
    ],
)
def test_lists_names_addresses_and_notes_are_no_cuts(end):
    records = talks()
    records[5] = with_reply(records[5], f"{reply(records[5])} {end}")
    assert codes(records) == {}


def test_cuts_are_not_told_where_many_answers_have_no_end():
    records = [with_reply(one, reply(one).rstrip(".")) for one in talks()]
    records = [with_reply(one, f"{reply(one)} {one.id}") for one in records]
    found = written_doubts(lent(records, probe=0), chat_exchanges, instructed=True)
    assert found.doubts == {}
    assert any("cut" in warning for warning in found.facts["warnings"])


def test_the_same_words_at_the_end_of_several_answers_are_a_formula():
    records = talks()
    for i in (3, 4, 5):
        records[i] = with_reply(records[i], f"{reply(records[i])} this is all that there is to say about it for now")
    assert codes(records) == {}


def test_an_open_code_fence_is_a_cut():
    records = talks()
    records[5] = with_reply(records[5], f"{reply(records[5])}\n```python\nprint(1)")
    assert codes(records) == {"005": ["truncated_answer"]}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I'm sorry, but I can’t help with that.", "en"),
        ("As an AI language model, I have no feelings.", "en"),
        ("Unfortunately, I am unable to provide medical advice.", "en"),
        ("Dabei kann ich leider nicht helfen.", "de"),
        ("Ich kann Ihnen dazu keine Auskunft geben.", "de"),
        ("Lo siento, no puedo ayudarte con eso.", "es"),
        ("Je ne peux pas répondre à cette question.", "fr"),
        ("Mi dispiace, non posso aiutarti.", "it"),
        ("Como modelo de linguagem, não tenho opiniões.", "pt"),
    ],
)
def test_refusals_are_known_in_six_languages(text, language):
    assert refusal(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "I can't help but laugh when I see cats.",
        "I can't answer the door because I'm busy.",
        "We cannot provide refunds after 30 days.",
        "The doctor said: I cannot help you.",
        "Use it as an AI tool for writing.",
        "Ich kann nicht schlafen, weil es laut ist.",
        "No puedo esperar a verte.",
        "Je ne peux pas venir demain.",
        "Come ai vecchi tempi, tutto va bene.",
        "Como ia dizendo, está tudo bem.",
    ],
)
def test_who_cannot_do_something_else_does_not_refuse(text):
    assert refusal(text) is None


def test_a_refusal_is_doubted_unless_it_is_what_the_prompt_has():
    records = talks()
    records[5] = with_reply(records[5], "I cannot assist with this request.")
    assert "refused_answer" in codes(records)["005"]
    (one,) = traits_of(pair_exchange(pair("a", "I can't help you with that.", "Dabei kann ich nicht helfen.")))
    assert one.refusal is None


@pytest.mark.parametrize(
    ("prompt", "answer", "kind"),
    [
        ("The cat sat on the mat.", "the cat sat on the mat", "whole"),
        ("Berlin", "Berlin", None),
        (
            "What is the name of the tallest tower there?",
            "What is the name of the tallest tower there? Eiffel.",
            "echo",
        ),
        ("A first sentence is here. A second one follows it.", "A first sentence is here.", None),
        ("Correct this text: he go home by the train.", "He goes home by the train.", None),
    ],
)
def test_only_answers_that_are_nearly_all_of_the_prompt_are_copies(prompt, answer, kind):
    assert copy_kind(prompt, answer) == kind


def test_an_untranslated_target_is_doubted_and_copies_are_not_where_they_are_the_rule():
    sources = [reply(one) for one in talks()]
    translated = [" ".join(word[::-1] for word in text.split()) for text in sources]
    records = [pair(f"{i:03d}", *both) for i, both in enumerate(zip(sources, translated, strict=True))]
    records[5] = pair("005", sources[5], sources[5])
    found = codes(records, pair_exchange, instructed=False)
    assert "copied_answer" in found["005"]
    corrected = [pair(f"{i:03d}", text, text) for i, text in enumerate(sources)]
    assert codes(corrected, pair_exchange, instructed=False) == {}


def test_an_answer_in_another_language_is_doubted_unless_the_prompt_may_ask_for_it():
    german = "Der Fluss ist einer der schönsten Orte der Stadt, und die Leute gehen am Morgen gern dorthin spazieren."
    ask = "Please tell me why so many of the people in this town like to walk along the river in the morning"
    records = [chat(f"l{i}", f"{ask}, part {i}?", reply(one)) for i, one in enumerate(talks(40))]
    records += [chat("x", f"{ask}?", german), chat("y", f"{ask}? Answer in German.", german)]
    found = written_doubts(lent(records, probe=0), chat_exchanges, instructed=True).doubts
    mismatched = {id: doubt.evidence for id, some in found.items() for doubt in some if "language" in doubt.reason}
    assert mismatched == {"x": {"turn": 1, "prompt": "en", "answer": "de"}}


def test_answers_that_were_swapped_are_unusual_and_rank_first():
    records = talks()
    records[10], records[40] = with_reply(records[10], reply(records[40])), with_reply(records[40], reply(records[10]))
    found = written_doubts(lent(records, probe=0), chat_exchanges, instructed=True)
    assert {id: [doubt.reason for doubt in some] for id, some in found.doubts.items()} == {
        "010": ["unusual_answer"],
        "040": ["unusual_answer"],
    }
    assert {*sorted(found.ranked, key=lambda one: found.ranked[one].margin)[:2]} == {"010", "040"}


def test_nothing_is_unusual_where_no_answer_fits_its_prompt():
    records = talks()
    swapped = [with_reply(one, reply(other)) for one, other in zip(records, [*records[1:], records[0]], strict=True)]
    found = written_doubts(lent(swapped, probe=0), chat_exchanges, instructed=True)
    assert found.doubts == {}
    assert any("encoder" in warning for warning in found.facts["warnings"])


def test_the_same_prompt_with_other_short_answers_is_a_conflict():
    records = [*talks(), chat("x", "Is the river long?", "yes"), chat("y", "is the River long", "no, never")]
    assert codes(records) == {"x": ["conflicting_answers"], "y": ["conflicting_answers"]}
    agreed = [*talks(), chat("x", "Is the river long?", "yes"), chat("y", "is the River long", "Yes!")]
    assert codes(agreed) == {}


def test_every_reply_of_a_conversation_is_checked_and_the_doubt_names_its_turn():
    first, second = talks(2)
    talk = chat("x", first.values["messages"][0].content, "...", second.values["messages"][0].content, reply(second))
    found = written_doubts(lent([*talks()[2:], talk], probe=0), chat_exchanges, instructed=True)
    assert [(one.reason, one.evidence) for one in found.doubts["x"]] == [("empty_answer", {"turn": 1})]


def test_a_text_that_answers_nothing_is_not_checked():
    text = Record("a", "s", "a", CHAT, {"messages": (Message("completion", "Just a text"),)})
    assert chat_exchanges(text) == pair_exchange(pair("b", "x", "")) == []
    assert written_doubts(lent([text]), chat_exchanges, instructed=True).ranked == {}


def test_a_small_set_is_checked_by_rules_alone():
    records = [chat("a", "What is it?", "..."), chat("b", "What is that?", "It is a house.")]
    assert codes(records) == {"a": ["empty_answer"]}


def test_the_probe_finds_what_was_made_wrong():
    probe = written_doubts(lent(talks(200), probe=0.3), chat_exchanges, instructed=True).facts["probe"]
    assert set(probe) == {"swapped", "cut", "refused", "copied"}
    assert probe["swapped"]["recall"] > 0.7
    assert probe["swapped"]["auroc"] > 0.95
    assert probe["cut"]["recall"] > 0.7
    assert probe["copied"]["recall"] == 1.0
    assert all(some["recall_low"] <= some["recall"] <= some["recall_high"] for some in probe.values())


def test_the_order_of_records_and_a_second_run_change_nothing():
    records = talks(80)
    one = written_doubts(lent(records, probe=0.3), chat_exchanges, instructed=True)
    other = written_doubts(lent(records[::-1], probe=0.3), chat_exchanges, instructed=True)
    assert one == other


def test_no_text_of_a_record_is_in_what_is_found():
    records = [*talks(60), chat("x", "Zebrafinch zebrafinch zebrafinch zebrafinch?", "Zebrafinch " * 12 + "of the")]
    assert "zebra" not in repr(written_doubts(lent(records), chat_exchanges, instructed=True)).lower()
