"""Magnitude pruning: set the smallest weights to zero, in one go and without training again.

Global and unstructured (Han et al. 2015; Gordon et al. 2020 for BERT): one threshold for all linear layers of the body,
so that layers that need their weights keep more of them. Embeddings and the head stay as they are.
"""

from __future__ import annotations

from typing import Any


def prune(model: Any, sparsity: float) -> dict[str, float]:
    """Zero this share of the linear layers' weights, in place, and give how many there are and the zeros in them.

    `zeros` is their real share of those weights, `zeros_of_all` of all parameters. Raises ValueError for a model
    without linear layers.
    """
    import torch

    weights = linear_weights(model)
    if not weights:
        raise ValueError("no linear layers")
    sizes = torch.cat([weight.detach().abs().flatten() for weight in weights])
    count = round(sparsity * len(sizes))
    if count:
        threshold = sizes.kthvalue(count).values
        for weight in weights:
            weight.data[weight.data.abs() <= threshold] = 0
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    everything = sum(int((parameter == 0).sum()) for parameter in model.parameters())
    total = sum(parameter.numel() for parameter in model.parameters())
    return {
        "weights": len(sizes),
        "zeros": round(zeros / len(sizes), 6),
        "zeros_of_all": round(everything / total, 6),
    }


def linear_weights(model: Any) -> list[Any]:
    """The weights of the body's linear layers, each once; none that are also an embedding."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    head = model.get_output_embeddings()
    tables |= {id(head.weight)} if head is not None else set()
    layers = [module for module in model.base_model.modules() if isinstance(module, nn.Linear | Conv1D)]
    weights = {id(layer.weight): layer.weight for layer in layers if id(layer.weight) not in tables}
    return list(weights.values())
