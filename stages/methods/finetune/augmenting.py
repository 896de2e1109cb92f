"""Synthetic training records: which records become parents, how many copies each gets, and small edits of their words.

Copies keep what is to be answered and change only what the model is given. Which records and which words are drawn from
(seed, id of the parent, number of the copy), so that a record more or less changes no other record's copies.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stages.core.records import Record
from stages.core.spans import SpanCut, TextEdit

_WORD = re.compile(r"\S+")
_MOST_COPIES = 20
_ATTEMPTS = 5


def copies(labels: Mapping[str, tuple[str, ...]], options: Mapping[str, Any], seed: int) -> dict[str, int]:
    """How many synthetic records each parent gets, by id; `labels` are those of all training records.

    `share` of the records become parents, by lot. With `balance` only records of rarer classes do, as many copies as
    bring their class to the size of the largest; a record of several classes goes by its rarest.
    """
    chosen = sorted(id for id in labels if _draw(seed, id).random() < options["share"])
    if not options["balance"]:
        return dict.fromkeys(chosen, int(options["copies"]))
    counts = Counter(label for own in labels.values() for label in own)
    largest = max(counts.values(), default=0)
    wanted = {}
    for id in chosen:
        missing = max((largest / counts[label] - 1 for label in labels[id]), default=0.0)
        # The fraction is drawn, so that a class at two thirds of the largest gets half a copy for each record.
        whole, rest = int(missing), missing % 1
        number = min(_MOST_COPIES, whole + (_draw(seed, f"{id}:balance").random() < rest))
        if number:
            wanted[id] = number
    return wanted


def copy_of(parent: Record, number: int, values: Record) -> Record:
    """A synthetic record: the values of one record under an id of its own, made from the parent's id."""
    id = hashlib.sha256(f"synthetic:{parent.id}:{number}".encode()).hexdigest()[: len(parent.id)]
    return replace(values, id=id, source=parent.source, source_row=f"synthetic:{parent.id}:{number}")


def edited(parent: Record, paths: Collection[str], number: int, strength: float, seed: int) -> Record | None:
    """A copy with a share of the words in some of its texts dropped, swapped with the next, or misspelled.

    The first two are random deletion and random swap of Wei and Zou (2019); their synonyms need a dictionary for each
    language, and misspellings are what domain text has of its own. Labelled spans are moved along, and edits that would
    cut one are drawn again; None where none is found, or the text is too short to change.
    """
    texts = parent.texts()
    for attempt in range(_ATTEMPTS):
        draw = _draw(seed, f"{parent.id}:{number}:{attempt}")
        edits = {path: list(_edits(texts[path], strength, draw)) for path in paths}
        try:
            changed = parent.with_edits(edits)
        except SpanCut:
            continue
        if changed.values != parent.values:
            return copy_of(parent, number, changed)
    return None


def _edits(text: str, strength: float, draw: random.Random) -> Iterator[TextEdit]:
    """Edits of about a share of the words, at least one, that do not touch one another."""
    words = list(_WORD.finditer(text))
    if len(words) < 2:
        return
    places = sorted(draw.sample(range(len(words) - 1), math.ceil(strength * (len(words) - 1))))
    last = -2
    for place in places:
        if place <= last + 1:
            continue
        last = place
        yield draw.choice((_dropped, _swapped, _misspelled))(words[place : place + 2], draw)


def _dropped(words: Sequence[re.Match[str]], _: random.Random) -> TextEdit:
    """The first word goes, with the space behind it."""
    return TextEdit(words[0].start(), words[1].start(), "")


def _swapped(words: Sequence[re.Match[str]], _: random.Random) -> TextEdit:
    """Two words change places."""
    one, other = words
    between = one.string[one.end() : other.start()]
    return TextEdit(one.start(), other.end(), f"{other[0]}{between}{one[0]}")


def _misspelled(words: Sequence[re.Match[str]], draw: random.Random) -> TextEdit:
    """Two neighbouring letters of the first word change places."""
    word = words[0][0]
    place = draw.randrange(max(1, len(word) - 1))
    typed = word[:place] + word[place : place + 2][::-1] + word[place + 2 :]
    return TextEdit(words[0].start(), words[0].end(), typed)


def _draw(seed: int, purpose: str) -> random.Random:
    return random.Random(f"{seed}:augment:{purpose}")
