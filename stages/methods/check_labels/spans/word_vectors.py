"""Vectors of the words of texts by a frozen encoder: the mean of a word's sub-words in the last layer, of length one.

Words are those that a tagger tags (see `alignment`). Each is read in the window of its text that shows most around it.
The same text gives the same bytes wherever it is embedded, for the reasons that `embeddings` gives: double precision,
batches of fixed shapes on one thread, four decimals.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.core.cache import Cache
from stages.core.doubts import Mapper
from stages.core.progress import track
from stages.methods.check_labels.embeddings import SCALE
from stages.methods.finetune import models
from stages.methods.finetune.alignment import Unit, Window, units, windows, words
from stages.methods.threads import one_thread

WordVectors: TypeAlias = NDArray[np.int16]
"""Shape (words, dimensions), times 10,000; zeros for a word of which the encoder sees nothing."""
_ROWS, _STEP = 16, 8
_AT_ONCE = 1024  # texts between two savings of the cache


@dataclass(frozen=True, slots=True)
class Reading:
    """A window to be read: its token ids, which of its words each token belongs to (-1: none), and whose words."""

    name: str
    ids: NDArray[np.int32]
    owners: NDArray[np.int32]
    places: list[list[int]]
    """Of each word of the window, the places in the text's words that it stands for: several where one token covers
    them."""


@dataclass(frozen=True)
class WordEncoder:
    """A frozen encoder; travels to worker processes, where it loads its model once."""

    source: str
    max_tokens: int

    def digest(self) -> str:
        """Changes with whatever changes the vectors: the model's files, the windows, and how vectors are made here."""
        made_by = {"model": models.identity(self.source), "max_tokens": self.max_tokens, "dtype": "float64"}
        made_by |= {"rows": _ROWS, "step": _STEP, "of": "words"}
        return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:32]

    def readings(self, texts: Mapping[str, str]) -> list[Reading]:
        """The windows of texts by name that have words to embed; neighbouring windows share half their tokens."""
        read = windows([*texts.values()], _tokenizer(self.source), self.max_tokens, self.max_tokens)
        found: list[Reading] = []
        for (name, text), some in zip(texts.items(), read, strict=True):
            bounds = words(text)
            own = sorted(units(text, some), key=lambda unit: (unit.window, unit.token))
            for number, group in groupby(own, key=lambda unit: unit.window):
                found.append(_reading(name, bounds, some[number], list(group)))
        return found

    def __call__(self, batch: Sequence[Reading]) -> list[WordVectors]:
        """The vectors of the words of up to 16 windows, one array a window."""
        import torch

        length = _padded(max(len(row.ids) for row in batch))
        ids = torch.zeros((_ROWS, length), dtype=torch.long)
        mask = torch.zeros((_ROWS, length), dtype=torch.long)
        mask[:, 0] = 1  # rows that only fill the batch up need one token to look at
        for i, row in enumerate(batch):
            ids[i, : len(row.ids)] = torch.from_numpy(row.ids)
            mask[i, : len(row.ids)] = 1
        with torch.inference_mode(), one_thread():
            states = _model(self.source)(input_ids=ids, attention_mask=mask).last_hidden_state.numpy()
        return [_means(states[i, : len(row.ids)], row) for i, row in enumerate(batch)]


