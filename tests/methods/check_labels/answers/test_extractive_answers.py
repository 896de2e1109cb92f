import random

import pytest

from stages.core.records import Answer, Record
from stages.methods.check_labels.answers.extractive_answers import answers_at, extractive_doubts, offsets_line
from stages.tasks import load_task
from tests.methods.check_labels.lent import lent

SCHEMA = load_task("question_answering").schema
WORDS = ["river", "harbour", "teacher", "garden", "copper", "village", "music", "winter", "bridge", "letter", "forest"]


def asked(id, question, context, *answers, language="en"):
    """A record whose answers are texts of the context, or (start, text)."""
    stretches = [one if isinstance(one, tuple) else (context.index(one), one) for one in answers]
    values = {"question": question, "context": context, "answers": tuple(Answer(*one) for one in stretches)}
    return Record(id, "s", id, SCHEMA, values, language=language)


def reasons(*records, **params):
    """The codes of the doubts about each record in doubt."""
    found = extractive_doubts(lent(records, probe=0, **params)).doubts
    return {id: [doubt.reason for doubt in some] for id, some in found.items()}


def library(questions=60):
    """Contexts of five sentences, each of which answers one question."""
    draw = random.Random(3)
    records = []
    for number in range(questions // 5):
        topics = draw.sample(WORDS, 5)
        parts = [f"The {topic} of town {number} belongs to owner{number}{topic} now" for topic in topics]
        for topic in topics:
            question = f"To which family does the {topic} of town {number} belong?"
            id = f"{number:03d}{topic}"
            records.append(asked(id, question, ". ".join(parts) + ".", f"owner{number}{topic}"))
    return records


@pytest.mark.parametrize("line", ["", "0-5", "4-9 0-3", "0-5 0-5"])
def test_offsets_are_read_back_as_they_were_written(line):
    assert offsets_line(answers_at(line, "The stone bridge stands.")) == line


@pytest.mark.parametrize(
    "line",
    ["x", "5", "0-0", "5-3", "0-999", "-1-3", "00-5", "0-5 ", " 0-5", "0-4", "0-5,6-9", "0-5  6-8", "٣-٥", "3-9"],
)
def test_a_line_that_is_not_offsets_of_answers_is_refused(line):
    with pytest.raises(ValueError, match="not the offsets"):
        answers_at(line, "The stone bridge stands.")


def test_nobody_having_looked_is_not_the_same_as_no_answer():
    assert offsets_line(None) is None
    assert offsets_line(()) == ""


def test_an_answer_that_ends_inside_a_word_is_doubted_and_the_whole_words_are_suggested():
    context = "The stone bridge stands since 1,250 years."
    check = lent([asked("a", "What stands?", context, "tone brid")], probe=0)
    found = extractive_doubts(check)
    (doubt,) = found.doubts["a"]
    assert doubt.reason == "answer_not_in_context"
    assert doubt.evidence == {"fault": "cut", "answer": 0, "before": 1, "behind": 2}
    assert answers_at(found.ranked["a"].suggested, context)[0].text == "stone bridge"


@pytest.mark.parametrize(
    ("context", "answer"),
    [
        ("It cost $1,250 then.", "1,250"),
        ("Luther's wife", "Luther"),
        ("It was 5km long.", "5"),
        ("a well-known man", "known"),
        ("東京は日本の首都です", "東京"),
        ("It closed in 1990.", "1990"),
    ],
)
def test_whole_words_and_numbers_are_no_cut(context, answer):
    assert reasons(asked("a", "Which one?", context, answer)) == {}


def test_half_a_number_is_a_cut():
    assert reasons(asked("a", "Which one?", "It covers 7,000,000 miles.", "7,000")) == {"a": ["answer_not_in_context"]}


def test_an_answer_that_stands_elsewhere_is_misplaced_and_its_only_place_is_suggested():
    record = asked("a", "Who?", "Maria met Paul in May.", (1, "Paul"))
    found = extractive_doubts(lent([record], probe=0))
    assert found.doubts["a"][0].evidence["fault"] == "misplaced"
    assert found.ranked["a"].suggested == "10-14"


def test_cuts_are_no_fault_where_many_answers_of_a_language_are_cut():
    records = [asked(f"{i:02d}", "무엇?", f"서울에서 {i}", "서울", language="ko") for i in range(30)]
    found = extractive_doubts(lent(records, probe=0))
    assert found.doubts == {}
    assert "ko" in found.facts["warnings"][0]


@pytest.mark.parametrize(
    ("question", "wrong", "right"),
    [
        ("How many people live there?", "in Hamburg", "three million"),
        ("When did the war end?", "in London", "after the treaty"),
        ("In what year did he die?", "at home", "1990"),
        ("Who won the race?", "in May 1990", "50 Cent"),
        ("Where was she born?", "4 May 1990", "near Rome"),
        ("Wann starb er?", "in Wien", "im Frühling"),
        ("Wie viele Menschen leben dort?", "in Hamburg", "einundzwanzig"),
        ("Wer gewann das Rennen?", "am 3. Mai", "die Tochter"),
        ("¿Cuántos hijos tuvo?", "en Madrid", "ninguno"),
        ("¿Quién ganó?", "1701", "su hermano"),
        ("Combien de personnes y vivent ?", "à Marseille", "vingt-deux"),
        ("Qui a gagné ?", "en 1492", "le roi"),
    ],
)
def test_an_answer_of_another_kind_than_is_asked_for_is_doubted(question, wrong, right):
    context = f"x {wrong} y {right} z"
    found = reasons(
        asked("a", question, context, wrong, language=None), asked("b", question, "z " + context, right, language=None)
    )
    assert found == {"a": ["answer_type_mismatch"]}


def test_one_of_several_answers_that_fits_is_enough():
    assert reasons(asked("a", "How many came?", "A crowd of five came", "A crowd", "five")) == {}


def test_the_same_question_with_another_answer_is_a_conflict_and_a_longer_answer_is_none():
    context = "Anna owns the red boat. Boris owns the blue boat."
    records = [
        asked("a", "Who owns the boat?", context, "Anna"),
        asked("b", "Who owns a boat", context, "Boris"),
        asked("c", "What is blue?", context, (context.rindex("boat"), "boat")),
        asked("d", "What is blue?", context, "the blue boat"),
    ]
    found = extractive_doubts(lent(records, probe=0)).doubts
    assert set(found) == {"a", "b"}
    assert found["a"][0].evidence == {"with": "b", "kind": "place", "against": 1, "alike": 1}


def test_whether_there_is_an_answer_is_a_conflict_too():
    context = "Anna owns the red boat."
    found = reasons(asked("a", "What is red?", context, "boat"), asked("b", "What is red?", context))
    assert set(found) == {"a", "b"}


def test_who_stands_alone_against_others_is_doubted_and_they_are_not():
    context = "Anna owns the red boat. Boris owns the blue boat."
    others = [asked(id, "Who owns it?", context, "Anna") for id in "abc"]
    assert set(reasons(*others, asked("d", "Who owns it?", context, "Boris"))) == {"d"}


def test_the_same_question_about_another_context_is_no_conflict():
    assert reasons(asked("a", "Who won?", "Anna won.", "Anna"), asked("b", "Who won?", "Boris won.", "Boris")) == {}


def test_records_without_annotation_are_not_judged():
    record = asked("a", "Who won?", "Anna won.").with_values(answers=None)
    found = extractive_doubts(lent([record], probe=0))
    assert (found.doubts, found.ranked) == ({}, {})
    assert found.facts["warnings"]


def test_an_answer_in_a_sentence_unlike_the_question_ranks_before_others():
    records = library(20)
    wrong = records[0].with_values(answers=(records[1].values["answers"][0],))
    found = extractive_doubts(lent([wrong, *records[1:]], probe=0))
    assert min(found.ranked, key=lambda one: found.ranked[one].margin) == wrong.id
    assert found.doubts == {}


def test_the_probe_finds_what_was_made_wrong_and_doubts_nobody_else():
    probe = extractive_doubts(lent(library(120), probe=0.3)).facts["probe"]
    assert set(probe) == {"cut", "moved", "conflicting"}
    assert probe["cut"]["recall"] == probe["conflicting"]["recall"] == 1.0
    assert probe["moved"]["auroc"] > 0.95
    assert all(some["others_suspected"] == 0 and some["planted"] >= 20 for some in probe.values())


def test_what_is_found_does_not_depend_on_other_contexts():
    records = library(40)
    whole = extractive_doubts(lent(records, probe=0)).doubts
    assert whole == extractive_doubts(lent(records[:20], probe=0)).doubts


def test_no_text_of_a_record_is_in_what_is_found():
    record = asked("a", "How many secrets?", "The secret is zebrafinch", "zebraf")
    assert "zebra" not in repr(extractive_doubts(lent([record], probe=0)))


def test_many_answers_to_one_question_are_weighed_as_comparing_each_with_each_would():
    draw = random.Random(8)
    context = " ".join([*WORDS, *WORDS[:4]])
    places = [(context.index(word), word) for word in WORDS] + [(context.rindex(word), word) for word in WORDS[:4]]
    given = {f"{number:03d}": draw.sample(places, draw.choice([0, 1, 1, 1, 2])) for number in range(120)}
    records = [asked(id, "Which one is it?", context, *answers) for id, answers in given.items()]
    found = {
        id: doubt.evidence
        for id, some in extractive_doubts(lent(records, probe=0)).doubts.items()
        for doubt in some
        if doubt.reason == "conflicting_answers"
    }

    def contradict(mine, theirs):
        shared = {word for _, word in mine} & {word for _, word in theirs}
        return not shared if mine and theirs else bool(mine) != bool(theirs)

    for id, mine in given.items():
        against = [other for other, theirs in given.items() if contradict(mine, theirs)]
        assert (id in found) == (2 * len(against) >= len(given) - 1)
        if id in found:
            kind = "answerable" if any(bool(mine) != bool(given[other]) for other in against) else "place"
            assert found[id] == {"with": against[0], "kind": kind, "against": len(against), "alike": 119}
