"""How well a tokenizer knows the language of some texts: unknown tokens, tokens a word, and terms that fall apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_LEAST_RECORDS = 10
_LEAST_PIECES = 4
_MOST_TERMS = 200


@dataclass(frozen=True, slots=True)
class Term:
    """A word that the tokenizer takes apart: how many records hold it, and into how many pieces it falls."""

    word: str
    records: int
    pieces: int


@dataclass
class TokenFit:
    """Counts over texts, without keeping them."""

    pieces: int = 0
    unknown: int = 0
    words: int = 0
    holding: Counter[str] = field(default_factory=Counter)

    def add(self, texts: Sequence[str], tokenizer: Any) -> None:
        """Look at some more texts, one a record."""
        encoded = tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
        for text, ids in zip(texts, encoded, strict=True):
            self.pieces += len(ids)
            self.unknown += ids.count(tokenizer.unk_token_id)
            self.words += len(text.split())
            self.holding.update({word.lower() for word in _WORD.findall(text)})

    def terms(self, tokenizer: Any) -> list[Term]:
        """Words of at least ten records that fall into four pieces or more: those that cost most tokens first.

        Rarer words are left out: they teach the model little, and could be what only one person is called.
        """
        known = sorted(word for word, records in self.holding.items() if records >= _LEAST_RECORDS)
        # With a space before it, as inside a text: byte-level vocabularies tell a word's beginning by that.
        encoded = tokenizer([f" {word}" for word in known], add_special_tokens=False)["input_ids"] if known else []
        found = [Term(word, self.holding[word], len(ids)) for word, ids in zip(known, encoded, strict=True)]
        apart = [term for term in found if term.pieces >= _LEAST_PIECES]
        return sorted(apart, key=lambda term: (-term.records * (term.pieces - 1), term.word))[:_MOST_TERMS]
