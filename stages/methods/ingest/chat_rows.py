"""Conversations from the rows that people have: OpenAI's messages, ShareGPT, prompt and completion, Alpaca, plain text.

A conversation is a tuple of messages. Replies, which a model learns to write, have the role `assistant`, or
`completion` where the row was no chat; that of what stands before such a one is `prompt`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stages.core.records import Message
from stages.core.task import RowFault
from stages.methods.ingest.row_text import required_text

REPLIES = ("assistant", "completion")
_ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool",
}  # fmt: skip
Messages = tuple[Message, ...]


def read_conversation(row: Mapping[str, Any]) -> Messages:
    """The conversation in a row, by the first of its columns that is filled: messages, conversations, prompt, ...

    A `prompt` or an `instruction` in a row without a column for the reply is a question without an answer. Raises
    RowFault for a row that is none of these, or whose last message is no reply.
    """
    there = [column for column in _READERS if column in row]
    column = next((column for column in there if row[column] is not None), there[0] if there else "text")
    return _READERS[column](row)


def _shared(row: Mapping[str, Any]) -> Messages:
    return _with_reply(_told(row) + _turns(row["conversations"], "conversations"))


def _told(row: Mapping[str, Any]) -> Messages:
    """What the model is told before anybody speaks: ShareGPT and Alpaca may have it in a column `system`."""
    return (Message("system", required_text(row, "system")),) if row.get("system") else ()


def _turns(value: Any, field: str) -> Messages:
    """Messages as OpenAI writes them (`role`, `content`) or ShareGPT (`from`, `value`)."""
    if value is None:
        raise RowFault("missing_field", field=field)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise RowFault("wrong_type", field=field, type=type(value).__name__)
    if not value:
        raise RowFault("empty_text", field=field)
    return tuple(_turn(turn, field, number) for number, turn in enumerate(value))


def _turn(turn: Any, field: str, number: int) -> Message:
    place = {"field": field, "message": number}
    if not isinstance(turn, Mapping):
        raise RowFault("wrong_type", **place, type=type(turn).__name__)
    role, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    if role is None or content is None:
        raise RowFault("missing_field", **place)
    role = _ROLES.get(role.strip().lower()) if isinstance(role, str) else None
    if role is None:
        raise RowFault("unknown_role", **place)
    if isinstance(content, Sequence) and not isinstance(content, str):
        content = _joined(content, place)
    if not isinstance(content, str):
        raise RowFault("wrong_type", **place, type=type(content).__name__)
    if not content.strip():
        raise RowFault("empty_text", **place)
    return Message(role, content)


def _joined(parts: Sequence[Any], place: Mapping[str, Any]) -> str:
    """The text of a content in parts, `{"type": "text", "text": ...}`; an image or a sound cannot be read here."""
    texts = [part.get("text") if isinstance(part, Mapping) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise RowFault("wrong_type", **place, type="parts")
    return "\n".join(map(str, texts))


def _prompted(row: Mapping[str, Any]) -> Messages:
    """Two texts, or two lists of messages (TRL's conversational prompt and completion), which are one chat."""
    if isinstance(row["prompt"], Sequence) and not isinstance(row["prompt"], str):
        prompt = _turns(row["prompt"], "prompt")
        return _with_reply(prompt + _turns(row["completion"], "completion")) if "completion" in row else prompt
    asked = (Message("prompt", required_text(row, "prompt")),)
    return (*asked, Message("completion", required_text(row, "completion"))) if "completion" in row else asked


def _instructed(row: Mapping[str, Any]) -> Messages:
    """An instruction, its `input` on the next line, and the `output`; self-instruct has these two in `instances`.

    What LLaMA-Factory adds to Alpaca's columns comes before: `system`, and earlier exchanges in `history`.
    """
    given = row
    if row.get("instances") is not None:
        given = _one_instance(row["instances"])
    asked = required_text(row, "instruction")
    if given.get("input"):
        asked = f"{asked}\n{required_text(given, 'input')}"
    question = (*_told(row), *_history(row.get("history")), Message("user", asked))
    return (*question, Message("assistant", required_text(given, "output"))) if "output" in given else question


def _history(exchanges: Any) -> Messages:
    """Earlier questions and answers, as a list of pairs."""
    pairs = exchanges or []
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise RowFault("wrong_type", field="history", type=type(pairs).__name__)
    return tuple(
        Message(role, required_text({"history": text}, "history"))
        for pair in pairs
        for role, text in zip(("user", "assistant"), pair, strict=True)
    )


def _one_instance(instances: Any) -> Mapping[str, Any]:
    """A row is one record, so it can have one instance only: others would get lost unseen."""
    one = instances[0] if isinstance(instances, Sequence) and len(instances) == 1 else None
    if not isinstance(one, Mapping):
        raise RowFault("wrong_type", field="instances", type=type(instances).__name__)
    return one


def _with_reply(messages: Messages) -> Messages:
    if messages[-1].role not in REPLIES:
        raise RowFault("no_reply", messages=len(messages))
    return messages


_READERS: dict[str, Callable[[Mapping[str, Any]], Messages]] = {
    "messages": lambda row: _with_reply(_turns(row["messages"], "messages")),
    "conversations": _shared,
    "prompt": _prompted,
    "instruction": _instructed,
    "text": lambda row: (Message("completion", required_text(row, "text")),),
}
"""By the column that tells a form from the others, the first one first."""
