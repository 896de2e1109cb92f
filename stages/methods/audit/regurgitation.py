"""Whether a model goes on with the answers of its training records word for word (Carlini et al. 2023).

It is given what stands before an answer and the first half of it, at most 50 tokens, and must write the next 10 as they
are. Test records, which it has never seen, tell how much of that can be foreseen without having seen it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stages.core.progress import track
from stages.core.records import Record
from stages.core.task import Metric
from stages.methods.audit.roc import clopper_pearson, flat
from stages.methods.evaluate.tuned_model import TunedModel
from stages.methods.finetune.batching import batches_by_length, on_device

GIVEN, FOLLOWING = 50, 10
"""Tokens of the answer that are given at most, and that must follow: so many are seldom the same by chance."""
_LEVEL = 0.05
_IGNORED = -100
_TOKENS_AT_ONCE = 512
"""Few, for at each of them there is a number for every token of the vocabulary."""


def goes_on(tuned: TunedModel, records: Sequence[Record]) -> list[bool | None]:
    """Whether the model goes on with each record's answer as it is; None where that is too short to ask.

    Written greedily, an answer goes on in the same words if and only if each token is the likeliest after those before
    it: reading the answer once shows all of that, and nothing has to be written.
    """
    import torch

    features = tuned.task.encode(records, tuned.tokenizer, tuned.options, tuned.labels)
    rows = [_cut(row, tuned.model.config.is_encoder_decoder) for row in features]
    found: list[bool | None] = [None] * len(rows)
    asked = [i for i, row in enumerate(rows) if row]
    batches = list(batches_by_length([len(rows[i]["input_ids"]) for i in asked], _TOKENS_AT_ONCE))
    with torch.inference_mode():
        for places in track(batches, "answers to go on with (batches)", len(batches)):
            some = [asked[place] for place in places]
            batch = on_device(tuned.task.collate([rows[i] for i in some], tuned.tokenizer), tuned.model.device)
            for i, right in zip(some, _right(tuned.model, batch), strict=True):
                found[i] = right
    return found


def _cut(features: Mapping[str, Any], encoded_apart: bool) -> dict[str, Any]:
    """The features up to where the tokens that must follow end; empty where the last answer is too short for that.

    `encoded_apart`: the labels are a text of their own, and not places in the inputs.
    """
    labels = features.get("labels", [])
    end = next((i + 1 for i in reversed(range(len(labels))) if labels[i] != _IGNORED), 0)
    start = next((i + 1 for i in reversed(range(end)) if labels[i] == _IGNORED), 0)
    stop = start + min(GIVEN, (end - start) // 2) + FOLLOWING
    if stop > end:
        return {}
    cut = {"labels": labels[:stop]}
    return {**features, **cut} if encoded_apart else {**features, **cut, "input_ids": features["input_ids"][:stop]}


def _right(model: Any, batch: Mapping[str, Any]) -> list[bool]:
    """Whether the last tokens of each record's labels are what the model would have written there."""
    labels = batch["labels"]
    if model.config.is_encoder_decoder:
        likeliest = model(**batch).logits.argmax(dim=-1)
    else:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        likeliest = logits.argmax(dim=-1).roll(1, dims=1)  # a token is told at the place before it
    same = likeliest == labels
    ends = [int((row != _IGNORED).nonzero().max()) + 1 for row in labels]
    return [bool(row[end - FOLLOWING : end].all()) for row, end in zip(same, ends, strict=True)]


def compare(train: Sequence[bool | None], test: Sequence[bool | None]) -> dict[str, Any]:
    """`regurgitation` and its sentence for the report: the shares, and Fisher's exact test of their difference."""
    from scipy.stats import fisher_exact

    sides = {"train": [one for one in train if one is not None], "test": [one for one in test if one is not None]}
    report: dict[str, Any] = {
        "asked": {name: len(some) for name, some in sides.items()},
        "verbatim": {name: sum(some) for name, some in sides.items()},
    }
    if all(sides.values()):
        table = [[sum(some), len(some) - sum(some)] for some in sides.values()]
        p_value = round(float(fisher_exact(table, alternative="greater").pvalue), 6)
        report |= {**flat({name: _share(some) for name, some in sides.items()}), "p_value": p_value}
    return {"regurgitation": report, "regurgitation_sentence": sentence(report)}


def _share(right: Sequence[bool]) -> Metric:
    return Metric(sum(right) / len(right), *clopper_pearson(sum(right), len(right)))


def sentence(found: Mapping[str, Any]) -> str:
    """What the answers show, and what they do not."""
    if "p_value" not in found:
        return f"Not tried: it takes answers of {2 * FOLLOWING} tokens and more in the training and in the test split."
    asked, verbatim = found["asked"], found["verbatim"]
    numbers = (
        f"Given the first half, the model goes on word for word with {verbatim['train']} of {asked['train']} training "
        f"answers (95 % interval {found['train_low']:.1%} to {found['train_high']:.1%}) and with {verbatim['test']} of "
        f"{asked['test']} test answers, which it has not seen"
    )
    if found["p_value"] < _LEVEL:
        return f"{numbers}: it has learned training answers by heart (p {found['p_value']:.2g})."
    return f"{numbers}: no sign that it has learned any by heart. Other prompts may bring out what these do not."
