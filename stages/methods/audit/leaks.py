"""Look for personal data in what a model's users get to see beside its weights: label names, tokens, tables."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from stages.methods.scrub_pii.detection.findings import normalised
from stages.methods.scrub_pii.proof.check import CHECKED, survivors

_WORDS = 4  # in a value, at most: two names, a place, a number in groups
_LEAST = 4  # characters in a value; shorter ones are in any file by chance


def strings(name: str, text: str) -> list[str]:
    """The texts in a file: the string values of JSON, else its lines. Of a tokenizer only what was added to it.

    The vocabulary itself is the base model's: it was made before there was any of this data.
    """
    if not name.endswith(".json"):
        return text.splitlines()
    document = json.loads(text)
    if name.endswith("tokenizer.json"):
        document = document.get("added_tokens", [])
    return list(_values(document))


def _values(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, Mapping):
        for value in document.values():
            yield from _values(value)
    elif isinstance(document, list):
        for value in document:
            yield from _values(value)


def patterns(texts: Iterable[str]) -> dict[str, int]:
    """E-mail addresses, cards and IBANs that can be proven by their form, by entity."""
    found = Counter(dict.fromkeys(CHECKED, 0))
    for text in texts:
        found.update(survivors(text, CHECKED))
    return dict(found)


def known_values(
    texts: Iterable[str], scrubbed: Mapping[str, str], hashed: Callable[[str], Iterable[str]]
) -> dict[str, int]:
    """How many distinct scrubbed values stand in the texts, by entity; they are known by their keyed hashes only.

    `scrubbed` maps a hash to its entity, `hashed` gives the hashes of `ENTITY|value` under each key in use. Every run
    of one to four words is tried as a value of every entity, so names are found without a model that knows names.
    """
    entities = sorted(set(scrubbed.values()))
    candidates = {value for text in texts for value in _candidates(text)}
    hits = {
        (entity, hash)
        for value in candidates
        for entity in entities
        for hash in hashed(f"{entity}|{value}")
        if hash in scrubbed
    }
    return dict(sorted(Counter(entity for entity, _ in hits).items()))


def _candidates(text: str) -> Iterator[str]:
    """Runs of words as `scrub_pii` would have seen them: with their inner punctuation, without what is around them."""
    words = list(re.finditer(r"\S+", text))
    for first in range(len(words)):
        for last in range(first, min(first + _WORDS, len(words))):
            raw = text[words[first].start() : words[last].end()]
            for value in {raw, raw.strip(".,;:!?()[]{}<>'\""), *re.split(r"[,;]", raw)}:
                if len(value.strip()) >= _LEAST:
                    yield normalised(value)


def sentence(files: int, proven: Mapping[str, int], known: Mapping[str, int] | None) -> str:
    """What the search shows, and what it does not."""
    looked = f"{files} files beside the weights were searched (settings, labels, added tokens, tables)"
    found = sum(proven.values()) + sum((known or {}).values())
    result = f"{found} values found" if found else "nothing was found"
    hashes = "" if known is not None else " Scrubbed values were not looked for: the folder of scrub_pii was not given."
    return f"{looked}: {result}.{hashes} This says nothing of what the weights themselves hold."
