"""Conversations as tokens, and which of these a model learns: the replies, each with the token that ends it.

A chat template is a program that comes with the tokenizer, so nothing is taken from its words: where a reply begins is
found by writing the conversation up to there, and where it ends by the special token that ended a sample reply. Special
tokens in the texts themselves (`<|im_end|>` in a user's question, say) are read as the plain text that they are, so
nobody's text can end a turn or begin one. Pads are no matter of this file: what is learned is known by position.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.core.records import Message
from stages.core.task import Options
from stages.methods.ingest.chat_rows import REPLIES, Messages

_SAMPLE = (Message("user", "Hi"), Message("assistant", "Hello"))
# Some templates write today's date: features, and so the model, would be others tomorrow.
_NO_CLOCK = "{% macro strftime_now(format) %}26 Jul 2024{% endmacro %}"  # the date that Llama 3's templates default to


@dataclass(frozen=True, slots=True)
class Tokens:
    """A conversation in tokens; `learned` says of each whether the loss is taken over it."""

    ids: list[int]
    learned: list[bool]


def is_answered(messages: Messages) -> bool:
    """Whether the conversation ends with a reply."""
    return messages[-1].role in REPLIES


def asked(messages: Messages) -> tuple[Messages, str | None]:
    """What a model is given, and what it should write: all before the last reply, and that one (None if there is none).

    Of a text alone it is given the first half of the words, and should go on with the other.
    """
    if not is_answered(messages):
        return messages, None
    if len(messages) > 1 or messages[0].role != "completion":
        return messages[:-1], messages[-1].content
    text = messages[0].content
    words = list(re.finditer(r"\S+", text))
    half = words[len(words) // 2 - 1].end() if len(words) > 1 else 0
    return (Message("completion", text[:half]),), text[half:].strip()


@dataclass(frozen=True)
class ChatFormat:
    """How the conversations of a model are written: by its chat template, or joined by newlines where there is none."""

    tokenizer: Any
    template: str | None

    @classmethod
    def of(cls, tokenizer: Any, options: Options) -> ChatFormat:
        """The format that the option `template` and the tokenizer ask for. Raises UsageError for one without an end."""
        wanted = options.get("template", "auto") == "auto" and tokenizer.chat_template
        template = tokenizer.get_chat_template() if wanted else None
        if template and "strftime_now" in template:
            template = _NO_CLOCK + template
        found = cls(tokenizer, template)
        if not found.reply_specials and tokenizer.eos_token_id is None:
            problem = "its tokenizer has no token that ends a sequence, so it could not learn to stop"
            raise UsageError(Fault("params.yaml: model", problem, "set eos_token in tokenizer_config.json"))
        return found

    @cached_property
    def reply_specials(self) -> tuple[int, ...]:
        """The special tokens in each reply that the template writes, the last of which ends it; none: it writes no end.

        Raises UsageError for a template by which a reply does not go on from its prompt: what was learned would not be
        what is asked for later.
        """
        if self.template is None:
            return ()
        try:
            before, whole = self._written(_SAMPLE[:1], reply=True), self._written(_SAMPLE)
        except _Refused:
            before, whole = [-1], []
        if whole[: len(before)] != before:
            problem = "its chat template does not write a reply right after the prompt for one"
            raise UsageError(Fault("params.yaml: model", problem, "set finetune.template: plain, or mend the template"))
        reply, found = whole[len(before) :], []
        for position, token in enumerate(reply):
            if token in self._specials:
                found.append(token)
                if _SAMPLE[1].content in self.tokenizer.decode(reply[:position]):
                    return tuple(found)
        return ()

    @property
    def end(self) -> int:
        """The token that ends a reply."""
        return self.reply_specials[-1] if self.reply_specials else int(self.tokenizer.eos_token_id)

    def conversation(self, messages: Messages) -> Tokens:
        """The whole conversation; every reply in it is learned.

        Nothing is learned where the template refuses the conversation (a role it does not know, two users in a row),
        and an earlier reply is not where the template writes it in another way than a last one.
        """
        if not self._uses_template(messages):
            return self._joined(messages)
        try:
            return self._templated(messages)
        except _Refused:
            ids = self._joined(messages).ids
            return Tokens(ids, [False] * len(ids))

    def prompt(self, messages: Messages) -> list[int]:
        """The messages up to where the reply begins, at least one token."""
        if self._uses_template(messages):
            try:
                return self._written(messages, reply=True)
            except _Refused:
                pass
        if messages and messages[-1].role == "completion":  # the beginning of a text, to go on from
            ids = [*self._opening, *self._encoded(messages[-1].content)]
        else:
            ids = self._joined(messages).ids
        start = self.tokenizer.bos_token_id
        return ids or [self.end if start is None else start]

    def _uses_template(self, messages: Sequence[Message]) -> bool:
        return bool(self.template and messages) and messages[-1].role not in ("prompt", "completion")

    def _templated(self, messages: Messages) -> Tokens:
        whole = self._written(messages)
        bounds = [self._bounds(messages, i, whole) for i, turn in enumerate(messages) if turn.role in REPLIES]
        learned = [False] * len(whole)
        for start, end in (found for found in reversed(bounds) if found):
            learned[start:end] = [True] * (end - start)
            if not self.reply_specials:
                whole.insert(end, self.end)
                learned.insert(end, True)
        return Tokens(whole, learned)

    def _bounds(self, messages: Messages, i: int, whole: Sequence[int]) -> tuple[int, int] | None:
        """Where in the whole conversation the tokens of a reply begin and end; None where that cannot be told."""
        start = _shared(self._written(messages[:i], reply=True), whole)
        if start is None:
            return None
        if not self.reply_specials:
            end = _shared(self._written(messages[: i + 1]), whole)
            return None if end is None else (start, end)
        specials = [p for p in range(start, len(whole)) if whole[p] in self._specials][: len(self.reply_specials)]
        return (start, specials[-1] + 1) if tuple(whole[p] for p in specials) == self.reply_specials else None

    def _written(self, messages: Sequence[Message], reply: bool = False) -> list[int]:
        """By the template, with the beginning of a reply after it where `reply`. Raises _Refused."""
        from jinja2 import TemplateError

        if not messages:  # a reply to nothing
            return []
        chat = [{"role": turn.role, "content": turn.content} for turn in messages]
        try:
            ids: list[int] = self.tokenizer.apply_chat_template(
                chat, chat_template=self.template, add_generation_prompt=reply, return_dict=False,
                sanitize_control_tokens=True,
            )  # fmt: skip
        except (TemplateError, TypeError, ValueError, NotImplementedError):
            raise _Refused from None
        return ids

    def _joined(self, messages: Sequence[Message]) -> Tokens:
        """Without a template: turns on lines of their own, a token that ends it after each reply."""
        ids = list(self._opening)
        learned = [False] * len(ids)
        for turn in messages:
            is_reply = turn.role in REPLIES
            more = [*self._encoded(turn.content), self.end] if is_reply else self._encoded(f"{turn.content}\n")
            ids += more
            learned += [is_reply] * len(more)
        return Tokens(ids, learned)

    def _encoded(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return ids

    @cached_property
    def _opening(self) -> list[int]:
        """What the tokenizer puts before every text, the token that begins a sequence where it has one."""
        begins = self.tokenizer("a")["input_ids"][0] == self.tokenizer.bos_token_id
        return [self.tokenizer.bos_token_id] if begins else []

    @cached_property
    def _specials(self) -> frozenset[int]:
        added = {token for token, content in self.tokenizer.added_tokens_decoder.items() if content.special}
        return frozenset(added | set(self.tokenizer.all_special_ids))


class _Refused(Exception):
    """The template does not write such a conversation; carries no text."""


def _shared(part: Sequence[int], whole: Sequence[int]) -> int | None:
    """How many tokens both begin with; None if `part` has more, but for a last one that may merge with what follows."""
    same = next((i for i, (a, b) in enumerate(zip(part, whole, strict=False)) if a != b), min(len(part), len(whole)))
    return same if same >= len(part) - 1 else None
