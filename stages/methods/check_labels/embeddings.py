"""Embeddings of texts by a frozen encoder: mean of the last layer's token vectors, scaled to length one.

The same text gives the same bytes, whatever it is embedded with, on however many cores and on whatever processor:
computing in double precision and rounding to four decimals leaves no room for how a processor rounds (a value would
have to lie within some 1e-13 of a rounding bound). Half the speed is the price: in single precision, two instruction
sets of one processor gave other suspects. Batches have fixed shapes besides (16 rows, lengths in steps of 8 tokens,
filled up) and run on one thread, for matrix kernels choose their order of summation by both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby, islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.core.cache import Cache
from stages.core.doubts import Vectors
from stages.core.errors import UsageError
from stages.core.progress import track
from stages.methods.finetune import models
from stages.methods.threads import one_thread

Batch: TypeAlias = list[NDArray[np.int32]]
Mapper: TypeAlias = Callable[[Callable[[Batch], NDArray[np.int16]], Iterable[Batch]], Iterator[NDArray[np.int16]]]

_ROWS, _STEP = 16, 8
SCALE = 10_000
"""Four decimals; a value of a unit vector times this fits 16 bits."""
_AT_ONCE = 4096  # texts between two savings of the cache


@dataclass(frozen=True)
class Encoder:
    """A frozen encoder; travels to worker processes, where it loads its model once."""

    source: str
    max_tokens: int
    key: str = "model"
    """The key of params.yaml that names it, for messages."""

    def digest(self) -> str:
        """Changes with whatever changes the vectors: the model's files, the cut, and how vectors are made here.

        Raises UsageError for a model that is not there.
        """
        try:
            identity = models.identity(self.source)
        except UsageError as error:
            raise UsageError(*(replace(fault, place=f"params.yaml: {self.key}") for fault in error.faults)) from None
        made_by = {"model": identity, "max_tokens": self.max_tokens, "dtype": "float64"}
        made_by |= {"rows": _ROWS, "step": _STEP}
        return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:32]

    def tokens(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids of each text, cut at `max_tokens`."""
        ids = _tokenizer(self.source)(list(texts), truncation=True, max_length=self.max_tokens)["input_ids"]
        return [np.array(row, dtype=np.int32) for row in ids]

    def __call__(self, batch: Batch) -> NDArray[np.int16]:
        """Vectors of up to 16 rows of token ids, times 10,000, shape (rows, dimensions)."""
        import torch

        length = _padded(max(len(row) for row in batch))
        ids = torch.zeros((_ROWS, length), dtype=torch.long)
        mask = torch.zeros((_ROWS, length), dtype=torch.long)
        mask[:, 0] = 1  # rows that only fill the batch up need one token to look at
        for i, row in enumerate(batch):
            ids[i, : len(row)] = torch.from_numpy(row)
            mask[i, : len(row)] = 1
        with torch.inference_mode(), one_thread():
            states = _model(self.source)(input_ids=ids, attention_mask=mask).last_hidden_state
            means = (states * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
            unit = torch.nn.functional.normalize(means, dim=-1)
        rounded: NDArray[np.int16] = np.rint(unit[: len(batch)].numpy() * SCALE).astype(np.int16)
        return rounded


def embed(encoder: Encoder, texts: Iterable[tuple[str, str]], cache: Cache, run: Mapper = map) -> Vectors:
    """Vectors of a stream of (keyed hash, text), shape (texts, dimensions); equal hashes are embedded once.

    What the cache holds under a hash is taken from there. `run` maps the encoder over batches, as `Engine.map` does.
    """
    names, found, tokens = _look_up(encoder, texts, cache)
    for fresh in _encoded(encoder, tokens, run):
        cache.put(fresh)
        found |= fresh
    if not names:
        return np.zeros((0, 0), dtype=np.float32)
    return np.stack([np.frombuffer(found[name], dtype="<i2") for name in names]).astype(np.float32) / np.float32(SCALE)


def _look_up(
    encoder: Encoder, texts: Iterable[tuple[str, str]], cache: Cache
) -> tuple[list[str], dict[str, bytes], dict[str, NDArray[np.int32]]]:
    """All names in order, the vectors that the cache holds, and the token ids of the other texts."""
    names: list[str] = []
    found: dict[str, bytes] = {}
    tokens: dict[str, NDArray[np.int32]] = {}
    stream = iter(texts)
    while some := list(islice(stream, _AT_ONCE)):
        names += [name for name, _ in some]
        found |= cache.get(name for name, _ in some)
        new = {name: text for name, text in some if name not in found and name not in tokens}
        if new:
            tokens |= dict(zip(new, encoder.tokens(list(new.values())), strict=True))
    return names, found, tokens


def _encoded(encoder: Encoder, tokens: Mapping[str, NDArray[np.int32]], run: Mapper) -> Iterator[dict[str, bytes]]:
    """Vectors by name, some thousand at a time."""
    batches = list(_batches(tokens))
    results = run(encoder, ([tokens[name] for name in batch] for batch in batches))
    fresh: dict[str, bytes] = {}
    for batch, vectors in zip(batches, track(results, "embedding", len(tokens), _ROWS), strict=True):
        fresh |= {name: vector.astype("<i2").tobytes() for name, vector in zip(batch, vectors, strict=True)}
        if len(fresh) >= _AT_ONCE:
            yield fresh
            fresh = {}
    yield fresh


def _batches(tokens: Mapping[str, NDArray[np.int32]]) -> Iterator[list[str]]:
    """Names whose texts have the same padded length, at most 16 together; the longest first."""
    order = sorted(tokens, key=lambda name: (-_padded(len(tokens[name])), name))
    for _, same in groupby(order, key=lambda name: _padded(len(tokens[name]))):
        while batch := list(islice(same, _ROWS)):
            yield batch


def _padded(length: int) -> int:
    return -(-length // _STEP) * _STEP


@lru_cache(maxsize=1)
def _tokenizer(source: str) -> Any:
    return models.load_tokenizer(source)


@lru_cache(maxsize=1)
def _model(source: str) -> Any:
    from transformers import AutoModel

    model = models.load_model(AutoModel, source, models.load_config(source)).eval().double()
    return model.get_encoder() if model.config.is_encoder_decoder else model
