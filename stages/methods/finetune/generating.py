"""Text from models that write: greedy or by beam search, in batches, or token by token for a terminal. No chance.

Of the settings that come with a model only the special tokens are kept. Penalties, shortest lengths and temperatures
were chosen for other data (a summariser that must write 56 tokens, say), and the tuned model learned when to stop.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.core.progress import track
from stages.methods.finetune.batching import batches_by_length
from stages.methods.finetune.models import position_limit

_MAX_NEW_TOKENS = 128
_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"  # what bytes of a character decode to until the last of them is there
_SPECIAL = ("bos_token_id", "decoder_start_token_id", "forced_bos_token_id")


def generate(
    model: Any, tokenizer: Any, batch_inputs: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> list[str]:
    """What the model writes after each prompt (or for each source, with an encoder), without special tokens.

    `batch_inputs` are features of records, `input_ids` without padding; answers come in their order. `options` may
    have `generation`: `max_new_tokens` (128) and `num_beams` (1). A prompt that leaves no room for an answer loses its
    beginning.
    """
    import torch

    asked = [_fitting(model, row["input_ids"], options) for row in batch_inputs]
    new = _settings(model, options)["max_new_tokens"]
    # What is generated takes memory as what is read does.
    batches = list(batches_by_length([len(ids) + new for ids in asked]))
    answers = [""] * len(asked)
    with _ready(model, tokenizer, options) as writer, torch.inference_mode():
        ends = frozenset(writer.generation_config.eos_token_id)
        for rows in track(batches, "written answers (batches)", len(batches)):
            inputs = _padded([asked[i] for i in rows], writer)
            read = 1 if writer.config.is_encoder_decoder else inputs["input_ids"].shape[1]
            for i, ids in zip(rows, writer.generate(**inputs)[:, read:].tolist(), strict=True):
                # An end that the tokenizer does not count as special would stand in the text.
                answers[i] = _decoded(tokenizer, _until(ends, ids))
    return answers


def stream(model: Any, tokenizer: Any, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[str]:
    """The answer of `generate` to one record's features in pieces, as they are written; in one piece with beams."""
    if _settings(model, options)["num_beams"] > 1:
        yield from generate(model, tokenizer, [inputs], options)
        return
    ids: list[int] = []
    shown = ""
    for token in _greedy(model, tokenizer, inputs, options):
        ids.append(token)
        text = _decoded(tokenizer, ids)
        if not text.endswith(_INCOMPLETE) and text != shown:
            yield text[len(shown) :]
            shown = text
    if (text := _decoded(tokenizer, ids)) != shown:
        yield text[len(shown) :]


def stop_tokens(model: Any, tokenizer: Any) -> list[int]:
    """The tokens that end an answer: the tokenizer's end of sequence, and those that the model itself names."""
    named = model.generation_config.eos_token_id
    ids = {*(named if isinstance(named, list) else [named]), tokenizer.eos_token_id}
    return sorted(token for token in ids if token is not None)


def tell_language(model: Any, tokenizer: Any, source: Path | str) -> None:
    """Have a model of many languages (NLLB, mBART, M2M100) begin with the token of the language to write.

    Its tokenizer says which in `tgt_lang`, and where the token stands in a target. Raises UsageError if it says none.
    """
    if not hasattr(tokenizer, "src_lang"):
        return
    if tokenizer.tgt_lang is None:
        problem = f"{source}: writes many languages, and its tokenizer does not say which"
        step = "save the model into a folder, with `src_lang` and `tgt_lang` in its tokenizer_config.json"
        raise UsageError(Fault("params.yaml: model", problem, step))
    target = tokenizer(text_target="a")["input_ids"]
    if target[-1] == tokenizer.eos_token_id:
        model.generation_config.forced_bos_token_id = target[0]
    else:  # the first mBART: the language ends a target, and is what the decoder begins with
        model.generation_config.decoder_start_token_id = target[-1]


def _greedy(model: Any, tokenizer: Any, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[int]:
    """The likeliest token, again and again, until one ends the answer; each step reads one new token only."""
    import torch

    with _ready(model, tokenizer, options) as writer:
        settings = writer.generation_config
        prompt = torch.tensor([_fitting(model, inputs["input_ids"], options)], device=writer.device)
        known: dict[str, Any] = {"use_cache": True}
        step = prompt
        if writer.config.is_encoder_decoder:
            with torch.inference_mode():
                known["encoder_outputs"] = writer.get_encoder()(prompt)
            start = settings.decoder_start_token_id
            step = torch.tensor([[settings.bos_token_id if start is None else start]], device=writer.device)
        name = "decoder_input_ids" if writer.config.is_encoder_decoder else "input_ids"
        for position in range(settings.max_new_tokens):
            with torch.inference_mode():
                output = writer(**{name: step}, **known)
            token = int(output.logits[0, -1].argmax())
            if position == 0 and settings.forced_bos_token_id is not None:
                token = settings.forced_bos_token_id
            if token in settings.eos_token_id:
                return
            yield token
            known["past_key_values"] = output.past_key_values
            step = torch.tensor([[token]], device=writer.device)


@contextmanager
def _ready(model: Any, tokenizer: Any, options: Mapping[str, Any]) -> Iterator[Any]:
    """The model set to write, and put back as it was afterwards; with adapters it is the model that they are in."""
    from transformers import GenerationConfig

    writer = model.get_base_model() if hasattr(model, "peft_config") else model
    own, was_training = writer.generation_config, model.training
    ends = stop_tokens(writer, tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0] if ends else 0
    kept = {name: getattr(own, name) for name in _SPECIAL}
    writer.generation_config = GenerationConfig(
        **kept, **_settings(writer, options), eos_token_id=ends, pad_token_id=pad, do_sample=False, use_cache=True
    )
    model.eval()
    try:
        yield writer
    finally:
        writer.generation_config = own
        model.train(was_training)


def _padded(rows: Sequence[Sequence[int]], model: Any) -> dict[str, Any]:
    """Token ids and mask: padded on the left where the answer goes on from the last token, on the right otherwise."""
    import torch

    width, pad = max(map(len, rows)), model.generation_config.pad_token_id
    ids, mask = [], []
    for row in rows:
        gap = width - len(row)
        left, right = (0, gap) if model.config.is_encoder_decoder else (gap, 0)
        ids.append([pad] * left + list(row) + [pad] * right)
        mask.append([0] * left + [1] * len(row) + [0] * right)
    named = {"input_ids": ids, "attention_mask": mask}
    return {name: torch.tensor(values, device=model.device) for name, values in named.items()}


def _fitting(model: Any, ids: Sequence[int], options: Mapping[str, Any]) -> list[int]:
    """The prompt, without its beginning where the model has no positions for it and an answer together."""
    limit = None if model.config.is_encoder_decoder else position_limit(model.config)
    room = len(ids) if limit is None else max(1, limit - _settings(model, options)["max_new_tokens"])
    return list(ids[-room:])


def _settings(model: Any, options: Mapping[str, Any]) -> dict[str, int]:
    """What the user set; no more new tokens than the model has positions for, beside one for where it starts."""
    generation = options.get("generation", {})
    wanted = int(generation.get("max_new_tokens", _MAX_NEW_TOKENS))
    limit = position_limit(model.config)
    new = wanted if limit is None else min(wanted, limit - 1)
    return {"max_new_tokens": new, "num_beams": int(generation.get("num_beams", 1))}


def _until(ends: Collection[int], ids: Sequence[int]) -> Sequence[int]:
    return ids[: next((i for i, token in enumerate(ids) if token in ends), len(ids))]


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text.strip()
