"""What rules can tell of one written answer: whether it is empty, cut, refused or a copy, and its language.

Whether that is a fault depends on how answers of the set usually are: `written_answers` decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import regex

from stages.core.records import Record
from stages.methods.check_labels.answers.reply_words import DANGLING, OTHER_LANGUAGE, REFUSALS
from stages.methods.clean.language import identify_language
from stages.methods.deduplicate.shingles import digest
from stages.methods.evaluate.text_traits import words

Pattern: TypeAlias = "regex.Pattern[str]"
LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pt")
"""Languages that are told apart: those that `clean` chooses among by default."""
_SURE, _LETTERS, _PROSE = 0.95, 60, 0.85
"""A language is believed from this confidence on, for texts of as many letters, when that share of the characters
are letters: code and tables are in no language."""
_READ = 300  # characters that the language is told by
_SENTENCE = 10
"""Words from which on an answer should end as sentences do; below it is a name, a label, a title."""
_FEW = 5
"""Words from which on an answer says what it is about."""
_TAIL = 3
_RUN = 4
_COPIED = 0.9
"""Share of the runs of four words that prompt and answer have in common, seen from either, in a copy."""
_ECHO = 8
"""Words of a prompt that an answer does not begin with by chance."""
_CLOSING = r"[\p{Pe}\p{Pf}\p{Pi}\"'*_`~\s]*"
_ENDED = regex.compile(rf"[\p{{Sentence_Terminal}}…:;\p{{So}}\p{{Sk}}|>}}]{_CLOSING}(?:\[?\p{{N}}{{1,2}}\]?)?$")
_OPEN = regex.compile(r"[\p{L}\p{M}\p{N},(\[{\-–—/&]$")
_HANGING = regex.compile(r"[,(\[{–—&]$")
_FREE = regex.compile(r" [-*•–] .* [-*•–] |[/@.]\S*$")
"""The end of a list in one line, or of an address: no sentence, and no cut."""
_PROSE_WORDS = 8
"""Among so many last words of a sentence that was cut is an article, a preposition or the like; a list has none."""
_NAME = 5  # last words that make a name or a title of an end, when half of them are capitalised
_SENTENCE_END = regex.compile(r"(?<=\p{Sentence_Terminal})\s+")
_ITEM = regex.compile(r"\s*(?:[-*•+|>#]|\p{N}+[.):]|\p{L}[.):])")
_FENCE = "```"
_WORDS_BETWEEN = r"(?:[^.!?\n]{0,25}?[\s'])?"
_OPENING = r"^(?:[^.!?:\"“„«\n]{0,60}?[\s,'])?"
_ANYWHERE = 2000


@dataclass(frozen=True, slots=True)
class Exchange:
    """A prompt and its answer; `before` is all that came before the answer, `turn` the answer's place in it."""

    id: str
    turn: int
    before: tuple[str, ...]
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Traits:
    """What the rules say of an exchange, without its text. `asked` is a digest of all that came before the answer.

    `ending`: `ended`, `open` or `hanging` (in the middle of a phrase); None for short answers, lists and names. `tail`
    is a digest of the last words: an end that comes again and again is a formula. `few`: digests of the words of an
    answer that has no more than a label does.
    """

    id: str
    turn: int
    asked: bytes
    empty: bool
    ending: str | None
    tail: bytes
    fences: int
    refusal: str | None
    copy: str | None
    language: str | None
    prompt_language: str | None
    names_language: bool
    few: frozenset[bytes] | None


def chat_exchanges(record: Record) -> list[Exchange]:
    """Each reply of a conversation with what it answers; none of a text that answers nothing."""
    turns = record.values["messages"]
    found = []
    for i, turn in enumerate(turns):
        if i and turn.role in ("assistant", "completion"):
            before = tuple(one.content for one in turns[:i])
            found.append(Exchange(record.id, i, before, before[-1], turn.content))
    return found


def pair_exchange(record: Record) -> list[Exchange]:
    """Source and target; none where there is no target."""
    source, target = record.values["source_text"], record.values["target_text"]
    return [Exchange(record.id, 0, (source,), source, target)] if target else []


