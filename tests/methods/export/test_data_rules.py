import json

import pytest

from stages.methods.export.data_rules import LONGEST, RULES, LineFault, row_faults, validate

ASK, REPLY = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
HUMAN, GPT, SYSTEM = {"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}, {"from": "system", "value": "c"}


def openai(*messages):
    return {"messages": list(messages)}


def sharegpt(*turns):
    return {"conversations": list(turns)}


RIGHT = [
    ("openai", openai(ASK, REPLY)),
    ("openai", openai({"role": "system", "content": "c"}, ASK, {**REPLY, "weight": 0}, ASK, {**REPLY, "weight": 1})),
    ("openai", openai({"role": "developer", "content": "c"}, ASK, REPLY)),
    ("openai", openai(ASK, {"role": "assistant", "tool_calls": [{"id": "1"}]}, {"role": "tool", "content": "4",
                      "tool_call_id": "1"}, REPLY)),
    ("alpaca", {"instruction": "a", "input": "", "output": "b"}),
    ("alpaca", {"instruction": "a", "output": "b", "system": "", "history": [["c", "d"]]}),
    ("sharegpt", sharegpt(SYSTEM, HUMAN, GPT, HUMAN, GPT)),
    ("sharegpt", {**sharegpt(HUMAN, GPT), "tools": "[]"}),
]  # fmt: skip
WRONG = [
    ("openai", [], "wrong_type"),
    ("openai", {}, "missing_key"),
    ("openai", {"messages": "a"}, "wrong_type"),
    ("openai", {**openai(ASK, REPLY), "id": 3}, "unknown_key"),
    ("openai", openai({"content": "a"}, REPLY), "missing_key"),
    ("openai", openai({**ASK, "id": 3}, REPLY), "unknown_key"),
    ("openai", openai({**ASK, "role": "human"}, REPLY), "unknown_role"),
    ("openai", openai({**ASK, "content": " "}, REPLY), "empty_text"),
    ("openai", openai(ASK, {**REPLY, "content": None}), "empty_text"),
    ("openai", openai(ASK, {"role": "tool", "content": "4"}, REPLY), "missing_key"),
    ("openai", openai(ASK, {**REPLY, "weight": 0.5}), "wrong_weight"),
    ("openai", openai(ASK, {**REPLY, "weight": True}), "wrong_weight"),
    ("openai", openai({**ASK, "weight": 1}, REPLY), "wrong_weight"),
    ("openai", openai(ASK, {**REPLY, "weight": 0}), "nothing_learned"),
    ("openai", openai(ASK, REPLY, ASK), "no_reply"),
    ("openai", openai(), "no_reply"),
    ("openai", openai({**ASK, "content": "a" * LONGEST}, REPLY), "too_long"),
    ("alpaca", {"instruction": "a", "input": ""}, "missing_key"),
    ("alpaca", {"instruction": "", "input": "a", "output": "b"}, "empty_text"),
    ("alpaca", {"instruction": "a", "input": None, "output": "b"}, "wrong_type"),
    ("alpaca", {"instruction": "a", "input": "", "output": "b", "label": 1}, "unknown_key"),
    ("alpaca", {"instruction": "a", "output": "b", "history": [["c"]]}, "wrong_type"),
    ("sharegpt", {"messages": []}, "missing_key"),
    ("sharegpt", sharegpt(HUMAN, HUMAN, GPT), "out_of_turn"),
    ("sharegpt", sharegpt(HUMAN, SYSTEM, GPT), "out_of_turn"),
    ("sharegpt", sharegpt(GPT), "out_of_turn"),
    ("sharegpt", sharegpt(HUMAN, GPT, HUMAN), "no_reply"),
    ("sharegpt", sharegpt(SYSTEM), "no_reply"),
    ("sharegpt", sharegpt(HUMAN, {**GPT, "value": ""}), "empty_text"),
    ("sharegpt", sharegpt({**HUMAN, "from": "user"}, GPT), "unknown_role"),
    ("sharegpt", sharegpt({"value": "a"}, GPT), "missing_key"),
]


@pytest.mark.parametrize(("format", "row"), RIGHT)
def test_a_row_that_keeps_the_rules_has_no_fault(format, row):
    assert row_faults(format, row) == []


@pytest.mark.parametrize(("format", "row", "code"), WRONG)
def test_each_broken_rule_is_named(format, row, code):
    assert code in row_faults(format, row)
    assert set(row_faults(format, row)) <= set(RULES)


def lines(*rows):
    return [json.dumps(row).encode() + b"\n" for row in rows]


def test_faults_of_a_file_stand_by_line_and_those_of_the_whole_at_line_zero():
    found = validate("openai", [*lines(openai(ASK, REPLY)), b"{\n", *lines(openai(ASK))])
    assert found == [LineFault(2, "not_json"), LineFault(3, "no_reply"), LineFault(0, "too_few")]


def test_a_file_for_validation_may_be_short():
    assert validate("openai", lines(openai(ASK, REPLY)), training=False) == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"instruction": "\xff"}\n', "not_utf8"),
        (b'\xef\xbb\xbf{"instruction": "a", "output": "b"}\n', "not_utf8"),
        (b'{"instruction": NaN, "output": "b"}\n', "not_json"),
        (b"\n", "not_json"),
        (b'"a"\n', "wrong_type"),
    ],
)
def test_a_line_must_be_one_json_object_in_utf8(line, code):
    assert validate("alpaca", [line]) == [LineFault(1, code)]
