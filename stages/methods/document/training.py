"""From the plan and the training to figures: what was tuned, on what, how, and how well the tokenizer fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.document.tree import find

Recorded = Mapping[str, Mapping[str, Any]]
Figures = dict[str, Any]
_METHODS = {
    "edits": "small edits",
    "back_translation": "translating there and back",
    "completion": "a model's rewriting",
}


def model(recorded: Recorded) -> Figures:
    """What was tuned and how: the settings, the plan made from them, and what the training did."""
    plan, tuned = find(recorded, "plan", "report") or {}, find(recorded, "finetune", "report") or {}
    settings = find(recorded, "plan", "manifest", "params") or {}
    facts = {
        "Base model": find(settings, "model"),
        "Parameters": find(plan, "parameters", "total"),
        "of these trained": find(plan, "parameters", "trainable"),
        "Trained": _trained(find(settings, "finetune") or {}),
        "Learning rate": find(settings, "lr"),
        "Epochs": find(settings, "epochs"),
        "Rows a step": find(plan, "steps", "effective_batch"),
        "Steps planned": find(plan, "steps", "total"),
        "Steps made": find(tuned, "steps"),
        "Step of the lowest validation loss, kept": find(tuned, "best_step"),
        **_rows(recorded, plan, settings),
        **_tokens(find(plan, "tokens") or {}),
        "Seed": find(settings, "seed"),
    }
    warnings = [find(warning, "message") or str(warning) for warning in find(plan, "warnings") or []]
    return {"facts": {name: value for name, value in facts.items() if value is not None}, "warnings": warnings}


def _trained(options: Mapping[str, Any]) -> str | None:
    """What part of the model was trained, where it was not all of it."""
    lora = options.get("lora") or {}
    if options.get("head_only"):
        told = "the new head alone"
        return f"{told}, after a contrastive step" if find(options, "contrastive", "enabled") else told
    if lora.get("enabled"):
        return f"LoRA adapters of rank {lora.get('r')}"
    if layers := options.get("frozen_layers"):
        return f"all but the embeddings and {layers} layers"
    return None


def _rows(recorded: Recorded, plan: Mapping[str, Any], settings: Mapping[str, Any]) -> Figures:
    """Which rows were learned from beside or instead of the training split, and what each counts."""
    options = find(settings, "finetune") or {}
    method = find(options, "augment", "method")
    return {
        "Training rows of each class, at most": find(recorded, "split", "manifest", "params", "split", "shots"),
        "Synthetic rows": find(plan, "synthetic") or None,
        "made by": _METHODS.get(method, method) if find(plan, "synthetic") else None,
        "Rows are weighed by": ", ".join(_weights(options)) or None,
        "Words added to the vocabulary": len(options.get("new_tokens") or []) or None,
    }


def _weights(options: Mapping[str, Any]) -> Iterator[str]:
    """What a row's weight in the loss depends on."""
    if options.get("class_weights"):
        yield "class"
    if options.get("attribute_weights"):
        yield f"class and {options['attribute_weights']}"
    for source, weight in (options.get("source_weights") or {}).items():
        yield f"source ({source}: {weight:g})"


def _tokens(tokens: Mapping[str, Any]) -> Figures:
    """How long the rows are, what is cut, and how well the tokenizer's vocabulary fits."""
    return {
        "Tokens a row: median": find(tokens, "quantiles", "0.5"),
        "Tokens a row: longest": find(tokens, "quantiles", "1"),
        "Rows cut": find(tokens, "truncated"),
        "Rows left out, their answer being cut off": find(tokens, "nothing_left"),
        "Tokens a word": find(tokens, "per_word"),
        "Tokens not in the vocabulary": find(tokens, "unknown"),
        "Words that fall into pieces": find(tokens, "terms_apart"),
    }
