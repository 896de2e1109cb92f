"""Findings that are kept from run to run: only texts that are new, or found by something else than now, are looked at.

What is kept holds no text: offsets, entities, scores and recognizers, under keyed hashes of the texts.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from functools import lru_cache
from pathlib import Path

from stages.core.cache import Cache
from stages.core.keys import Keys
from stages.core.params import ScrubPiiParams
from stages.methods.scrub_pii.detection.detect import NER_ENTITIES, make_detector, settings
from stages.methods.scrub_pii.detection.findings import Finding
from stages.methods.scrub_pii.detection.ner import digest_of, file_hashes, folder_of, load_ner

_LIBRARIES = (
    "presidio-analyzer", "regex", "phonenumbers", "tldextract", "spacy", "thinc", "numpy", "torch", "transformers",
    "tokenizers", "gliner", "Faker", "pyspellchecker",
)  # fmt: skip


def find_cached(
    texts: Sequence[str],
    languages: Sequence[str | None] | None = None,
    *,
    params: ScrubPiiParams,
    keys: Keys,
    cache: Cache | None = None,
) -> list[list[Finding]]:
    """As `Detector.find`. The detector is built when the first text is new: until then nothing heavy is imported.

    Whatever changes findings makes another cache: the settings, the models' files, versions of libraries, the code
    here. So what comes from a cache is what would be found. Raises UsageError as `make_detector` does.
    """
    cache = cache or Cache(f"pii-{_kind(settings(params))}")
    spoken = [language or params.language for language in languages or [None] * len(texts)]
    names = [_name(text, language, keys) for text, language in zip(texts, spoken, strict=True)]
    found = _unpacked(cache.get(names))
    new = {name: place for place, name in enumerate(names) if name not in found}
    if new:
        fresh = make_detector(params).find([texts[place] for place in new.values()], [spoken[p] for p in new.values()])
        found.update(zip(new, fresh, strict=True))
        cache.put({name: _packed(found[name]) for name in new})
    return [found[name] for name in names]


def _name(text: str, language: str, keys: Keys) -> str:
    """A keyed hash: under the project's own key where there is one, for then not all of its sources are public."""
    source = "" if keys.secret is not None else min(keys.public, default="")
    return keys.hash("pii-cache", source, f"{language}|{text}")[:32]


def _packed(findings: Sequence[Finding]) -> bytes:
    return json.dumps([astuple(one) for one in findings], separators=(",", ":")).encode()


def _unpacked(values: Mapping[str, bytes]) -> dict[str, list[Finding]]:
    return {key: [Finding(*one) for one in json.loads(value)] for key, value in values.items()}


@lru_cache(maxsize=4)
def _kind(chosen: str) -> str:
    """What tells findings made here and now from others, besides their text and its language."""
    values = json.loads(chosen)
    wanted = frozenset(values["entities"])
    needed = sorted(values["ner"].items()) if wanted & NER_ENTITIES else []
    models = {language: _identity(place, language, wanted) for language, place in needed}
    code = hashlib.sha256(json.dumps(file_hashes(Path(__file__).parent), sort_keys=True).encode()).hexdigest()
    return digest_of(chosen, models, code, [_version(library) for library in _LIBRARIES], sys.version_info[:3])


def _identity(place: str, language: str, wanted: frozenset[str]) -> str:
    """The hashes of a model's files. Only one of the hub, or of GLiNER, has to be loaded for that."""
    if folder := folder_of(place, language):
        return digest_of(file_hashes(folder))
    return load_ner(place, language, wanted).identity


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
