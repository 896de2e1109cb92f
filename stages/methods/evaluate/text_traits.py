"""What can be told of a written answer without judging it: its words, whether it declines, loops or copies."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

import regex

_LOOP_ORDER, _LOOP_TIMES = 4, 3
_START = 300
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"(?V1)[{_UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+")
_ONE_UNSPACED, _HAN = regex.compile(f"[{_UNSPACED}]"), regex.compile(r"\p{Han}")
_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")

_HELP_EN = "help|assist|answer|provide|comply|discuss|share|fulfil|advise|give|do|support|engage"
_HELP_DE = "helfen|beantworten|weiterhelfen|geben|nennen|erfüllen|unterstützen|bereitstellen|mitteilen"
_HELP_ES = "ayudar|asistir|responder|contestar|proporcionar|dar|cumplir|compartir|ofrecer|facilitar"
_HELP_FR = "aider|assister|répondre|fournir|donner|satisfaire|partager|communiquer"
_REFUSALS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        (
            rf"\b(?:i|we) (?:can ?not|can't|won't|will not|(?:am|are) (?:not able|unable|not allowed) to)"
            rf" (?:\w+ ){{0,2}}?(?:{_HELP_EN})\b"
        ),
        rf"\b(?:i'm|we're) (?:not able|unable|not allowed) to (?:\w+ )?(?:{_HELP_EN})\b",
        r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b",
        rf"\b(?:kann|darf|werde|können|dürfen) (?:\w+ ){{0,5}}?(?:nicht|keine?n?) (?:\w+ ){{0,4}}?(?:{_HELP_DE})\b",
        r"\bals (?:ki|künstliche intelligenz|sprachmodell)\b",
        rf"\bno (?:(?:te|le|les|os) )?(?:puedo|podemos|podré) (?:{_HELP_ES})",
        r"\bcomo (?:ia|inteligencia artificial|(?:un )?modelo de lenguaje)\b",
        (
            rf"\b(?:ne|n')\s?(?:peux|pouvons|suis|sommes) (?:pas|malheureusement pas)(?: en mesure)?"
            rf"(?: de?)? ?(?:(?:vous|te|t'|y|l'|d')\s?)?(?:{_HELP_FR})\b"
        ),
        r"\ben tant qu(?:e |')(?:ia|intelligence artificielle|modèle de langage)\b",
    )
)


def words(text: str) -> list[str]:
    """Lower-case runs of letters, marks and digits of any alphabet; scripts without spaces give one a character.

    On ASCII text these are the words of rouge_score's own tokenizer, which drops every other letter. A text without
    any word, such as a lone emoji, gives its characters, so that it can be right too.
    """
    lower = unicodedata.normalize("NFC", text).lower()
    return _WORD.findall(lower) or [c for c in lower if not c.isspace()]


def first_words(text: str, count: int) -> str:
    """The text up to the end of its `count`th word."""
    found = itertools.islice(_WORD.finditer(text), count)
    return text[: max((match.end() for match in found), default=0)]


def bleu_tokenizer(references: Sequence[str]) -> str:
    """The sacrebleu tokenizer that fits: `13a` splits at spaces, so Chinese needs `zh` and its like `char`."""
    text = "".join(references)
    unspaced = len(_ONE_UNSPACED.findall(text))
    if not unspaced or 2 * unspaced < sum(c.isalpha() for c in text):
        return "13a"
    return "zh" if 2 * len(_HAN.findall(text)) > unspaced and not _KANA.search(text) else "char"


def declines(text: str) -> bool:
    """Whether an answer begins by saying that it will not be given, by phrases in English, German, Spanish, French.

    Phrases find the usual wordings alone: a polite refusal in other words is missed, a quoted one is counted.
    """
    start = text[:_START].replace("\u2019", "'")
    return any(pattern.search(start) for pattern in _REFUSALS)


def loops(text: str) -> bool:
    """Whether some four words in a row come three times or more: generation that goes round in circles."""
    return max(Counter(_ngrams(words(text), _LOOP_ORDER)).values(), default=0) >= _LOOP_TIMES


def copied(text: str, source: str) -> float | None:
    """Share of a text's runs of four words that stand in the source too; None for a text shorter than that.

    One minus the novel n-grams of See et al. 2017, section 6.
    """
    found = list(_ngrams(words(text), 4))
    known = set(_ngrams(words(source), 4))
    return sum(gram in known for gram in found) / len(found) if found else None


def _ngrams(tokens: Sequence[str], order: int) -> Iterator[tuple[str, ...]]:
    return (tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1))
