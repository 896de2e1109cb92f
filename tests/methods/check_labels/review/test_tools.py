"""What goes to Argilla and Label Studio, and how their answers are read, for all kinds of labels."""

import json
from dataclasses import dataclass

import pytest

from stages.core.records import Column, Record, Schema, Span
from stages.methods.check_labels.review.argilla import argilla_files, argilla_replies
from stages.methods.check_labels.review.cases import Case
from stages.methods.check_labels.review.label_studio import label_studio_files, label_studio_replies
from stages.methods.check_labels.review.tools import label_column, read_replies, stands_there

TEXT = "Ada went to 😀 Paris <b>"
PLACES = (Span(0, 3, "PER"), Span(14, 19, "LOC"))
COLUMNS = {
    "label": Column("label", "label"),
    "labels": Column("labels", "labels"),
    "spans": Column("spans", "spans", of="text"),
}
VALUES = {"label": ("a", 'b & "c"'), "labels": (("a",), ("a", "b")), "spans": (PLACES[:1], PLACES)}


@dataclass
class Task:
    """A task whose only other label is the second of its values."""

    kind: str

    def annotation(self, record):
        return str(record.values[self.kind])

    def with_annotation(self, record, _):
        return record.with_values(**{self.kind: VALUES[self.kind][1]})


def case(kind, suggested="the other"):
    schema = Schema((Column("text", "text"), COLUMNS[kind]))
    record = Record("0" * 20, "s", "1", schema, {"text": TEXT, kind: VALUES[kind][0]})
    return Case(record, Task(kind), 1, 0.02, [("suspect_label", {})], suggested, reserved=False, version="v1")


def argilla(kind, suggested="the other"):
    files = argilla_files([case(kind, suggested)], ["a", "b"])
    (record,) = json.loads(files["records.json"])
    return record, json.loads(files[".argilla/settings.json"])


@pytest.mark.parametrize(
    ("kind", "question", "value"),
    [
        ("label", "label_selection", 'b & "c"'),
        ("labels", "multi_label_selection", ["a", "b"]),
        ("spans", "span", [{"start": 0, "end": 3, "label": "PER"}, {"start": 14, "end": 19, "label": "LOC"}]),
    ],
)
def test_argilla_asks_for_a_decision_and_suggests_the_label(kind, question, value):
    record, settings = argilla(kind)
    assert [(one["name"], one["settings"]["type"], one["required"]) for one in settings["questions"]] == [
        ("decision", "label_selection", True),
        ("label", question, False),
    ]
    assert {one["value"] for one in settings["questions"][1]["settings"]["options"]} == {"a", "b"}
    assert record["fields"]["text"] == TEXT
    assert {one["name"] for one in settings["fields"]} == record["fields"].keys()
    assert record["suggestions"]["label"]["value"] == value
    assert argilla(kind, None)[0]["suggestions"] == {}


def answered(kind, decision, value, users=("u",)):
    record, _ = argilla(kind)
    record["responses"] = {"decision": [{"value": decision, "user_id": user} for user in users]}
    if value is not None:
        record["responses"]["label"] = [{"value": value, "user_id": users[0]}]
    return record


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("label", "b", "b"),
        ("label", None, None),
        ("labels", ["b", "a"], ("a", "b")),
        ("labels", None, ()),
        ("spans", [{"start": 14, "end": 19, "label": "LOC"}], PLACES[1:]),
        ("spans", None, ()),
    ],
)
def test_argillas_answers_are_read_as_the_column_holds_them(kind, value, read):
    answers = read_replies([answered(kind, "relabel", value)], COLUMNS[kind], argilla_replies, "kb")
    (one,) = answers.given
    assert (one.line, one.decision, one.value, one.version, one.reviewer) == (1, "relabel", read, "v1", "kb")


@pytest.mark.parametrize(
    ("kind", "value"),
    [("label", 5), ("label", ["a"]), ("labels", [1]), ("spans", [{"start": 0, "end": 3, "label": 1}])],
)
def test_a_class_that_is_no_name_is_refused(kind, value):
    with pytest.raises(ValueError, match="shape"):
        read_replies([answered(kind, "relabel", value)], COLUMNS[kind], argilla_replies, "")


