"""What a person is shown of a record."""

from dataclasses import dataclass

from stages.core.records import Answer, Column, Message, Record, Schema, Span
from stages.methods.check_labels.review.cases import Case, as_row, label_in_words, texts_in_words

TOKENS = Schema((Column("text", "text"), Column("spans", "spans", of="text")))


@dataclass
class Task:
    """A task whose annotations are those of `named`."""

    named: dict

    def annotation(self, record):
        return next((name for name, value in self.named.items() if value == record.values["spans"]), None)

    def with_annotation(self, record, line):
        return record.with_values(spans=self.named[line])


def record(schema, **values):
    return Record("0" * 20, "s", "1", schema, values)


def test_a_single_text_stands_alone_and_several_have_names():
    one = Schema((Column("text", "text"), Column("label", "label")))
    assert texts_in_words(record(one, text="hello", label="x")) == "hello"
    two = Schema((Column("question", "text"), Column("context", "text")))
    assert texts_in_words(record(two, question="who?", context="Ada")) == "question: who?\ncontext: Ada"
    chat = Schema((Column("messages", "messages"),))
    turns = (Message("user", "hi"), Message("assistant", "hello"))
    assert texts_in_words(record(chat, messages=turns)) == "user: hi\nassistant: hello"


def test_labels_are_told_by_name_and_places_by_what_stands_there():
    label = Schema((Column("text", "text"), Column("label", "label")))
    assert label_in_words(record(label, text="", label="x")) == "x"
    assert label_in_words(record(label, text="", label=None)) == "not labelled"
    labels = Schema((Column("text", "text"), Column("labels", "labels")))
    assert label_in_words(record(labels, text="", labels=("x", "y"))) == "x, y"
    assert label_in_words(record(labels, text="", labels=())) == "none"
    answers = Schema((Column("context", "text"), Column("answers", "answers", of="context")))
    assert label_in_words(record(answers, context="by Ada", answers=(Answer(3, "Ada"),))) == "[at 3] Ada"
    assert label_in_words(record(TOKENS, text="by Ada", spans=(Span(3, 6, "PER"),))) == "[PER] Ada"


def test_a_row_shows_marked_places_as_given_and_as_suggested():
    task = Task({"3:6:LOC": (Span(3, 6, "LOC"),), "3:6:PER": (Span(3, 6, "PER"),)})
    shown = record(TOKENS, text="by Ada", spans=(Span(3, 6, "LOC"),))
    row = as_row(Case(shown, task, 1, 0.1234, (), "3:6:PER", reserved=False, version="v1"))
    assert row["text"] == "by Ada\ngiven: [LOC] Ada\nsuggested: [PER] Ada"
    assert (row["given"], row["suggested"], row["margin"]) == ("3:6:LOC", "3:6:PER", "0.123")


def test_evidence_is_told_in_words_without_what_has_a_column_of_its_own():
    task = Task({"": ()})
    findings = [("outlier", {"distance": 0.9, "rank": 3, "reserved": True}), ("near_test", {"score": 0.5})]
    case = Case(record(TOKENS, text="x", spans=()), task, 3, 0.5, findings, None, reserved=True, version="v1")
    assert case.evidence.split("; ") == [
        "the text is far from all others",
        "it may not belong into this set (0.900 distance)",
        "almost the same text stands on the other side of the split to come: it would leak into the test",
        "will be in the test split",
    ]


def test_a_cell_steers_no_terminal_and_is_not_cut_in_silence():
    schema = Schema((Column("text", "text"), Column("spans", "spans", of="text")))
    case = Case(record(schema, text="a\x1b[2J\nb" + "c" * 30_000, spans=()), Task({"": ()}), None, None, (), None,
                reserved=False, version="v1")  # fmt: skip
    row = as_row(case)
    assert row["text"].startswith("a\ufffd[2J\nbccc")
    assert "more characters]" in row["text"]
    assert len(row["text"]) < 21_000
    assert (row["rank"], row["margin"]) == ("", "")
