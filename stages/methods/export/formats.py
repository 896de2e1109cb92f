"""An example as a row of each format in which other programs take training data, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from stages.core.records import Message
from stages.methods.export.data_examples import Example, LeftOut

_SPEAKERS = {"user": "human", "assistant": "gpt"}


def row_of(format: str, example: Example) -> dict[str, Any]:
    """The example as a row. Raises LeftOut where the format has no place for it; it may still break the rules."""
    return _ROWS[format](example)


def line_of(row: Mapping[str, Any]) -> bytes:
    """A row as one line of UTF-8."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _told(example: Example) -> tuple[Message, ...]:
    """The conversation with what the model is told before it."""
    return (Message("system", example.told), *example.messages) if example.told else example.messages


def _openai(example: Example) -> dict[str, Any]:
    return {"messages": [{"role": one.role, "content": one.content} for one in _told(example)]}


def _sharegpt(example: Example) -> dict[str, Any]:
    turns = [{"from": _SPEAKERS.get(one.role, one.role), "value": one.content} for one in _told(example)]
    return {"conversations": turns}


def _alpaca(example: Example) -> dict[str, Any]:
    """The instruction, and what it is about as the input. A question without an instruction is one itself."""
    roles = [one.role for one in example.messages]
    if roles[-1:] != ["assistant"]:
        raise LeftOut("no_reply")
    if roles != ["user", "assistant"]:
        raise LeftOut("several_turns" if roles == ["user", "assistant"] * (len(roles) // 2) else "out_of_turn")
    asked, answer = (one.content for one in example.messages)
    instruct = example.instruction if not example.system else ""
    row = {"instruction": instruct or asked, "input": asked if instruct else "", "output": answer}
    return row if example.system is None else {**row, "system": example.system}


_ROWS: dict[str, Callable[[Example], dict[str, Any]]] = {"openai": _openai, "alpaca": _alpaca, "sharegpt": _sharegpt}
LINE_FORMATS = tuple(_ROWS)
