"""Conversations in the forms that people have them in."""

import pytest

from stages.core.records import Message
from stages.core.task import RowFault
from stages.methods.ingest.chat_rows import read_conversation

CHAT = (Message("system", "Be brief."), Message("user", "Hi?"), Message("assistant", "Yes."))


OPENAI = [{"role": turn.role, "content": turn.content} for turn in CHAT]
PARTS = [{"role": turn.role.upper(), "content": [{"type": "text", "text": turn.content}]} for turn in CHAT]
SHAREGPT = [{"from": name, "value": turn.content} for name, turn in zip(("system", "human", "gpt"), CHAT, strict=True)]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": OPENAI},
        {"messages": PARTS},
        {"messages": [{**OPENAI[0], "role": "developer"}, *OPENAI[1:]]},
        {"conversations": SHAREGPT},
        {"prompt": OPENAI[:2], "completion": OPENAI[2:]},
    ],
)
def test_all_ways_to_write_a_chat_are_the_same_chat(row):
    assert read_conversation(row) == CHAT


def test_an_instruction_has_its_input_on_the_next_line():
    row = {"instruction": "Translate.", "input": "Hund", "output": "dog"}
    assert read_conversation(row) == (Message("user", "Translate.\nHund"), Message("assistant", "dog"))
    inside = {"instruction": "Translate.", "instances": [{"input": "Hund", "output": "dog"}]}
    assert read_conversation(inside) == read_conversation(row)
    assert read_conversation({**row, "input": ""})[0] == Message("user", "Translate.")


def test_what_stands_in_columns_of_its_own_comes_before_the_question():
    told = {"system": "Be brief."}
    assert read_conversation({"conversations": SHAREGPT[1:], **told}) == CHAT
    assert read_conversation({"instruction": "Hi?", "output": "Yes.", **told}) == CHAT
    assert read_conversation({"instruction": "Hi?", "output": "Yes.", "system": None, "history": None}) == CHAT[1:]
    earlier = read_conversation({"instruction": "And now?", "output": "No.", "history": [["Hi?", "Yes."]]})
    assert earlier == (*CHAT[1:], Message("user", "And now?"), Message("assistant", "No."))


@pytest.mark.parametrize("history", [7, "Hi?", [["Hi?"]], ["ab"], [["Hi?", 7]], [{"a": 1, "b": 2}]])
def test_a_history_that_is_no_list_of_pairs_of_texts_is_refused(history):
    with pytest.raises(RowFault, match="wrong_type"):
        read_conversation({"instruction": "And now?", "output": "No.", "history": history})


@pytest.mark.parametrize("column", ["messages", "conversations", "prompt", "instruction", "text"])
def test_an_empty_cell_is_named_by_its_own_column(column):
    with pytest.raises(RowFault) as fault:
        read_conversation({column: None, "completion": "x"})
    assert (fault.value.code, fault.value.evidence) == ("missing_field", {"field": column})


def test_a_prompt_and_its_completion_are_no_chat():
    row = {"prompt": "The sky is", "completion": "blue."}
    assert [turn.role for turn in read_conversation(row)] == ["prompt", "completion"]
    assert read_conversation({"text": "The sky is blue."}) == (Message("completion", "The sky is blue."),)


@pytest.mark.parametrize("row", [{"prompt": "Why?"}, {"instruction": "Say why.", "input": "x"}])
def test_a_row_without_a_column_for_the_reply_is_a_question(row):
    assert [turn.role for turn in read_conversation(row)] in (["prompt"], ["user"])


def test_a_row_of_several_instances_is_refused_for_all_but_one_would_get_lost():
    row = {"instruction": "Count.", "instances": [{"input": "", "output": "1"}, {"input": "", "output": "2"}]}
    with pytest.raises(RowFault, match="wrong_type"):
        read_conversation(row)


def test_a_fault_names_the_message_by_its_number_and_holds_none_of_its_text():
    with pytest.raises(RowFault) as fault:
        read_conversation({"messages": [{"role": "user", "content": "hi"}, {"role": "secret", "content": "secret"}]})
    assert (fault.value.code, fault.value.evidence) == ("unknown_role", {"field": "messages", "message": 1})
