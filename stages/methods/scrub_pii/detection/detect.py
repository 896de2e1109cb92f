"""Find personal data in texts: names by a model for the text's language, all else by patterns.

Presidio's `AnalyzerEngine` is left out on purpose: it runs a whole spaCy pipeline on one text at a time and collects
findings in sets, so that which of two equal findings survives changes from run to run. Here only what named entities
need is run, on many texts at a time, and all findings are given; `resolve` judges overlaps.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from stages.core.errors import Fault, RowtrailError, UsageError
from stages.core.params import ScrubPiiParams
from stages.methods.scrub_pii.detection import casing, names
from stages.methods.scrub_pii.detection.findings import Finding

NER_ENTITIES = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME"})
"""What a model for names finds (a date also has patterns)."""
_WITHOUT_POSSESSIVE = re.compile(r"\s*(.*?)(?:['’]s)?\s*", re.DOTALL)
_PIECE = 20_000  # characters; spaCy refuses more than 1,000,000 and takes about 1 GB of memory for 100,000
_MATTERS = {"min_score", "ner", "language", "regions", "patterns", "deny"}  # and the names of the entities


def make_detector(params: ScrubPiiParams, faults: Sequence[Fault] = ()) -> Detector:
    """The detector for these params, built once a process.

    Raises UsageError with all that is wrong with them, beside the faults that were found elsewhere.
    """
    detector, own = _build(settings(params))
    if own or faults:
        raise UsageError(*own, *faults)
    return detector


def settings(params: ScrubPiiParams) -> str:
    """The params that findings depend on, as JSON."""
    chosen = params.model_dump(mode="json", include=_MATTERS)
    return json.dumps(chosen | {"entities": sorted(params.entities)}, sort_keys=True)


@lru_cache(maxsize=4)
def _build(chosen: str) -> tuple[Detector, tuple[Fault, ...]]:
    values = json.loads(chosen)
    params = ScrubPiiParams(**values | {"entities": dict.fromkeys(values["entities"], "tag")})
    detector = Detector(params)
    return detector, tuple(detector.faults())


@dataclass(frozen=True, slots=True)
class _Tools:
    """What finds personal data in one language: the model for names, if there is one, and the patterns."""

    names: Any
    patterns: Any


class Detector:
    """Finds the chosen entities in texts; made by `make_detector`.

    `recognizers` and `refine` are for comparing it with others: which recognizers to run instead of all that are known
    (given a language), and whether a model's names are refined.
    """

    def __init__(
        self,
        params: ScrubPiiParams,
        recognizers: Callable[[str], Iterable[Any]] | None = None,
        refine: bool = True,
    ) -> None:
        self._params, self._wanted = params, frozenset(params.entities)
        self._recognizers, self._refine = lru_cache(maxsize=None)(recognizers or self._all_recognizers), refine
        self._tools: dict[str, _Tools] = {}
        _import_presidio()

    def find(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[list[Finding]]:
        """The findings in each text, overlaps included, sorted; offsets count from the text's start.

        `languages` are ISO 639-1 codes; where there is none, it is the params' `language`. Raises UsageError when the
        model of a text's language cannot be loaded.
        """
        found: list[list[Finding]] = [[] for _ in texts]
        places: dict[str, dict[str, list[int]]] = {}  # by language and text: equal texts are looked at once
        for index, text in enumerate(texts):
            language = (languages[index] if languages else None) or self._params.language
            if text.strip():
                places.setdefault(language, {}).setdefault(text, []).append(index)
        for language, indices in places.items():
            for some, findings in zip(indices.values(), self._find([*indices], language), strict=True):
                for index in some:
                    found[index] = list(findings)
        return found

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the params; the patterns of another language are made when its first text comes."""
        from stages.methods.scrub_pii.detection.recognizers import unknown_regions

        language = self._params.language
        supported = (one.supported_entities for one in self._recognizers(language))
        known = NER_ENTITIES.union(*supported, self._params.deny, (one.entity for one in self._params.patterns))
        if unknown := sorted(self._wanted - known):
            step = f"known entities: {', '.join(sorted(known))}"
            yield Fault("scrub_pii.entities", f"unknown: {', '.join(unknown)}", step)
        if missing := unknown_regions(self._params.regions):
            step = "use ISO 3166 codes of two capital letters; the United Kingdom is GB"
            yield Fault("scrub_pii.regions", f"no phone formats for {', '.join(missing)}", step)
        yield from self._faults_of_models()

    def _faults_of_models(self) -> Iterator[Fault]:
        """A model that is missing, or finds nothing that is wanted, for any language; the default one is loaded."""
        from stages.methods.scrub_pii.detection.ner import check_ner

        others = self._params.ner if NER_ENTITIES & self._wanted else {}
        for language in dict.fromkeys([self._params.language, *others]):
            try:
                if language == self._params.language:
                    self._of(language)
                else:
                    check_ner(others[language], language, self._wanted)
            except RowtrailError as error:
                yield from error.faults

    def _find(self, texts: Sequence[str], language: str) -> Iterator[list[Finding]]:
        """The findings in texts of one language."""
        tools = self._of(language)
        named = self._names(texts, tools.names, language)
        for text, some in zip(texts, named, strict=True):
            found = names.refined(text, _tidied(text, some), language) if self._refine else list(some)
            for offset, piece in pieces(text):
                found += _moved(tools.patterns.find(piece), offset)
            kept = {one for one in found if one.score >= self._params.min_score and one.entity in self._wanted}
            yield sorted(kept)

    def _names(self, texts: Sequence[str], model: Any, language: str) -> list[list[Finding]]:
        named: list[list[Finding]] = [[] for _ in texts]
        if model is not None:
            parts = [
                (index, offset, piece)
                for index, text in enumerate(texts)
                for offset, piece in pieces(casing.for_model(text, language) if self._refine else text)
            ]
            findings = model.find([piece for _, _, piece in parts])
            for (index, offset, _), some in zip(parts, findings, strict=True):
                named[index] += _moved(some, offset)
        return named

    def _of(self, language: str) -> _Tools:
        """The tools of a language, made when its first text comes."""
        if language not in self._tools:
            from stages.methods.scrub_pii.detection.patterns import PatternRunner

            chosen = [one for one in self._recognizers(language) if self._wanted.intersection(one.supported_entities)]
            self._tools[language] = _Tools(self._model(language), PatternRunner(chosen, language))
        return self._tools[language]

    def _model(self, language: str) -> Any:
        place = self._params.ner.get(language)
        if not place or not NER_ENTITIES & self._wanted:
            return None
        from stages.methods.scrub_pii.detection.ner import load_ner

        return load_ner(place, language, self._wanted)

    def _all_recognizers(self, language: str) -> list[Any]:
        from stages.methods.scrub_pii.detection.recognizers import all_recognizers

        params = self._params
        return all_recognizers(language, params.regions, params.patterns, params.deny)


