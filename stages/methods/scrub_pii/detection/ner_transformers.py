"""Names by a transformers token classifier: any that `AutoModelForTokenClassification` loads, with a fast tokenizer.

Windows go through the model one at a time, unpadded, on one thread: what is found in a text cannot depend then on what
it is processed with. From some hundred tokens on that costs nothing on a processor; single sentences in batches would
be up to 1.7 times as fast, less what their padding costs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.core.errors import Fault, UsageError
from stages.methods.finetune import models
from stages.methods.scrub_pii.detection import ner
from stages.methods.scrub_pii.detection.findings import NER, Finding
from stages.methods.threads import one_thread

Shares: TypeAlias = NDArray[np.float32]
Token: TypeAlias = tuple[int, int, int]
"""Start and end in the text, and which token it is."""
_MOST, _OVERLAP = 512, 96  # tokens; attention costs their square, and few models learned names in longer texts
# Thai, Lao, Burmese, Khmer, Kana, Han: written without spaces between words, so each token there stands for itself
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_GLUE = re.compile("[-'’‐‑.]")  # within names: Smith-Jones, O'Neil, J.R.
_ABBREVIATION = re.compile(r"(?<!\w)[^\W\d_]{1,3}\.")  # Mr. and Inc., but not the full stop after a name
_TRIMMED = re.compile(r"[\s\"“”„'‘’,.;:!?|*_]*(.*?)(?:['’]s)?[\s\"“”„'‘’,.;:!?|*_]*", re.DOTALL)


@dataclass(slots=True)
class _Word:
    start: int
    end: int
    entity: str | None
    label: str
    begins: bool
    share: float


class TransformerNames:
    """The wanted entities that a token classifier finds.

    A word gets what its first token gets, as models are trained; the score is the mean probability over its words.
    Raises UsageError for what cannot be loaded, is no token classifier, or finds none of the wanted.
    """

    def __init__(self, source: str, place: str, wanted: frozenset[str]) -> None:
        self._source, self._place, self._wanted = source, place, wanted
        config = models.load_config(source)
        names = [*(config.architectures or ())]
        if names and not any(name.endswith("ForTokenClassification") for name in names):
            step = "name a token classifier; a model without that trained head would label at random"
            raise UsageError(Fault(ner.PLACE, f"{place!r} is no token classifier, but {names[0]}", step))
        if Path(source).is_dir() and not [*Path(source).glob("*.safetensors")]:
            step = "save it again by `save_pretrained`; other formats can run code when they are loaded"
            raise UsageError(Fault(ner.PLACE, f"{place!r} has no weights as safetensors", step))
        self._config, self._tokenizer = config, models.load_tokenizer(source)
        if not self._tokenizer.is_fast:
            raise UsageError(Fault(ner.PLACE, f"{place!r} has no fast tokenizer", "name a model with a tokenizer.json"))
        self._labels = [str(config.id2label[i]) for i in range(len(config.id2label))]
        ner.require_wanted(place, self._labels, wanted)
        kinds = [ner.entity_of(label) or label for label in self._labels]
        self._kinds = [*dict.fromkeys(kinds)]  # our entities, and each label that stands for none of them
        self._belongs = np.array([[one == kind for kind in self._kinds] for one in kinds], dtype=np.float32)

    @cached_property
    def identity(self) -> str:
        """The hashes of the model's files, the libraries' versions, and the size of windows."""
        import torch
        import transformers

        versions = [transformers.__version__, torch.__version__]
        return ner.digest_of(models.identity(self._source), versions, _MOST, _OVERLAP, sorted(self._wanted))

    @cached_property
    def _model(self) -> Any:
        from safetensors import SafetensorError
        from transformers import AutoModelForTokenClassification

        try:
            return models.load_model(AutoModelForTokenClassification, self._source, self._config).eval()
        except (UsageError, SafetensorError, RuntimeError):
            step = "check its model.safetensors: it must be whole, and fit its config.json"
            raise UsageError(Fault(ner.PLACE, f"{self._place!r}: its weights cannot be loaded", step)) from None

    @cached_property
    def _frame(self) -> tuple[list[int], list[int]]:
        """The tokens that the tokenizer puts before and after a text."""
        encoded = self._tokenizer("a", return_special_tokens_mask=True)
        ids, mask = encoded["input_ids"], encoded["special_tokens_mask"]
        first, last = mask.index(0), len(mask) - mask[::-1].index(0)
        return ids[:first], ids[last:]

    def find(self, texts: Sequence[str]) -> Iterator[list[Finding]]:
        """The findings in each text, in order."""
        for text in texts:
            yield self._find(ner.whole_characters(text))

    def _find(self, text: str) -> list[Finding]:
        encoded = self._tokenizer(
            text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True, verbose=False
        )
        tokens = [(*_without_space(text, *span), i) for i, span in enumerate(encoded["offset_mapping"])]
        tokens = [token for token in tokens if token[0] < token[1]]
        if not tokens:
            return []
        shares = self._shares(encoded["input_ids"])
        words = [self._word(word, shares[word[0][2]]) for word in _words(text, tokens, encoded.word_ids())]
        _close_gaps(text, words)
        return [one for name in _names(text, words) for one in self._finding(text, name)]

    def _shares(self, ids: Sequence[int]) -> Shares:
        """The probability of each label for each token, from the window that owns it."""
        import torch

        parts = []
        (before, after), limit = self._frame, models.position_limit(self._config)
        size = min(limit or _MOST, self._tokenizer.model_max_length, _MOST) - len(before) - len(after)
        for start, end, own_start, own_end in ner.windows(len(ids), size, min(_OVERLAP, size // 2)):
            input_ids = torch.tensor([[*before, *ids[start:end], *after]])
            with torch.inference_mode(), one_thread():
                logits = self._model(input_ids=input_ids, attention_mask=torch.ones_like(input_ids)).logits[0]
                shares = torch.softmax(logits.float(), dim=-1).numpy()
            parts.append(shares[len(before) + own_start - start :][: own_end - own_start])
        return np.concatenate(parts)

    def _word(self, tokens: Sequence[Token], shares: Shares) -> _Word:
        """Labels of the same entity add up: `B-PER` and `I-PER`, given name and surname."""
        by_kind = shares @ self._belongs
        best = int(by_kind.argmax())
        likeliest = self._labels[int((shares * self._belongs[:, best]).argmax())]
        entity, (place, label) = ner.entity_of(likeliest), ner.scheme_of(likeliest)
        return _Word(tokens[0][0], tokens[-1][1], entity, label, place in ("B", "S", "U"), float(by_kind[best]))

    def _finding(self, text: str, name: Sequence[_Word]) -> Iterator[Finding]:
        match = _TRIMMED.fullmatch(text, name[0].start, name[-1].end)
        assert match is not None
        entity = name[0].entity
        if entity in self._wanted and any(map(str.isalnum, match[1])):
            score = round(fmean(word.share for word in name), 2)
            start, end = match.span(1)
            end += any(one.end() == end + 1 for one in _ABBREVIATION.finditer(text, max(start, end - 3), name[-1].end))
            yield Finding(start, end, entity, score, "TransformersRecognizer", NER)


def _without_space(text: str, start: int, end: int) -> tuple[int, int]:
    """Some tokenizers count the space before a word to its first token."""
    inside = text[start:end]
    return start + len(inside) - len(inside.lstrip()), end - len(inside) + len(inside.rstrip())


def _words(text: str, tokens: Iterable[Token], word_ids: Sequence[int | None]) -> list[list[Token]]:
    """Tokens that make one word: letters and digits that follow each other without a gap."""
    words: list[list[Token]] = []
    for token in tokens:
        last = words[-1][-1] if words else None
        if last and (token[0] < last[1] or (word_ids[token[2]] == word_ids[last[2]] and _goes_on(text, last, token))):
            words[-1].append(token)
        else:
            words.append([token])
    return words


def _goes_on(text: str, last: Token, token: Token) -> bool:
    here = text[token[0]]
    return token[0] == last[1] and _is_letter(text[last[1] - 1]) and _is_letter(here) and not _UNSPACED.match(here)


def _is_letter(sign: str) -> bool:
    return sign.isalnum() or unicodedata.category(sign).startswith("M")  # accents that stand alone, vowel signs


def _close_gaps(text: str, words: Sequence[_Word]) -> None:
    """Hyphens and apostrophes within a name belong to it, whatever the model says of them."""
    for before, sign, after in zip(words, words[1:], words[2:], strict=False):
        glued = before.end == sign.start and sign.end == after.start and _GLUE.fullmatch(text, sign.start, sign.end)
        if glued and before.entity == after.entity and (before.entity or sign.entity):
            sign.entity, sign.label, sign.share, sign.begins = before.entity, before.label, before.share, False
            after.begins = False


def _names(text: str, words: Iterable[_Word]) -> list[list[_Word]]:
    """Words that make one name. A new one begins where a label says so, and on a new line but for addresses.

    Given name and surname, which some models label apart, are one person.
    """
    names: list[list[_Word]] = []
    last: _Word | None = None
    for word in words:
        starts = last is None or word.entity != last.entity or (word.begins and word.label == last.label)
        line = last is not None and word.entity != "STREET_ADDRESS" and "\n" in text[last.end : word.start]
        if word.entity and (starts or line):
            names.append([word])
        elif word.entity:
            names[-1].append(word)
        last = word
    return names
