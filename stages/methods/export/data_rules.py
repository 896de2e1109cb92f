"""What each format demands of a row and of a file, as its makers publish it, and checking that.

openai    the API reference of fine-tuning (`chat-input`), the guide to supervised fine-tuning, the cookbook's checks
alpaca    Stanford Alpaca's three fields; LLaMA-Factory's data/README.md adds `system` and `history`
sharegpt  LLaMA-Factory's data/README.md: people ask in odd places, the model answers in even ones; axolotl's and
          Unsloth's readers take the same rows

A fault is a code of `RULES`: nothing here repeats a text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

RULES = {
    "unanswered": "nobody has said what the answer is",
    "not_utf8": "is not UTF-8, or begins with a byte order mark",
    "not_json": "is not one JSON value a line",
    "wrong_type": "is of another type than the format says",
    "missing_key": "lacks a field that the format needs",
    "unknown_key": "has a field that the format does not know",
    "unknown_role": "a turn is by somebody whom the format does not know",
    "unknown_label": "has a label that is not among the declared ones",
    "misplaced": "a span or an answer is not where the text says",
    "empty_text": "a text that must say something is empty or blank",
    "no_reply": "does not end with an answer of the model",
    "plain_text": "is a text alone, with nobody asking and nobody answering",
    "out_of_turn": "question and answer do not take turns, or the conversation's instructions do not come first",
    "several_turns": "has more than one question and answer, for which the format has no place",
    "wrong_weight": "`weight` is not 0 or 1, or stands at a turn that is not the model's",
    "nothing_learned": "every answer has the weight 0",
    "too_long": "is longer than the service learns from: the answer at its end would be cut away",
    "nothing_left": "has no row",
    "too_few": "has fewer than the 10 examples that the service takes",
    "too_large": "is larger than the 512 MB that the service takes",
}
"""What is wrong, by code; the subject of each sentence is the row or the file."""

FEWEST = 10
LARGEST = 512 * 10**6
LONGEST = 4 * 65_536
"""Characters: 65,536 tokens of an example are learned (gpt-4.1, gpt-4o), at four characters a token (OpenAI's rule of
thumb for English)."""
_OPENAI_KEYS = {"messages", "tools", "parallel_tool_calls", "functions"}
_MESSAGE_KEYS = {"role", "content", "name", "weight", "refusal", "audio", "tool_calls", "tool_call_id", "function_call"}
_CALLS = ("tool_calls", "function_call", "refusal", "audio")
_ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
_ALPACA_KEYS = {"instruction", "input", "output", "system", "history"}
_SHAREGPT_KEYS = {"conversations", "system", "tools", "id"}
_ASK, _ANSWER = ("human", "observation"), ("gpt", "function_call")

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong with a line, from 1; line 0 is the file as a whole."""

    line: int
    code: str


def validate(format: str, lines: Iterable[bytes], *, training: bool = True) -> list[LineFault]:
    """All that is wrong with a file, given its lines as bytes. A file that is not for training may be short."""
    found, count, size = [], 0, 0
    for count, line in enumerate(lines, 1):
        size += len(line)
        found += [LineFault(count, code) for code in line_faults(format, line)]
    if format == "openai":
        found += [LineFault(0, "too_few")] if training and count < FEWEST else []
        found += [LineFault(0, "too_large")] if size > LARGEST else []
    return found


def line_faults(format: str, line: bytes) -> list[str]:
    """The codes of what is wrong with one line."""
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except UnicodeDecodeError:
        return ["not_utf8"]
    except ValueError:
        return ["not_utf8" if line.startswith(b"\xef\xbb\xbf") else "not_json"]
    return row_faults(format, row)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def row_faults(format: str, row: Any) -> list[str]:
    """The codes of what is wrong with one row, each once."""
    if not isinstance(row, Mapping):
        return ["wrong_type"]
    return list(dict.fromkeys(_CHECKS[format](row)))


def is_blank(text: Any) -> bool:
    """Whether this is no text, or one that says nothing."""
    return not isinstance(text, str) or not text.strip()


def _openai(row: Row) -> Iterator[str]:
    yield from _keys(row, {"messages"}, _OPENAI_KEYS)
    messages = _rows(row.get("messages"))
    if messages is None:
        yield "wrong_type"
        return
    for message in messages:
        yield from _openai_message(message)
    replies = [message for message in messages if message.get("role") == "assistant"]
    if not messages or messages[-1].get("role") != "assistant":
        yield "no_reply"
    if replies and not any(message.get("weight", 1) for message in replies):
        yield "nothing_learned"
    if sum(len(message["content"]) for message in messages if isinstance(message.get("content"), str)) > LONGEST:
        yield "too_long"


def _openai_message(message: Row) -> Iterator[str]:
    yield from _keys(message, {"role"}, _MESSAGE_KEYS)
    role = message.get("role")
    if role not in _ROLES:
        yield "unknown_role"
    if is_blank(message.get("content")) and not (role == "assistant" and any(map(message.get, _CALLS))):
        yield "empty_text"
    if role in ("tool", "function") and not (message.get("tool_call_id") or message.get("name")):
        yield "missing_key"
    weight = message.get("weight", 1)
    if isinstance(weight, bool) or weight not in (0, 1) or ("weight" in message and role != "assistant"):
        yield "wrong_weight"


def _alpaca(row: Row) -> Iterator[str]:
    yield from _keys(row, {"instruction", "output"}, _ALPACA_KEYS)
    if any(is_blank(row.get(name)) for name in ("instruction", "output")):
        yield "empty_text"
    if any(not isinstance(row.get(name, ""), str) for name in ("input", "system")):
        yield "wrong_type"
    history = row.get("history", [])
    if not isinstance(history, list) or any(not _is_exchange(one) for one in history):
        yield "wrong_type"


def _sharegpt(row: Row) -> Iterator[str]:
    yield from _keys(row, {"conversations"}, _SHAREGPT_KEYS)
    turns = _rows(row.get("conversations"))
    if turns is None:
        yield "wrong_type"
        return
    for turn in turns:
        yield from _keys(turn, {"from", "value"}, {"from", "value", "weight"})
        if turn.get("from") not in (*_ASK, *_ANSWER, "system"):
            yield "unknown_role"
        if is_blank(turn.get("value")):
            yield "empty_text"
    speakers = [turn.get("from") for turn in turns]
    spoken = speakers[1:] if speakers[:1] == ["system"] else speakers
    if any(one not in (_ANSWER if place % 2 else _ASK) for place, one in enumerate(spoken)):
        yield "out_of_turn"
    if not spoken or spoken[-1] not in _ANSWER:
        yield "no_reply"


def _keys(row: Row, needed: set[str], known: set[str]) -> Iterator[str]:
    if needed - row.keys():
        yield "missing_key"
    if row.keys() - known:
        yield "unknown_key"


def _rows(value: Any) -> list[Row] | None:
    """The value as a list of objects; None where it is none."""
    return value if isinstance(value, list) and all(isinstance(one, Mapping) for one in value) else None


def _is_exchange(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) for text in value)


_CHECKS: Mapping[str, Callable[[Row], Iterator[str]]] = {"openai": _openai, "alpaca": _alpaca, "sharegpt": _sharegpt}
