"""Names by a GLiNER model, which is asked for entities in words (extra `[gliner]`).

Only folders and repositories that hold all of a model are taken, with weights as safetensors: `gliner` itself would
unpickle other weights, fetch what is missing, and run code that a configuration names.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.methods.finetune import models
from stages.methods.scrub_pii.detection import ner
from stages.methods.scrub_pii.detection.findings import NER, Finding
from stages.methods.threads import one_thread

_WORDS = {
    "PERSON": "person",
    "LOCATION": "location",
    "ORGANIZATION": "organization",
    "NRP": "nationality, religion or political group",
    "DATE_TIME": "date",
    "TITLE": "title",
    "AGE": "age",
    "STREET_ADDRESS": "street address",
    "POSTAL_CODE": "postal code",
    "EMAIL_ADDRESS": "email address",
    "PHONE_NUMBER": "phone number",
    "SOCIAL_HANDLE": "username",
    "ID_NUMBER": "identification number",
}
"""Our entities as such models are asked for them: common words, in small letters."""
_THRESHOLD = 0.5  # the library's default
_OVERLAP = 32  # tokens
_FILES = ("gliner_config.json", "model.safetensors", "tokenizer_config.json")


class GlinerNames:
    """The wanted entities that a GLiNER model finds; the score is its own.

    Raises UsageError when the extra is not installed, or for a model that is missing, incomplete or not safe to load.
    """

    def __init__(self, name: str, wanted: frozenset[str]) -> None:
        if importlib.util.find_spec("gliner") is None:
            step = "install it: `pip install rowtrail[gliner]`"
            raise UsageError(
                Fault(ner.PLACE, f"{ner.GLINER}{name} needs the package gliner, which is not installed", step)
            )
        self._asked = {words: entity for entity, words in _WORDS.items() if entity in wanted}
        if not self._asked:
            step = f"it can be asked for {', '.join(_WORDS)}"
            raise UsageError(
                Fault(ner.PLACE, f"{ner.GLINER}{name} cannot be asked for {', '.join(sorted(wanted))}", step)
            )
        self._name, self._folder = name, _folder(name)
        _check(name, self._folder)

    @cached_property
    def identity(self) -> str:
        """The hashes of the model's files, the libraries' versions, and what is asked."""
        versions = [importlib.metadata.version(library) for library in ("gliner", "transformers", "torch")]
        return ner.digest_of(ner.file_hashes(self._folder), versions, self._asked, _THRESHOLD, _OVERLAP)

    @cached_property
    def _model(self) -> Any:
        from gliner import GLiNER

        models.quiet()
        try:
            return GLiNER.from_pretrained(str(self._folder), local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            step = "save it again with the installed version of gliner"
            problem = f"{ner.GLINER}{self._name} cannot be loaded ({type(error).__name__})"
            raise UsageError(Fault(ner.PLACE, problem, step)) from None

    @cached_property
    def _tokenizer(self) -> Any:
        return self._model.data_processor.transformer_tokenizer

    @cached_property
    def _size(self) -> int:
        """Tokens in a window: half of what the model takes beside the question, for it counts signs twice."""
        config = self._model.config
        question = len(self._tokenizer(" ".join(self._asked))["input_ids"]) + 2 * len(self._asked)
        limit = models.position_limit(config.encoder_config) or 512
        return max(min(int(config.max_len), limit - question) // 2, 8)

    def find(self, texts: Sequence[str]) -> Iterator[list[Finding]]:
        """The findings in each text, in order; one window at a time, so that a text's company cannot matter."""
        for text in texts:
            yield [one for part in self._windows(ner.whole_characters(text)) for one in self._find(*part)]

    def _windows(self, text: str) -> Iterator[tuple[str, int, range]]:
        """What the model is to read at once, where that starts in the text, and the places it answers for."""
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ends = [end for _, end in encoded["offset_mapping"]]
        bounds = [0, *ends[:-1], len(text)]
        for start, end, own_start, own_end in ner.windows(len(ends), self._size, min(_OVERLAP, self._size // 2)):
            yield text[bounds[start] : bounds[end]], bounds[start], range(bounds[own_start], bounds[own_end])

    def _find(self, text: str, offset: int, own: range) -> Iterator[Finding]:
        """What begins in the places it answers for; overlaps of two windows are judged with all others."""
        with one_thread():
            found = self._model.predict_entities(text, list(self._asked), threshold=_THRESHOLD)
        for one in found:
            start, end = one["start"] + offset, one["end"] + offset
            if start in own:
                yield Finding(
                    start, end, self._asked[one["label"]], round(float(one["score"]), 2), "GlinerRecognizer", NER
                )


def _folder(name: str) -> Path:
    """The model's folder; for a hub name what is fetched of it. Raises UsageError when there is none."""
    if not ner.is_hub_name(name):
        return Path(name).expanduser()
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"]))
    except (OSError, ValueError):
        problem = f"{ner.GLINER}{name}: not in the local cache, and not found on the hub"
        raise UsageError(Fault(ner.PLACE, problem, "check the name; without a network give a folder")) from None


def _check(name: str, folder: Path) -> None:
    """Raises UsageError for a model that `gliner` would complete from elsewhere, unpickle, or run code of."""
    missing = [file for file in _FILES if not (folder / file).is_file()]
    config = {} if missing else json.loads((folder / "gliner_config.json").read_text(encoding="utf-8"))
    parts = ["encoder_config", *(["labels_encoder_config"] if config.get("labels_encoder") else [])]
    missing = missing or [part for part in parts if not isinstance(config.get(part), dict)]
    if missing:
        step = "save it whole: `GLiNER.from_pretrained(NAME).save_pretrained(FOLDER, safe_serialization=True)`"
        raise UsageError(Fault(ner.PLACE, f"{ner.GLINER}{name} has no {', '.join(missing)}", step))
    if config.get("labels_decoder") or _names_code(config):
        step = "take one of an architecture that transformers knows"
        raise UsageError(
            Fault(ner.PLACE, f"{ner.GLINER}{name} needs code of its own, or writes its labels itself", step)
        )


def _names_code(config: Any) -> bool:
    """Whether a configuration names code to run (`auto_map`), at any depth."""
    if isinstance(config, dict):
        return "auto_map" in config or any(map(_names_code, config.values()))
    return isinstance(config, list) and any(map(_names_code, config))