def test_a_suggestion_that_stands_beside_keep_is_no_answer():
    (one,) = read_replies([answered("label", "keep", "b")], COLUMNS["label"], argilla_replies, "").given
    assert one.value is None


def test_drafts_do_not_count_and_each_person_answers_apart():
    draft = answered("label", "keep", None) | {"status": "pending"}
    two = answered("label", "keep", None, ("u", "v")) | {"status": "completed"}
    answers = read_replies([draft, two], COLUMNS["label"], argilla_replies, "")
    assert [one.line for one in answers.given] == [2, 2]
    assert answers.unanswered == 1


def label_studio(kind, suggested="the other"):
    files = label_studio_files([case(kind, suggested)], ["a", 'b & "c"'])
    (task,) = json.loads(files["tasks.json"])
    return task, files["config.xml"].decode()


def test_label_studio_gets_its_suggestions_as_predictions_for_the_tags_of_the_config():
    task, config = label_studio("label")
    (prediction,) = task["predictions"]
    (result,) = prediction["result"]
    assert (result["from_name"], result["to_name"], result["type"]) == ("label", "text", "choices")
    assert result["value"] == {"choices": ['b & "c"']}
    assert "<Choice value='b &amp; \"c\"'/>" in config
    assert '<Choices name="label" toName="text" choice="single">' in config
    assert "predictions" not in label_studio("label", None)[0]
    assert 'choice="multiple"' in label_studio("labels")[1]


def test_label_studio_gets_places_with_the_text_that_stands_there():
    task, config = label_studio("spans")
    values = [one["value"] for one in task["predictions"][0]["result"]]
    assert values[1] == {"start": 14, "end": 19, "text": "Paris", "labels": ["LOC"]}
    assert '<Labels name="label" toName="text"><Label value="a"/>' in config
    assert len({one["id"] for one in task["predictions"][0]["result"]}) == 2


def annotated(kind, *results, **more):
    decision = {"from_name": "decision", "type": "choices", "value": {"choices": ["relabel"]}}
    labels = [{"from_name": "label", "value": value} for value in results]
    return label_studio(kind)[0] | {"annotations": [{"result": [decision, *labels], **more}]}


@pytest.mark.parametrize(
    ("kind", "results", "read", "marked"),
    [
        ("label", [{"choices": ["b"]}], "b", ()),
        ("label", [], None, ()),
        ("labels", [{"choices": ["b", "a"]}], ("a", "b"), ()),
        ("labels", [], (), ()),
        (
            "spans",
            [
                {"start": 14, "end": 19, "text": "Paris", "labels": ["LOC"]},
                {"start": 0, "end": 3, "labels": ["PER"]},
            ],
            PLACES,
            (None, "Paris"),
        ),
        ("spans", [], (), ()),
    ],
)
def test_label_studios_answers_are_read_as_the_column_holds_them(kind, results, read, marked):
    (one,) = read_replies([annotated(kind, *results)], COLUMNS[kind], label_studio_replies, "").given
    assert (one.id, one.version, one.value, one.marked) == ("0" * 20, "v1", read, marked)


def test_places_that_count_characters_otherwise_are_noticed():
    record = case("spans").record
    for start, there in ((14, True), (15, False)):
        place = {"start": start, "end": start + 5, "text": "Paris ", "labels": ["LOC"]}
        (one,) = read_replies([annotated("spans", place)], COLUMNS["spans"], label_studio_replies, "").given
        assert stands_there(record, COLUMNS["spans"], one) is there


def test_skipped_tasks_are_no_answers_and_one_without_a_decision_is_a_problem():
    skipped = annotated("label", was_cancelled=True)
    silent = annotated("label")
    silent["annotations"][0]["result"] = []
    answers = read_replies([skipped, silent], COLUMNS["label"], label_studio_replies, "")
    assert answers.given == []
    assert answers.problems == [(2, "has no decision")]


def test_a_task_without_a_label_column_is_refused():
    with pytest.raises(ValueError, match="not a label"):
        label_column(Schema((Column("source_text", "text"), Column("target_text", "text"))))
