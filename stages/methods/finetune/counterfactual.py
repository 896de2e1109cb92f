"""Synthetic training records about other persons: identity words exchanged, and nothing else (Lu et al. 2018).

A model that sees the same text with the same answer whoever it is about has no reason to go by who it is about.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator, Mapping

from stages.core.records import Record
from stages.core.spans import SpanCut, TextEdit
from stages.methods.finetune.augmenting import copy_of
from stages.methods.finetune.identity_words import LEXICONS, Lexicon, Place, Role

_WORD = re.compile(r"[^\W\d_]+")
_ARTICLE = re.compile(r"\b(an?)\s+$", re.IGNORECASE)
_DETERMINER = re.compile(r"\b(?:an?|the|this|that|every|another|no)\s+$", re.IGNORECASE)
_NEXT = re.compile(r"\s+([^\W\d_]+)")
_NO_NOUN = frozenset(
    re.findall(
        r"\w+",
        """
        a about after again all also although always an and another any are around as ask asked asks at away back be
        because been before but by can could did do does down during every for from had has have he her here him how i
        if in instead into is it just later less like me my never no not nothing now of off often on once or our out
        over please she since so some soon still than that the their them then there they this though to today
        together tomorrow tonight too twice under until up us very via was we were what when where whether which while
        who why will with without would yesterday yet you your
        """,
    )
)
"""Words that do not begin a noun phrase behind a possessive: after these, `her` is `him` and not `his`."""


def swapped(parent: Record, paths: Collection[str], number: int, seed: int) -> Record | None:
    """A copy in which the identity words of some texts name other groups; None where there are none to exchange.

    All words of an attribute move on by the same number of groups, so that a text stays consistent in itself: drawn
    from (seed, id) for the first copy, one further for each copy after it, until all groups have had their turn. By the
    record's language; one that is not known is taken for English. A name keeps its gender or changes it as the
    pronouns do. Labelled spans move along; None where a word lies across the edge of one.
    """
    lexicon = LEXICONS.get(parent.language or "en")
    if lexicon is None:
        return None
    steps = {attribute: _step(size, number, seed, parent.id, attribute) for attribute, size in lexicon.sizes.items()}
    texts = parent.texts()
    edits = {path: list(_edits(texts[path], lexicon, steps)) for path in paths}
    if not any(edits.values()):
        return None
    try:
        return copy_of(parent, number, parent.with_edits(edits))
    except SpanCut:
        return None


def _step(size: int, number: int, seed: int, id: str, attribute: str) -> int:
    """By how many groups words move in this copy; 0 when earlier copies have been through all other groups."""
    if number >= size:
        return 0
    first = random.Random(f"{seed}:counterfactual:{attribute}:{id}").randrange(size - 1)
    return 1 + (first + number - 1) % (size - 1)


def _edits(text: str, lexicon: Lexicon, steps: Mapping[str, int]) -> Iterator[TextEdit]:
    """Each identity word's replacement, and that of `a` or `an` before it."""
    for match in _WORD.finditer(text):
        new = _other_name(match[0], lexicon, steps) or _other_word(match, lexicon, steps)
        if new is None:
            continue
        article = _ARTICLE.search(text, max(0, match.start() - 8), match.start()) if lexicon.folds else None
        if article and (wanted := _cased("an" if new[0].lower() in "aeiou" else "a", article[1])) != article[1]:
            yield TextEdit(article.start(1), article.end(1), wanted)
        yield TextEdit(match.start(), match.end(), new)


def _other_name(word: str, lexicon: Lexicon, steps: Mapping[str, int]) -> str | None:
    found = lexicon.named.get(word)
    if found is None:
        return None
    gender, place, origin = found
    row = lexicon.names[(gender + steps.get("gender", 0)) % 2][place]
    new = row[(origin + steps["name"]) % len(row)]
    return new if new != word else None


def _other_word(match: re.Match[str], lexicon: Lexicon, steps: Mapping[str, int]) -> str | None:
    found = _place(match, lexicon)
    if found is None or not steps[found.attribute]:
        return None
    return _cased(found.row[(found.group + steps[found.attribute]) % len(found.row)], match[0])


def _place(match: re.Match[str], lexicon: Lexicon) -> Place | None:
    word = match[0].lower() if lexicon.folds else match[0]
    return lexicon.places.get((_role(match), word)) or lexicon.places.get(("any", word))


def _role(match: re.Match[str]) -> Role:
    """Whether a noun seems to follow (`her car`), or the word is one itself (`a Muslim`). English; a guess."""
    after = _NEXT.match(match.string, match.end())
    if after and after[1].lower() not in _NO_NOUN:
        return "modifier"
    before = _DETERMINER.search(match.string, max(0, match.start() - 10), match.start())
    return "noun" if before else "any"


def _cased(new: str, old: str) -> str:
    """The new word in the case of the old one."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new.lower() if old.islower() else new[:1].upper() + new[1:]
