"""A head on a frozen encoder: each text is read once, and not again in every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stages.core.progress import track
from stages.methods.finetune.batching import Features, batches_by_length, length, on_device

if TYPE_CHECKING:
    from stages.methods.finetune.training import Learner

_ROOM = 2_000_000_000
"""Bytes of the encoder's output that are held in memory; where they would be more, every epoch reads all anew."""
_OUTPUTS = ("last_hidden_state", "pooler_output")
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids", "position_ids"})


@contextmanager
def remember_frozen(learner: Learner, rows: Features, device: Any) -> Iterator[None]:
    """While it lasts, an encoder of which nothing is trained looks up what it made of these rows.

    All are read at its start, in the same batches whatever the training does, so that the same run gives the same bits.
    Without dropout, for an encoder that cannot adapt to it only loses. Models that train more are left alone.
    """
    model = learner.model
    encoder = getattr(model, getattr(model, "base_model_prefix", "") or "-", None)
    size = 4 * getattr(model.config, "hidden_size", 0) * sum(map(length, rows))
    if encoder is None or not 0 < size <= _ROOM or any(p.requires_grad for p in encoder.parameters()):
        yield
        return
    memory = _Memory(encoder)
    encoder.forward = memory
    try:
        _read(learner, rows, device)
        yield
    finally:
        del encoder.forward  # the class's own shows again


def _read(learner: Learner, rows: Features, device: Any) -> None:
    import torch

    model = learner.model.to(device)
    batches = list(batches_by_length([length(row) for row in rows]))
    with torch.no_grad():
        for places in track(batches, "finetune (texts read by the frozen encoder)", len(batches)):
            batch = on_device(learner.collate([rows[place] for place in places]), device)
            batch.pop("weight")
            learner.task.losses(model, batch)


class _Memory:
    """Stands in for an encoder's `forward`: what it gave for a row, without padding, by the row's tokens."""

    def __init__(self, encoder: Any) -> None:
        self.encoder, self.forward = encoder, encoder.forward
        self.kept: dict[bytes, dict[str, Any]] = {}

    def __call__(self, *more: Any, **inputs: Any) -> Any:
        if len(more) == 1 and "input_ids" not in inputs:
            return self(input_ids=more[0], **inputs)
        given = {name for name, value in inputs.items() if value is not None} - {"return_dict"}
        if more or not {"input_ids", "attention_mask"} <= given <= _INPUTS:
            return self._ask(*more, **inputs)
        inside = inputs["attention_mask"].bool()
        keys = [_key(inputs, row, mask) for row, mask in enumerate(inside)]
        if any(key not in self.kept for key in keys):
            asked = self._ask(**inputs)
            for row, (key, mask) in enumerate(zip(keys, inside, strict=True)):
                self.kept[key] = _of_row(asked, row, mask)
        return self._put_together([self.kept[key] for key in keys], inside)

    def _ask(self, *more: Any, **inputs: Any) -> Any:
        import torch

        training = self.encoder.training
        self.encoder.eval()
        try:
            with torch.no_grad():
                return self.forward(*more, **inputs)
        finally:
            self.encoder.train(training)

    def _put_together(self, rows: list[dict[str, Any]], inside: Any) -> Any:
        import torch
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        found: dict[str, Any] = {}
        if "pooler_output" in rows[0]:
            found["pooler_output"] = torch.stack([row["pooler_output"] for row in rows])
        tokens = torch.cat([row["last_hidden_state"] for row in rows])
        found["last_hidden_state"] = tokens.new_zeros((*inside.shape, tokens.shape[-1]))
        found["last_hidden_state"][inside] = tokens
        return BaseModelOutputWithPooling(**found)


def _key(inputs: Mapping[str, Any], row: int, mask: Any) -> bytes:
    """A row's tokens, and their segments where it has several."""
    names = ("input_ids", "token_type_ids")
    return b"|".join(inputs[name][row][mask].cpu().numpy().tobytes() for name in names if inputs.get(name) is not None)


def _of_row(asked: Any, row: int, mask: Any) -> dict[str, Any]:
    found = {name: getattr(asked, name, None) for name in _OUTPUTS}
    sizes = {
        "last_hidden_state": lambda value: value[row][mask].clone(),
        "pooler_output": lambda value: value[row].clone(),
    }
    return {name: sizes[name](value) for name, value in found.items() if value is not None}
