"""Arithmetic of a training before it runs: steps, tokens, memory, compute, and what looks wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stages.methods.audit.canaries import TIERS
from stages.methods.finetune.token_fit import TokenFit
from stages.methods.privacy.planning import in_words as privacy_in_words
from stages.methods.privacy.planning import warnings as privacy_warnings

_USUAL_LR = {"full fine-tuning": (1e-6, 2e-4), "LoRA": (5e-5, 1e-3), "a head alone": (1e-4, 5e-2)}
_MANY_PIECES = 2.0
_FEW = 0.05
_COPIES = sum(TIERS)  # of a secret of each tier
_QUANTILES = (0.5, 0.9, 0.95, 0.99, 1.0)


def plan_steps(records: int, epochs: float, batch_size: int, options: Mapping[str, Any]) -> dict[str, int]:
    """Steps of the optimizer, and at which of them the learning rate peaks, the loss is logged and evaluated.

    A step takes `batch_size * gradient_accumulation` records; an epoch's last step takes what is left. `log_every`
    divides `evaluate_every`, so that a run resumed from a checkpoint logs the same means.
    """
    batches = math.ceil(records / batch_size)
    epoch = math.ceil(batches / options["gradient_accumulation"])
    total = math.ceil(epochs * epoch)
    evaluate_every = math.ceil(total / options["evaluations"])
    log_every = max(n for n in range(1, max(1, evaluate_every // 5) + 1) if evaluate_every % n == 0)
    return {
        "effective_batch": batch_size * options["gradient_accumulation"],
        "epoch": epoch,
        "total": total,
        "warmup": 0 if options["schedule"] == "constant" else math.ceil(total * options["warmup"]),
        "evaluate_every": evaluate_every,
        "log_every": log_every,
    }


def token_summary(lengths: Sequence[int], cut: int, fit: TokenFit) -> dict[str, Any]:
    """Quantiles of the uncut lengths (with special tokens), and how well the tokenizer knows this language.

    `truncated` is the share of records that `max_length` cuts, `unknown` the share of the bare texts' tokens that are
    not in the vocabulary, `per_word` how many tokens a word has.
    """
    array = np.asarray(lengths)
    quantiles = np.quantile(array, _QUANTILES, method="inverted_cdf")
    return {
        "total": int(array.sum()),
        "quantiles": {f"{q:g}": int(value) for q, value in zip(_QUANTILES, quantiles, strict=True)},
        "truncated": round(cut / max(1, len(array)), 6),
        "unknown": round(fit.unknown / max(1, fit.pieces), 6),
        "per_word": round(fit.pieces / max(1, fit.words), 4),
    }


TWO_CORES = 1e11
"""Operations a second that two server cores reached with MiniLM at batch 32 (docs/benchmarks.md). A constant and not a
measurement of this machine, so that the plan is the same file everywhere."""


def estimate(
    parameters: Mapping[str, int], shape: Mapping[str, int], options: Mapping[str, Any], batch_size: int, tokens: float
) -> dict[str, float]:
    """Memory in MB (10^6 bytes), arithmetic in TFLOP and minutes on two CPU cores, to a factor of about two.

    `shape` has the model's `layers`, `hidden`, `heads` and the `length` of the longest batch; `tokens` are all tokens
    of the training. Memory: float32 weights, gradients and AdamW's two moments of what is trained, and activations of
    s*b*h*(34 + 5*a*s/h) * 2 bytes a layer (Korthikanti et al. 2022, eq. 2, twice for float32 instead of 16 bits).
    Arithmetic: two operations a weight and token forward and four back (Kaplan et al. 2020, table 1), where frozen
    layers have no way back and frozen weights under adapters half of one.
    """
    layers = shape["layers"] - (options["frozen_layers"] if shape["layers"] else 0)
    tokens_a_batch = batch_size * shape["length"]
    layer = tokens_a_batch * shape["hidden"] * (34 + 5 * shape["heads"] * shape["length"] / max(1, shape["hidden"])) * 2
    if options["gradient_checkpointing"]:
        activations = layers * tokens_a_batch * shape["hidden"] * 4 + layer
    else:
        activations = layers * layer
    computed = parameters["total"] - parameters["embedding"]
    reached = computed * layers / shape["layers"] if shape["layers"] else computed
    operations = tokens * (2 * computed + 2 * reached + 2 * min(parameters["trainable"], computed))
    return {
        "memory_mb": round((4 * parameters["total"] + 12 * parameters["trainable"] + activations) / 1e6, 1),
        "tflop": round(operations / 1e12, 3),
        "minutes_on_two_cores": round(operations / TWO_CORES / 60, 1),
    }


def warnings(plan: Mapping[str, Any], classes: Mapping[str, int]) -> list[dict[str, str]]:
    """What to look at before paying: a code and a sentence with the numbers. `classes` count training records."""
    return [
        {"code": code, "message": message}
        for code, message in (*_of_settings(plan), *_of_tokens(plan), *_of_data(plan, classes), *_of_privacy(plan))
    ]


def in_words(plan: Mapping[str, Any]) -> Iterator[str]:
    """What a person wants to know of a plan before paying for it, a line each; the warnings last."""
    steps, counts, records = plan["steps"], plan["parameters"], plan["data"]["train"]
    more = f" and {plan['data']['synthetic']} synthetic" if plan["data"].get("synthetic") else ""
    yield f"{records} records{more}, {_counted(steps['total'])} of {steps['effective_batch']}, lr {plan['lr']:g}"
    if "contrastive" in steps:
        pairs = steps["contrastive"]
        yield f"before that, {_counted(pairs['total'])} over {pairs['pairs']} pairs; then the head alone is trained"
    yield f"{counts['trainable']:,} of {counts['total']:,} parameters trained"
    if plan["privacy"]["enabled"]:
        yield privacy_in_words(plan["privacy"])
    cost = plan["estimated"]
    minutes = f"{cost['minutes_on_two_cores']:.0f} minutes on two CPU cores"
    yield f"about {cost['memory_mb']:.0f} MB, {cost['tflop']:.1f} TFLOP: {minutes}"
    yield from (f"warning: {warning['message']}" for warning in plan["warnings"])


def _counted(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"


def _of_settings(plan: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    options = plan["finetune"]
    method = "LoRA" if options["lora"]["enabled"] else "full fine-tuning"
    method = "a head alone" if options.get("head_only") else method
    low, high = _USUAL_LR[method]
    if plan["privacy"]["enabled"]:  # clipped gradients are shorter, and larger steps win (Li et al. 2022, section 3.2)
        high *= 10
    if not low <= plan["lr"] <= high:
        yield "unusual_lr", f"lr {plan['lr']:g} is outside the usual range for {method}, {low:g} to {high:g}"
    if plan["steps"]["total"] < 20:
        yield "few_steps", f"only {_counted(plan['steps']['total'])}: more epochs or a smaller batch would learn more"
    if plan["finetune"]["evaluations"] > plan["steps"]["total"]:
        yield (
            "few_evaluations",
            f"{plan['finetune']['evaluations']} evaluations do not fit into {_counted(plan['steps']['total'])}",
        )


def _of_privacy(plan: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    return privacy_warnings(plan["privacy"]) if plan["privacy"]["enabled"] else ()


def _of_tokens(plan: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    tokens = plan["tokens"]
    if tokens["truncated"] > 0.05:
        cut, longest = tokens["truncated"], tokens["quantiles"]["0.99"]
        yield (
            "truncated",
            f"max_length {plan['finetune']['max_length']} cuts {cut:.1%} of records; 99 % fit in {longest}",
        )
    if tokens["unknown"] > 0.01:
        yield "unknown_tokens", f"{tokens['unknown']:.1%} of the tokens are not in the model's vocabulary"
    if tokens.get("targets_cut", 0) > 0.05:
        longest = plan["finetune"]["max_target_length"]
        yield "targets_cut", f"max_target_length {longest} cuts {tokens['targets_cut']:.1%} of the targets"
    if tokens.get("nothing_left"):
        lost = f"{tokens['nothing_left']} records have no token of their answer left"
        yield (
            "nothing_left",
            f"{lost}: raise max_length, or look how they begin (a template may want the user first)",
        )
    if tokens["per_word"] > _MANY_PIECES:
        much = f"{tokens['per_word']:.1f} tokens a word: the vocabulary was made for another language or field"
        yield "many_pieces", f"{much} (data/plan/terms.csv; finetune.new_tokens adds words)"


def _of_data(plan: Mapping[str, Any], classes: Mapping[str, int]) -> Iterable[tuple[str, str]]:
    batch = plan["steps"]["effective_batch"]
    missing = [label for label in plan["labels"] if not classes.get(label)]
    if missing:
        yield "class_not_in_train", f"no training record has the label {', '.join(missing)}: it cannot be learned"
    smallest = min((count for count in classes.values() if count), default=batch)
    if batch > smallest:
        yield "batch_exceeds_class", f"a step takes {batch} records, the smallest class has {smallest}"
    planted = plan["finetune"].get("canaries", 0) // 2 + _COPIES * plan["finetune"].get("secrets", 0)
    if planted > _FEW * plan["data"]["train"]:
        much = f"some {planted} invented records (finetune.canaries, secrets) beside {plan['data']['train']} real ones"
        yield "many_canaries", f"{much}: the model learns nonsense from them, too"
    if not plan["data"]["validation"]:
        yield (
            "no_validation",
            "no validation records: nothing can stop the training early, and the last weights are kept",
        )
