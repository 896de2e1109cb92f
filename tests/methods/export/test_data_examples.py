import json

import pytest

from stages.core.records import Message, Record
from stages.methods.export.data_examples import NO_ANSWER, Examples, LeftOut
from stages.methods.export.data_table import TableRows
from stages.methods.export.formats import row_of
from stages.tasks import TASKS, load_task
from tests.commands.exporting import CONTEXT, SHAPES, some_records


def example(task, i, labels=(), instruction=None):
    return Examples(SHAPES[task][0], labels, instruction).of(some_records(task)[i])


def said(one):
    return [(message.role, message.content) for message in one.messages]


@pytest.mark.parametrize("task", TASKS)
def test_the_shapes_here_are_those_of_the_tasks(task):
    assert load_task(task).schema == SHAPES[task][0]


def test_a_classifier_is_told_all_labels_and_answers_with_one():
    one = example("classification", 0, ("bad", "good"))
    assert one.instruction.endswith("\n- bad\n- good")
    assert said(one) == [("user", "Parcel 0 came late"), ("assistant", "bad")]


def test_several_labels_are_a_json_list_and_none_an_empty_one():
    assert json.loads(example("multi_label", 1).messages[-1].content) == ["late", "torn"]
    assert json.loads(example("multi_label", 2).messages[-1].content) == []


def test_entities_are_a_json_list_in_the_order_of_the_text():
    assert json.loads(example("token_labels", 1).messages[-1].content) == [
        {"text": "Ada", "label": "PER"},
        {"text": "Bo", "label": "PER"},
    ]
    assert example("token_labels", 0).messages[-1].content == "[]"


def test_a_question_comes_with_its_context_and_the_first_answer():
    asked, answer = said(example("question_answering", 1))
    assert asked == ("user", f"Context: {CONTEXT}\n\nQuestion: When does ferry 1 leave?")
    assert answer == ("assistant", "noon")


def test_a_question_without_an_answer_is_answered_by_saying_so():
    one = example("question_answering", 0)
    assert one.messages[-1].content == NO_ANSWER
    assert NO_ANSWER in one.instruction


def test_a_chat_keeps_its_own_instructions_before_those_for_all():
    one = example("causal_lm", 0, instruction="Be kind.")
    assert row_of("openai", one)["messages"][0] == {"role": "system", "content": "Be brief."}
    assert row_of("sharegpt", one)["conversations"][0] == {"from": "system", "value": "Be brief."}
    assert row_of("alpaca", one) == {
        "instruction": "Is 0 even?", "input": "", "output": "no", "system": "Be brief.",
    }  # fmt: skip


def test_a_source_is_its_own_instruction():
    one = example("seq2seq", 0)
    assert row_of("alpaca", one) == {"instruction": "uno 0", "input": "", "output": "one 0"}
    assert [message["role"] for message in row_of("openai", one)["messages"]] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("task", "column"),
    [
        ("classification", "label"), ("multi_label", "labels"), ("token_labels", "spans"),
        ("question_answering", "answers"), ("causal_lm", "messages"), ("seq2seq", "target_text"),
    ],
)  # fmt: skip
def test_a_record_that_nobody_annotated_is_left_out(task, column):
    record = some_records(task)[0].with_values(**{column: None})
    with pytest.raises(LeftOut) as left:
        Examples(SHAPES[task][0]).of(record)
    assert left.value.code == "unanswered"


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        (("user", "assistant", "user", "assistant"), "several_turns"),
        (("user", "assistant", "user"), "no_reply"),
        (("user", "user", "assistant"), "out_of_turn"),
        (("assistant",), "out_of_turn"),
        ((), "no_reply"),
    ],
)
def test_alpaca_has_no_place_for_more_than_one_exchange(roles, code):
    record = some_records("causal_lm")[0].with_values(messages=tuple(Message(role, "x") for role in roles))
    one = Examples(record.schema).of(record)
    with pytest.raises(LeftOut) as left:
        row_of("alpaca", one)
    assert left.value.code == code


def turns(*roles):
    return SHAPES["causal_lm"][0], {"messages": tuple(Message(role, f"text {i}") for i, role in enumerate(roles))}


def test_a_prompt_and_its_completion_are_a_question_and_an_answer_elsewhere():
    schema, values = turns("prompt", "completion")
    record = Record("a", "s", "1", schema, values)
    assert said(Examples(schema).of(record)) == [("user", "text 0"), ("assistant", "text 1")]
    [row] = [TableRows(schema, {}).of(record)]
    assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"]
    assert TableRows(schema, {}).faults(row) == []


def test_a_text_alone_is_left_out_for_what_it_is():
    schema, values = turns("completion")
    for rows in (Examples(schema), TableRows(schema, {})):
        with pytest.raises(LeftOut, match="plain_text"):
            rows.of(Record("a", "s", "1", schema, values))