def traits_of(exchanges: Sequence[Exchange]) -> list[Traits]:
    """The traits of a batch; this is what worker processes do."""
    return [_traits(one) for one in exchanges]


def _traits(one: Exchange) -> Traits:
    answer = one.answer.strip()
    said = words(answer)
    return Traits(
        one.id,
        one.turn,
        digest(one.before),
        empty=not any(c.isalnum() for c in answer),
        ending=_ending(answer),
        tail=digest([" ".join(answer.split()[-_TAIL:])]),
        fences=answer.count(_FENCE),
        refusal=None if refusal(one.prompt) else refusal(answer),
        copy=copy_kind(one.prompt, answer),
        language=_language(answer),
        prompt_language=_language(one.prompt),
        names_language=_names_language().search(one.prompt) is not None,
        few=frozenset(digest([word]) for word in said) if len(said) < _FEW else None,
    )


def refusal(text: str) -> str | None:
    """The language in which an answer refuses; None where it does not."""
    start = text[:_ANYWHERE].replace("\u2019", "'").casefold()
    return next((language for language, pattern in _refusals().items() if pattern.search(start)), None)


def copy_kind(prompt: str, answer: str) -> str | None:
    """`whole`: prompt and answer are nearly the same. `echo`: the answer begins with all of the prompt."""
    asked, said = words(prompt), words(answer)
    if len(said) < _RUN or said[:3] != asked[:3]:
        return None
    if said == asked:
        return "whole"
    mine, theirs = _runs(said), _runs(asked)
    shared = (mine & theirs).total()
    if shared >= _COPIED * max(mine.total(), theirs.total()):
        return "whole"
    return "echo" if len(asked) >= _ECHO and said[: len(asked)] == asked else None


def _runs(tokens: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + _RUN]) for i in range(len(tokens) - _RUN + 1))


def _ending(answer: str) -> str | None:
    """How the answer's last line ends; None where nothing can be told of it."""
    lines = [line for line in answer.splitlines() if line.strip()]
    said = words(answer)
    if len(said) < _SENTENCE or not lines or answer.count(_FENCE):
        return None
    if _ENDED.search(lines[-1]):
        return "ended"
    if not _OPEN.search(lines[-1]):
        return None
    if _HANGING.search(lines[-1]) or words(lines[-1])[-1] in _dangling():
        return "hanging"
    listed = _ITEM.match(lines[-1]) or any(not _ENDED.search(line) for line in lines[:-1])
    return None if listed or _stands_alone(lines[-1]) else "open"


def _stands_alone(line: str) -> bool:
    """Whether a line without a mark at its end need not be a cut sentence."""
    last = _SENTENCE_END.split(line.strip())[-1]
    ends = last.split()[-_NAME:]
    capitals = sum(word[0].isupper() or word[0].isdigit() for word in ends)
    prose = len(words(line)) >= _SENTENCE and not _dangling().isdisjoint(words(line)[-_PROSE_WORDS:])
    return not prose or 2 * capitals >= len(ends) or _FREE.search(last) is not None


def _language(text: str) -> str | None:
    """The language of a text that is long enough to be sure of it."""
    some = text[:_READ]
    letters = sum(c.isalpha() for c in some)
    if letters < _LETTERS or letters < _PROSE * sum(not c.isspace() for c in some):
        return None
    return identify_language(some, LANGUAGES, _SURE)


@cache
def _dangling() -> frozenset[str]:
    return frozenset(word for some in DANGLING.values() for word in some.split())


@cache
def _names_language() -> Pattern:
    return regex.compile(rf"\b(?:{OTHER_LANGUAGE})\b", regex.IGNORECASE)


@cache
def _refusals() -> dict[str, Pattern]:
    found = {}
    for language, some in REFUSALS.items():
        acts = rf"(?:{some.helping}|(?:{some.giving})\s{_WORDS_BETWEEN}(?:{some.things}))"
        start = rf"{_OPENING}(?:(?:{some.cannot})\s{_WORDS_BETWEEN}{acts}|{some.declining})\b"
        found[language] = regex.compile(rf"\b(?:{some.selves})\b|{start}")
    return found