def embed_words(
    encoder: WordEncoder, texts: Iterable[tuple[str, str]], cache: Cache, run: Mapper = map
) -> list[WordVectors]:
    """The words' vectors of each text of a stream of (keyed hash, text), in order; equal hashes are embedded once.

    What the cache holds under a hash is taken from there. `run` maps the encoder over batches, as `Engine.map` does.
    """
    names, counts, found, readings = _look_up(encoder, texts, cache)
    for fresh in _encoded(encoder, readings, counts, run):
        cache.put(fresh)
        found |= fresh
    size = next((len(found[name]) // 2 // count for name, count in counts.items() if count and name in found), 0)
    nothing = bytes(2 * size)
    return [
        np.frombuffer(found.get(name, nothing * counts[name]), dtype="<i2").reshape(counts[name], size)
        for name in names
    ]  # fmt: skip


def _look_up(
    encoder: WordEncoder, texts: Iterable[tuple[str, str]], cache: Cache
) -> tuple[list[str], dict[str, int], dict[str, bytes], list[Reading]]:
    """All names in order, how many words each has, the vectors that the cache holds, and what is to be read."""
    names: list[str] = []
    counts: dict[str, int] = {}
    found: dict[str, bytes] = {}
    readings: list[Reading] = []
    stream = iter(texts)
    while some := list(islice(stream, _AT_ONCE)):
        names += [name for name, _ in some]
        found |= cache.get(name for name, _ in some)
        new = {name: text for name, text in some if name not in found and name not in counts}
        counts |= {name: len(words(text)) for name, text in some}
        readings += encoder.readings(new)
    return names, counts, found, readings


def _encoded(
    encoder: WordEncoder, readings: Sequence[Reading], counts: Mapping[str, int], run: Mapper
) -> Iterator[dict[str, bytes]]:
    """Vectors by name, some thousand texts at a time; a text is ready when all its windows are read."""
    waiting = Counter(row.name for row in readings)
    batches = list(_batches(readings))
    parts: dict[str, list[tuple[Reading, WordVectors]]] = defaultdict(list)
    fresh: dict[str, bytes] = {}
    results = run(encoder, batches)
    for batch, vectors in zip(batches, track(results, "embedding words", len(readings), _ROWS), strict=True):
        for row, some in zip(batch, vectors, strict=True):
            parts[row.name].append((row, some))
            if len(parts[row.name]) == waiting[row.name]:
                fresh[row.name] = _joined(parts.pop(row.name), counts[row.name])
        if len(fresh) >= _AT_ONCE:
            yield fresh
            fresh = {}
    yield fresh


def _joined(parts: Sequence[tuple[Reading, WordVectors]], count: int) -> bytes:
    whole = np.zeros((count, parts[0][1].shape[1]), dtype="<i2")
    for row, vectors in parts:
        for places, vector in zip(row.places, vectors, strict=True):
            whole[places] = vector
    return whole.tobytes()


def _reading(name: str, bounds: Sequence[tuple[int, int]], window: Window, own: Sequence[Unit]) -> Reading:
    """The tokens from a word's first one up to the next word's are its own, as far as they cover some of it."""
    owners = np.full(len(window.offsets), -1, dtype=np.int32)
    for number, unit in enumerate(own):
        last = own[number + 1].token if number + 1 < len(own) else len(owners)
        for token in range(unit.token, last):
            start, end = window.offsets[token]
            if max(start, unit.start) < min(end, unit.end):
                owners[token] = number
    starts = {start: place for place, (start, _) in enumerate(bounds)}
    ends = {end: place for place, (_, end) in enumerate(bounds)}
    places = [[*range(starts[unit.start], ends[unit.end] + 1)] for unit in own]
    return Reading(name, np.array(window.inputs["input_ids"], dtype=np.int32), owners, places)


def _means(states: NDArray[np.float64], row: Reading) -> WordVectors:
    """The mean of each word's states, scaled to length one."""
    sums = np.zeros((len(row.places), states.shape[1]))
    np.add.at(sums, row.owners[row.owners >= 0], states[row.owners >= 0])
    unit = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    rounded: WordVectors = np.rint(unit * SCALE).astype(np.int16)
    return rounded


def _batches(readings: Sequence[Reading]) -> Iterator[list[Reading]]:
    """Windows of the same padded length, at most 16 together; the longest first."""
    order = sorted(readings, key=lambda row: -_padded(len(row.ids)))
    for _, same in groupby(order, key=lambda row: _padded(len(row.ids))):
        while batch := list(islice(same, _ROWS)):
            yield batch


def _padded(length: int) -> int:
    return -(-length // _STEP) * _STEP


@lru_cache(maxsize=1)
def _tokenizer(source: str) -> Any:
    tokenizer = models.load_tokenizer(source)
    tokenizer.truncation_side = "right"  # windows go from the beginning of a text to its end
    return tokenizer


@lru_cache(maxsize=1)
def _model(source: str) -> Any:
    from transformers import AutoModel

    return models.load_model(AutoModel, source, models.load_config(source)).eval().double()
