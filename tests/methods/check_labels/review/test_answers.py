from stages.core.label_decisions import LabelDecision, label_decisions_of
from stages.methods.check_labels.review.answers import Given, contradictions, merged, read_answers

ID = "a" * 20


def answer(line, decision="keep", **more):
    return Given(line, ID, "v1", decision, **more)


def row(**more):
    return {"id": ID, "version": "v1", "decision": "", "to": "", "reviewer": "", **more}


def test_a_row_without_a_decision_is_counted_and_one_with_spaces_and_capitals_understood():
    answers = read_answers([(2, row()), (3, row(decision=" Relabel ", to=" x "))], "kb")
    assert answers.unanswered == 1
    assert answers.given == [Given(3, ID, "v1", "relabel", "x", "kb")]


def test_a_row_may_name_its_own_reviewer():
    (one,) = read_answers([(2, row(decision="keep", reviewer="em"))], "kb").given
    assert one.reviewer == "em"


def test_all_that_is_wrong_with_a_row_is_told():
    answers = read_answers([(2, row(id="1E+9", decision="yes", reviewer="a b"))], "")
    assert len(answers.problems) == 3
    assert {line for line, _ in answers.problems} == {2}
    assert answers.given == []


def test_two_answers_about_a_record_must_agree():
    assert contradictions([answer(2), answer(3, reviewer="other")]) == []
    assert contradictions([answer(5, "drop"), answer(2), answer(7)]) == [
        (5, "contradicts line 2 about the same record")
    ]
    assert contradictions([answer(2, "relabel", to="x"), answer(3, "relabel", to="y")])


def test_the_later_decision_counts_and_who_decided_first_stays_on_record():
    old = [LabelDecision(one * 20, "0" * 32, "x", "keep", reviewer="first") for one in "ab"]
    new = [
        LabelDecision("a" * 20, "0" * 32, "x", "keep", reviewer="second"),
        LabelDecision("b" * 20, "1" * 32, "x", "keep", reviewer="second"),
        LabelDecision("c" * 20, "0" * 32, "x", "drop", reviewer="second"),
    ]
    decisions, counts = merged(label_decisions_of(old), new)
    assert counts == {"new": 1, "changed": 1, "same": 1}
    assert [one.reviewer for one in decisions.by_id.values()] == ["first", "second", "second"]
