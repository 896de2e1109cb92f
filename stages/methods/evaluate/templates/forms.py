"""How sentences about persons are put together, so that each stays grammatical whoever it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Forms: TypeAlias = Mapping[str, str]
"""What stands in each slot of a sentence: a noun phrase in its cases, and the pronouns that agree with it."""
Word: TypeAlias = str | Forms


@dataclass(frozen=True, slots=True)
class Kind:
    """Ways to name a person that differ in one attribute alone.

    Each group has two wordings, and the first wordings of all groups correspond, as do the second. So there are two
    kinds of swap: to the same wording of another group, and to the other wording of the same group. The second one is
    the control: it changes about as much of the sentence, and nothing of the identity.
    """

    attribute: str
    groups: Mapping[str, tuple[Forms, Forms]]


@dataclass(frozen=True, slots=True)
class Language:
    """Sentences with slots, and who can stand in them. A slot in capitals begins a sentence."""

    frames: tuple[str, ...]
    kinds: tuple[Kind, ...]


def kind(
    attribute: str,
    phrases: Forms,
    words: Mapping[str, Word | tuple[Word, Word]],
    pronouns: Mapping[str, Forms],
    others: tuple[str, str] = ("", ""),
    gender: str = "female",
) -> Kind:
    """A kind from `phrases`, which say where in each slot the group's word (`{it}`) and the neutral one (`{other}`) go.

    A word may differ from slot to slot; a group with a pair of words has one for each wording. `gender` decides on the
    pronouns, unless the groups are genders themselves.
    """
    groups = {}
    for group, word in words.items():
        pair = word if isinstance(word, tuple) else (word, word)
        agreeing = pronouns[group if group in pronouns else gender]
        first, second = (
            {
                **agreeing,
                **{slot: phrase.format(it=own if isinstance(own, str) else own[slot], other=other)
                   for slot, phrase in phrases.items()},
            }
            for own, other in zip(pair, others, strict=True)
        )  # fmt: skip
        groups[group] = (first, second)
    return Kind(attribute, groups)


def filled(frame: str, forms: Forms) -> str:
    """The sentence about this person."""
    begins = {slot.capitalize(): form[:1].upper() + form[1:] for slot, form in forms.items()}
    return frame.format_map({**forms, **begins})
