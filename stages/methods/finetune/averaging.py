"""Let the head of a BERT read the mean of all tokens instead of the first one.

Sentence encoders (all-MiniLM, E5, GTE) are trained on that mean; their first token, and the pooler behind it, say much
less of a text. transformers has no BERT that classifies by the mean. So one more layer is put on top that does nothing
but average, made of the parts of an ordinary one: the result is still a plain `BertForSequenceClassification`, which
any program loads and exports.
"""

from __future__ import annotations

from typing import Any

from stages.core.errors import Fault, UsageError

_FAR = 1000.0
"""The mean counts so much more than the token that it is added to."""
_SMALL = 0.25
"""The pooler's tanh is almost straight for what the layer gives, whose spread is 1, times this."""


def with_mean(config: Any) -> Any:
    """The configuration with room for the layer. Raises UsageError for another architecture than BERT."""
    if config.model_type != "bert":
        problem = f"`mean` is only known for BERT, and this model is a {config.model_type}"
        raise UsageError(Fault("params.yaml: finetune.pooling", problem, "set it to `first`"))
    config.num_hidden_layers += 1
    return config


def read_mean(model: Any) -> Any:
    """The model with its last layer, which is new, and its pooler set to give the mean of all tokens; both are frozen.

    Attention without queries and keys is the same to all tokens, and so their mean; what stands behind it in the layer
    is zero, or passes it on. The mean comes out centred and scaled to one length, in which cosines stay what they are.
    """
    import torch
    from torch import nn

    layer, pooler = model.base_model.encoder.layer[-1], model.base_model.pooler
    with torch.no_grad():
        for parameter in (*layer.parameters(), *pooler.parameters()):
            parameter.zero_()
        layer.attention.self.value.weight.fill_diagonal_(1.0)
        layer.attention.output.dense.weight.fill_diagonal_(_FAR)
        pooler.dense.weight.fill_diagonal_(_SMALL)
        for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm):
            norm.weight.fill_(1.0)
    for part in (layer, pooler):
        part.requires_grad_(False)
    for module in layer.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model
