"""What makers of surrogates have in common: keyed choices, and writing the new value as the old one was written."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stages.methods.scrub_pii.replacement.date_words import plain

_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnprstvwz"


@dataclass(frozen=True, slots=True)
class Draws:
    """Keyed choices for one value: `number` gives the same 64 bits for the same name, `value` is the value's name."""

    number: Callable[[str], int]
    value: str
    language: str

    def random(self) -> random.Random:
        """A source of choices that belong to this value as a whole."""
        return random.Random(self.number(self.value))

    def pick(self, name: str, choices: Sequence[str], but: str = "") -> str:
        """The choice that belongs to a name wherever it stands; never one that is `but`, whatever its case."""
        at = self.number(name)
        chosen = choices[at % len(choices)]
        return choices[(at + 1) % len(choices)] if plain(chosen) == plain(but) else chosen

    def swap(self, name: str, choices: Sequence[str], among: Sequence[str], old: str) -> str:
        """The choice that belongs to `old`: other words `among` which it is get other choices, while there are enough.

        A word that is not among them gets any. `name` names the pair of lists.
        """
        at = _places(tuple(among)).get(plain(old))
        if at is None:
            return self.pick(f"{name}|{old}", choices, old)
        shuffled = _shuffled(tuple(choices), self.number(f"order|{name}"))
        new = shuffled[at % len(shuffled)]
        return shuffled[(at + 1) % len(shuffled)] if plain(new) == plain(old) else new


@lru_cache(maxsize=256)
def _places(words: tuple[str, ...]) -> dict[str, int]:
    return {plain(word): at for at, word in enumerate(words)}


@lru_cache(maxsize=1024)
def _shuffled(words: tuple[str, ...], seed: int) -> list[str]:
    return random.Random(seed).sample(words, len(words))


def cased(old: str, new: str) -> str:
    """In capitals or small letters where the old text is."""
    if old.isupper() and sum(map(str.isalpha, old)) > 1:
        return new.upper()
    return new.lower() if old.islower() else new


def laid_out(value: str, signs: str) -> str:
    """The signs in place of the letters and digits of the value, whose spaces and dashes stay."""
    rest = iter(signs)
    return "".join(next(rest) if sign.isalnum() else sign for sign in value)


def like(value: str, chance: random.Random) -> str:
    """Another letter for each letter, a digit for each digit; case and all other signs stay.

    A number keeps its leading zeros, and gets no new ones. Letters of other alphabets become Latin ones.
    """
    made, before = "", ""
    for sign in value:
        if sign.isdecimal():
            leading = not before.isdecimal()
            made += "0" if sign == "0" and leading else str(chance.randrange(1 if leading else 0, 10))
        elif sign.isalpha():
            letter = chance.choice("abcdefghijklmnopqrstuvwxyz")
            made += letter if sign.islower() else letter.upper()
        else:
            made += sign
        before = sign
    return made


def sounding_like(word: str, chance: random.Random) -> str:
    """A vowel for each vowel and a consonant for each consonant, never the same one; case stays."""
    made = ""
    for sign in word:
        letters = _VOWELS if plain(sign) in _VOWELS else _CONSONANTS
        new = chance.choice([one for one in letters if one != plain(sign)])
        made += new if sign.islower() else new.upper()
    return made


def ascii_only(text: str) -> str:
    """Without accents and other signs that an address cannot hold."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
