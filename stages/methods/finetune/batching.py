"""Batches of inputs of similar length, for training and for prediction: less padding to compute."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stages.core.records import Record
from stages.core.task import Options, Task

Features = Sequence[Mapping[str, Any]]
_TOKENS_A_BATCH = 4096
_POOL = 50


def length(features: Mapping[str, Any]) -> int:
    """Tokens of one record that the model sees, in all its windows."""
    return sum(len(window["input_ids"]) for window in features.get("windows", [features]))


def was_cut(features: Mapping[str, Any]) -> bool:
    """Whether the model sees less of the record than there is."""
    return bool(features["tokens"] > length(features))


def encode_texts(texts: Sequence[str], tokenizer: Any, max_length: int) -> list[dict[str, Any]]:
    """Token ids and mask of each text, cut to `max_length` tokens; `tokens` is how many there are before the cut."""
    if not texts:
        return []
    whole = [len(ids) for ids in tokenizer(list(texts), return_attention_mask=False)["input_ids"]]
    encoded = tokenizer(list(texts), truncation=True, max_length=max_length)
    rows = [dict(zip(encoded, values, strict=True)) for values in zip(*encoded.values(), strict=True)]
    return [{**row, "tokens": tokens} for row, tokens in zip(rows, whole, strict=True)]


def padded(rows: Features, tokenizer: Any, *more: str) -> Any:
    """Tensors of the model's inputs, shape (rows, longest), with those of `more` that the features have."""
    names = {*tokenizer.model_input_names, *more}
    return tokenizer.pad(
        [{name: row[name] for name in row if name in names} for row in rows], return_tensors="pt", padding=True
    )


def batches_by_length(lengths: Sequence[int], tokens: int = _TOKENS_A_BATCH) -> Iterator[list[int]]:
    """Positions in batches of similar length, longest first, each at most `tokens` padded tokens (or one input).

    Longest first, so that a model too large for the memory fails at once. Ties keep their order: the same inputs give
    the same batches, and so the same bits.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    start = 0
    while start < len(order):
        size = max(1, tokens // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


def run_batches(
    model: Any, features: Features, collate: Callable[[Features], Any], read: Callable[[Any, Any], Sequence[Any]]
) -> list[Any]:
    """`read(model, batch)`, one value a row, over collated batches without gradients; in the order of the features.

    The model's mode is put back afterwards; batches go to the device that the model is on.
    """
    import torch

    found: list[Any] = [None] * len(features)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for rows in batches_by_length([length(row) for row in features]):
                batch = on_device(collate([features[i] for i in rows]), model.device)
                for i, value in zip(rows, read(model, batch), strict=True):
                    found[i] = value
    finally:
        model.train(was_training)
    return found


def on_device(batch: Mapping[str, Any], device: Any) -> dict[str, Any]:
    """The batch with its tensors on a device."""
    return {name: value.to(device) if hasattr(value, "to") else value for name, value in batch.items()}


def record_losses(
    task: Task, tuned: tuple[Any, Any], records: Sequence[Record], options: Options, labels: Sequence[str]
) -> list[float | None]:
    """The loss of each record in nats under a (model, tokenizer); None where there is no target, or none is left."""
    model, tokenizer = tuned
    features = task.encode(records, tokenizer, options, labels)
    known = [
        i
        for i, (record, row) in enumerate(zip(records, features, strict=True))
        if task.answered(record) and row.get("learned", 1)
    ]
    found: list[float | None] = [None] * len(records)
    losses = run_batches(
        model,
        [features[i] for i in known],
        lambda rows: task.collate(rows, tokenizer),
        lambda model, batch: task.losses(model, batch).double().tolist(),
    )
    for i, loss in zip(known, losses, strict=True):
        found[i] = loss
    return found


class Order:
    """A new random order each epoch, in which records of similar length stand together: less padding to compute.

    Shuffled, cut into pools of 50 batches, sorted by length within a pool, and the batches shuffled again. Drawn from
    (seed, epoch), so that a resumed run sees the order it would have seen.
    """

    def __init__(self, rows: Features, batch: int, seed: int) -> None:
        self.lengths, self.batch, self.seed = [length(row) for row in rows], batch, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the data loader at the start of an epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        draw = random.Random(f"{self.seed}:finetune:epoch {self.epoch}")
        order = list(range(len(self.lengths)))
        draw.shuffle(order)
        batches: list[list[int]] = []
        for start in range(0, len(order), _POOL * self.batch):
            similar = sorted(order[start : start + _POOL * self.batch], key=lambda i: -self.lengths[i])
            batches += [similar[i : i + self.batch] for i in range(0, len(similar), self.batch)]
        # A short last batch must stay last, or it would shift the limits of all batches after it.
        rest = [batches.pop()] if len(batches[-1]) < self.batch else []
        draw.shuffle(batches)
        return (i for batch in batches + rest for i in batch)