def _moved(findings: Iterable[Finding], offset: int) -> Iterable[Finding]:
    return (
        findings if not offset else (replace(one, start=one.start + offset, end=one.end + offset) for one in findings)
    )


def _tidied(text: str, findings: Iterable[Finding]) -> list[Finding]:
    """What a model found, without white space and a possessive at its ends; it must hold a letter, a date a digit."""
    tidied = []
    for one in findings:
        value = _WITHOUT_POSSESSIVE.fullmatch(text, one.start, one.end)
        assert value is not None
        if any(map(str.isalnum if one.entity == "DATE_TIME" else str.isalpha, value[1])):
            start, end = value.span(1)
            tidied.append(one if (start, end) == (one.start, one.end) else replace(one, start=start, end=end))
    return tidied


def pieces(text: str, size: int = _PIECE) -> Iterator[tuple[int, str]]:
    """A text in pieces of at most `size` characters, each with its offset; nothing for a text without a word.

    Cut at the last blank line, else line end, else space within the size; only where there is none, in mid-word.
    """
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            end = _cut(text, start, end)
        if text[start:end].strip():
            yield start, text[start:end]
        start = end


def _cut(text: str, start: int, end: int) -> int:
    for mark in ("\n\n", "\n", " "):
        if (at := text.rfind(mark, start + 1, end)) > start:
            return at + len(mark)
    return end


def _import_presidio() -> None:
    """Import Presidio and spaCy, and keep Presidio's log to itself.

    Both import torch and transformers where they are installed, for parts that are not used here; that is most of what
    importing them costs. spaCy pipelines need torch only together with a package that runs transformers in them.
    """
    plugins = ("spacy_transformers", "spacy_curated_transformers")
    hidden = ["transformers"] if any(map(importlib.util.find_spec, plugins)) else ["transformers", "torch"]
    hidden = [name for name in hidden if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's way to say that there is none
    try:
        import presidio_analyzer  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
    for name in ("presidio-analyzer", "decision_process"):
        logging.getLogger(name).addFilter(_DISCREET)  # the same filter again changes nothing


class _Discreet(logging.Filter):
    """Lets no message out, for it may hold text; a pattern that ran out of time must not pass for a clean text."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], TimeoutError):
            from stages.methods.scrub_pii.detection.patterns import too_slow

            raise too_slow()
        return False


_DISCREET = _Discreet()
