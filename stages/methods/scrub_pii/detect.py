"""Find personal data in texts: Presidio's recognizers, and names and places by a spaCy pipeline, in batches.

Presidio's `AnalyzerEngine` is left out on purpose: it runs a whole spaCy pipeline on one text at a time and collects
findings in sets, so that which of two equal findings survives changes from run to run. Here the pipeline is reduced to
what named entities need, texts go through it 64 at a time, and all findings are given; `pii_resolve` judges overlaps.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from stages.core.errors import DataError, Fault, UsageError
from stages.core.params import ScrubPiiParams

NER, PATTERN, VALIDATED = 0, 1, 2
"""How much a finding's type can be trusted: a statistical model, a pattern, a pattern with its checksum or suffix."""

NER_ENTITIES = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME"})
"""What only a spaCy pipeline finds (a date also has patterns)."""
_NER_SCORE = 0.85  # spaCy gives no confidence; this is Presidio's stand-in
_PLACES = {"FAC": "LOCATION"}  # streets, buildings, airports: Presidio has no name for OntoNotes' label
_WITHOUT_POSSESSIVE = re.compile(r"\s*(.*?)(?:['’]s)?\s*", re.DOTALL)
_BATCH = 64
_PIECE = 20_000  # characters; spaCy refuses more than 1,000,000 and takes about 1 GB of memory for 100,000


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Personal data at `text[start:end]`; score 0..1, `strength` one of NER, PATTERN, VALIDATED."""

    start: int
    end: int
    entity: str
    score: float
    recognizer: str
    strength: int


def make_detector(params: ScrubPiiParams, faults: Sequence[Fault] = ()) -> Detector:
    """The detector for these params, built once a process.

    Raises UsageError with all that is wrong with them, beside the faults that were found elsewhere.
    """
    chosen = (tuple(sorted(params.entities)), params.ner, params.language, tuple(params.regions))
    detector, own = _build(*chosen, params.min_score)
    if detector is None or faults:
        raise UsageError(*own, *faults)
    return detector


@lru_cache(maxsize=4)
def _build(
    entities: tuple[str, ...], ner: str, language: str, regions: tuple[str, ...], min_score: float
) -> tuple[Detector | None, list[Fault]]:
    from stages.methods.scrub_pii.recognizers import all_recognizers, unknown_regions

    _silence()
    recognizers = all_recognizers(language, regions)
    known = NER_ENTITIES.union(*(recognizer.supported_entities for recognizer in recognizers))
    faults = []
    if unknown := [entity for entity in entities if entity not in known]:
        step = f"known entities: {', '.join(sorted(known))}"
        faults.append(Fault("scrub_pii.entities", f"unknown: {', '.join(unknown)}", step))
    if missing := unknown_regions(regions):
        step = "use ISO 3166 codes of two capital letters; the United Kingdom is GB"
        faults.append(Fault("scrub_pii.regions", f"no phone formats for {', '.join(missing)}", step))
    nlp, labels = _pipeline(ner, language, NER_ENTITIES.intersection(entities), faults)
    chosen = [one for one in recognizers if set(one.supported_entities) & set(entities)]
    return (None if faults else Detector(nlp, language, labels, chosen, min_score)), faults


def _pipeline(ner: str, language: str, wanted: frozenset[str], faults: list[Fault]) -> tuple[Any, dict[str, str]]:
    """The spaCy pipeline with only what its entities need, and the wanted of its labels with Presidio's names for them.

    Without a wanted label a tokenizer is enough: context words still count for the patterns.
    """
    import spacy
    from presidio_analyzer.nlp_engine.ner_model_configuration import MODEL_TO_PRESIDIO_ENTITY_MAPPING

    if not wanted:
        return spacy.blank(language), {}
    try:
        nlp = spacy.load(ner)
    except OSError:
        step = "install that pipeline, or name one that is installed, or the folder of one"
        faults.append(Fault("scrub_pii.ner", f"there is no spaCy pipeline {ner!r}", step))
        return None, {}
    found = nlp.get_pipe("ner").labels if nlp.has_pipe("ner") else ()
    names = {**MODEL_TO_PRESIDIO_ENTITY_MAPPING, **_PLACES}
    labels = {label: names[label] for label in found if names.get(label) in wanted}
    if missing := sorted(wanted - set(labels.values()) - {"DATE_TIME"}):
        step = "take another pipeline, or take these out of scrub_pii.entities"
        faults.append(Fault("scrub_pii.ner", f"{ner!r} does not find {', '.join(missing)}", step))
        return None, {}
    needed = [n for n, pipe in nlp.pipeline if n == "ner" or "ner" in getattr(pipe, "listening_components", ())]
    nlp.select_pipes(enable=needed)
    return nlp, labels


class Detector:
    """Finds the chosen entities in texts; made by `make_detector`."""

    def __init__(
        self, nlp: Any, language: str, labels: dict[str, str], recognizers: Sequence[Any], min_score: float
    ) -> None:
        from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
        from presidio_analyzer.nlp_engine import SpacyNlpEngine

        self._nlp, self._language, self._labels = nlp, language, labels
        self._recognizers, self._min_score = recognizers, min_score
        self._enhancer = LemmaContextAwareEnhancer(context_matching_mode="whole_word")  # "cell" is in "cancelled"
        self._engine = SpacyNlpEngine()
        self._engine.nlp = {language: nlp}  # it answers for stop words only, and never loads a model of its own

    def find(self, texts: Sequence[str]) -> list[list[Finding]]:
        """The findings in each text, overlaps included, sorted; offsets count from the text's start."""
        found: list[list[Finding]] = [[] for _ in texts]
        places = [(index, offset) for index, text in enumerate(texts) for offset, _ in pieces(text)]
        parts = [part for text in texts for _, part in pieces(text)]
        with self._nlp.memory_zone():  # words of the data do not stay in the process's vocabulary
            docs = self._nlp.pipe(parts, batch_size=_BATCH)
            for (index, offset), part, doc in zip(places, parts, docs, strict=True):
                found[index] += [
                    replace(one, start=one.start + offset, end=one.end + offset)
                    for one in (*self._entities(doc), *self._patterns(part, doc))
                    if one.score >= self._min_score
                ]
        return [sorted(some) for some in found]

    def _entities(self, doc: Any) -> Iterator[Finding]:
        for ent in doc.ents:
            name, value = self._labels.get(ent.label_), _WITHOUT_POSSESSIVE.fullmatch(ent.text)
            assert value is not None
            if name and any(map(str.isalnum if name == "DATE_TIME" else str.isalpha, value[1])):
                start, end = (ent.start_char + at for at in value.span(1))
                yield Finding(start, end, name, _NER_SCORE, "SpacyRecognizer", NER)

    def _patterns(self, text: str, doc: Any) -> Iterator[Finding]:
        from presidio_analyzer.nlp_engine import NlpArtifacts

        results = [
            result
            for recognizer in self._recognizers
            for result in recognizer.analyze(text, recognizer.supported_entities, None)
        ]
        if not results:
            return
        words = [token.lower_ for token in doc]  # stand in for lemmas, whose components are most of a pipeline's cost
        artifacts = NlpArtifacts([], doc, [token.idx for token in doc], words, self._engine, self._language)
        for result in self._enhancer.enhance_using_context(text, results, artifacts, self._recognizers):
            validated = result.analysis_explanation.validation_result is True
            name = result.recognition_metadata["recognizer_name"]
            strength = VALIDATED if validated else PATTERN
            yield Finding(result.start, result.end, result.entity_type, float(result.score), name, strength)


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


class _Discreet(logging.Filter):
    """Lets no message out, for it may hold text; a pattern that ran out of time must not pass for a clean text."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], TimeoutError):
            step = "lower ingest.max_chars, or look at what is unusual about the longest texts"
            raise DataError(Fault("scrub_pii", "a recognizer ran out of time on a text", step))
        return False


_DISCREET = _Discreet()


def _silence() -> None:
    for name in ("presidio-analyzer", "decision_process"):
        logging.getLogger(name).addFilter(_DISCREET)  # the same filter again changes nothing
