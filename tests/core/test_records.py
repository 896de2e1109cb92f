import pickle

import pytest

from stages.core.records import Answer, Column, Message, Record, Schema, Span
from stages.core.spans import SpanCut, TextEdit

TOKENS = Schema((Column("text", "text"), Column("spans", "spans", of="text")))
QA = Schema((Column("question", "text"), Column("context", "text"), Column("answers", "answers", of="context")))
CHAT = Schema((Column("messages", "messages"),))


def record(schema, **values):
    return Record("0a", "s", "1", schema, values)


def test_label_spans_move_with_the_text():
    before = record(TOKENS, text="Mail Ann in Rome", spans=(Span(5, 8, "PER"), Span(12, 16, "LOC")))
    after = before.with_edits({"text": [TextEdit(5, 8, "Roberta")]})
    assert after.values["text"] == "Mail Roberta in Rome"
    assert [after.values["text"][s.start : s.end] for s in after.values["spans"]] == ["Roberta", "Rome"]


def test_an_answer_follows_its_context_and_takes_its_text_from_there():
    before = record(QA, question="Who?", context="It was Ann Lee.", answers=(Answer(7, "Ann Lee"),))
    after = before.with_edits({"context": [TextEdit(0, 2, "There"), TextEdit(7, 10, "Bo")]})
    assert after.values["answers"] == (Answer(10, "Bo Lee"),)
    assert after.values["context"][10:16] == "Bo Lee"


def test_edits_of_the_question_leave_the_answers_alone():
    before = record(QA, question="Who?", context="It was Ann.", answers=(Answer(7, "Ann"),))
    assert before.with_edits({"question": [TextEdit(0, 3, "What")]}).values["answers"] == (Answer(7, "Ann"),)


def test_each_message_is_a_text_of_its_own():
    before = record(CHAT, messages=(Message("user", "hello"), Message("assistant", "hi Ann")))
    assert before.texts() == {"messages.0": "hello", "messages.1": "hi Ann"}
    after = before.with_edits({"messages.1": [TextEdit(3, 6, "Bo")]})
    assert after.values["messages"] == (Message("user", "hello"), Message("assistant", "hi Bo"))


def test_an_edit_that_cuts_a_label_span_is_refused():
    before = record(TOKENS, text="Ann Lee left", spans=(Span(0, 7, "PER"),))
    with pytest.raises(SpanCut):
        before.with_edits({"text": [TextEdit(4, 12, "")]})


def test_an_unknown_text_is_refused():
    with pytest.raises(ValueError, match="no such text"):
        record(TOKENS, text="a", spans=()).with_edits({"body": []})


def test_a_record_travels_between_processes_unchanged():
    before = record(QA, question="Who?", context="Ann.", answers=(Answer(0, "Ann"),))
    assert pickle.loads(pickle.dumps(before)) == before
