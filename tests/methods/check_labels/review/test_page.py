import json
import re

import pytest

from stages.core.records import Answer, Message, Record, Span
from stages.methods.check_labels.review.cases import Case
from stages.methods.check_labels.review.page import card, choice, named, page_html, parts
from stages.methods.check_labels.review.wording import figures
from stages.tasks import TASKS, load_task
from stages.tasks.token_labels import TokenLabels

TEXT = "東京 👩‍🚀 Ada Quill flew from Paris"


def at(words, label):
    start = TEXT.index(words)
    return start, start + len(words), label


class Lines(TokenLabels):
    """Spans as a line of JSON, as the page needs them."""

    def annotation(self, record):
        return json.dumps([[one.start, one.end, one.label] for one in record.values["spans"]])

    def with_annotation(self, record, line):
        return record.with_values(spans=tuple(Span(*one) for one in json.loads(line)))


def record_of(task, **values):
    return Record("a" * 20, "s", "1", task.schema, values)


def shown(task, record, suggested=None, findings=()):
    return card(Case(record, task, 1, 0.1, findings, suggested, reserved=False, version="v1"))


def said(found):
    return [(part["text"], part["by"], [(end["label"], end["by"]) for end in part["ends"]]) for part in found]


def test_text_is_cut_where_marks_start_and_end_counted_in_code_points():
    found = parts(TEXT, [at("東京", "LOC"), at("Ada Quill", "ORG")], [at("東京", "LOC"), at("Ada Quill", "PER")])
    assert said(found) == [
        ("東京", ["both"], [("LOC", "both")]),
        (" 👩‍🚀 ", [], []),
        ("Ada Quill", ["given", "suggested"], [("ORG", "given"), ("PER", "suggested")]),
        (" flew from Paris", [], []),
    ]


def test_marks_may_overlap_and_nothing_of_the_text_is_lost_or_doubled():
    found = parts(TEXT, [at("Ada Quill", "PER")], [at("Quill flew", "X")])
    assert [(part["text"], part["by"]) for part in found if part["by"]] == [
        ("Ada ", ["given"]), ("Quill", ["given", "suggested"]), (" flew", ["suggested"]),
    ]  # fmt: skip
    assert "".join(part["text"] for part in found) == TEXT


@pytest.mark.parametrize("mark", [(-3, 2, "A"), (30, 99, "A"), (5, 5, "A"), (8, 2, "A"), (99, 120, "A")])
def test_marks_beyond_the_text_or_of_nothing_do_no_harm(mark):
    assert "".join(part["text"] for part in parts(TEXT, [mark], [])) == TEXT


def test_of_spans_those_that_both_labels_have_are_counted_and_the_others_named():
    task = Lines()
    record = record_of(task, text=TEXT, spans=(Span(*at("東京", "LOC")), Span(*at("Ada Quill", "ORG"))))
    better = record_of(task, text=TEXT, spans=(Span(*at("東京", "LOC")), Span(*at("Ada Quill", "PER"))))
    found = shown(task, record, task.annotation(better))
    assert (found["given"], found["suggested"], found["shared"]) == (["ORG: Ada Quill"], ["PER: Ada Quill"], 1)
    assert found["line"] == task.annotation(better)
    assert shown(task, record)["line"] == task.annotation(record)


def test_two_spans_of_the_same_words_at_other_places_are_not_the_same():
    task = Lines()
    here, there = (record_of(task, text="Ada saw Ada", spans=(Span(at, at + 3, "PER"),)) for at in (0, 8))
    found = shown(task, here, task.annotation(there))
    assert (found["given"], found["suggested"], found["shared"]) == (["PER: Ada"], ["PER: Ada"], 0)


def test_a_suggestion_that_does_not_fit_the_record_is_not_shown():
    task = Lines()
    found = shown(task, record_of(task, text=TEXT, spans=(Span(*at("Paris", "LOC")),)), "no such line")
    assert found["suggested"] is None
    assert {who for part in found["texts"][0]["parts"] for who in part["by"]} == {"both"}


def test_what_a_model_is_to_write_is_said_to_be_learned():
    task = load_task("causal_lm")
    turns = (Message("system", "Be brief."), Message("user", "Why?"), Message("assistant", "So."))
    found = shown(task, record_of(task, messages=turns))
    assert [(one["name"], one["learned"]) for one in found["texts"]] == [
        ("system", False), ("user", False), ("assistant", True),
    ]  # fmt: skip
    assert found["given"] is None


def test_an_answer_is_marked_in_its_context():
    task = load_task("question_answering")
    record = record_of(task, question="Where from?", context=TEXT, answers=(Answer(TEXT.index("Paris"), "Paris"),))
    question, context = shown(task, record)["texts"]
    assert [part["text"] for part in context["parts"] if part["by"]] == ["Paris"]
    assert not any(part["by"] for part in question["parts"])
    assert [*named(record).values()] == [f"Paris (at {TEXT.index('Paris')})"]


def test_every_task_says_how_another_label_is_given():
    assert {name: choice(load_task(name).schema) for name in TASKS} == {
        "classification": "one", "multi_label": "some", "token_labels": "line", "question_answering": "line",
        "causal_lm": "none", "seq2seq": "none",
    }  # fmt: skip


def test_every_doubt_is_told_in_words():
    task = load_task("classification")
    found = shown(task, record_of(task, text=TEXT, label="x"), "y", [("outlier", {}), ("not_known_here", {"n": 3})])
    assert found["doubts"][0]["meaning"].startswith("the text is far from all others")
    assert found["doubts"][1] == {"code": "not_known_here", "meaning": "not known here", "figures": [("3", "n")]}


def test_evidence_is_told_in_words_and_without_what_stands_elsewhere():
    evidence = {"given": "a", "rank": 1, "score": 0.1, "self_confidence": 0.034, "of": ["0a", "1b"], "cut": True}
    assert figures(evidence) == [
        ("3\u00a0%", "chance that the models give this label"), ("0a, 1b", "to compare with"), ("yes", "cut"),
    ]  # fmt: skip


def test_empty_evidence_is_left_out_and_stretches_are_counted_for_they_are_marked_in_the_text():
    assert figures({"doubted": ["safety"], "missing": []}) == [("safety", "doubted")]
    assert figures({"count": 1, "stretches": [[4, 32, "4-32:a", "15-32:a", 0.2]]}) == [("1", "places in doubt")]


def test_a_twin_is_told_with_what_it_has_in_common():
    evidence = {"of": "0a", "similarity": 0.976, "overlap": 1.0, "given": "x", "other": "y"}
    assert figures(evidence) == [
        ("0a", "to compare with"), ("0.976", "similarity of the embeddings"),
        ("100\u00a0%", "of the words and word pairs are the same"), ("y", "is the label there"),
    ]  # fmt: skip


def test_the_document_escapes_labels_and_gives_every_script_and_style_the_nonce():
    html = page_html({"labels": ["</script><script>x", '"><b>'], "choice": "one"}, "n0nce")
    assert "<script>" not in html
    assert "<b>" not in html
    assert all('nonce="n0nce"' in tag for tag in re.findall(r"<(?:script|style)[^>]*>", html))
    assert not re.search(r"https?://|innerHTML|insertAdjacent|eval\(", html)
