"""The heads of models that label: kept from an earlier tuning for the same labels, drawn anew for others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.methods.finetune.models import load_config, load_model

_LABELS = re.compile(r"For\w*(Classification|QuestionAnswering|MultipleChoice)")
"""Architectures whose last layer was tuned for labels. The heads of language models are pretrained: they are kept."""


def load_headed(kind: Any, source: str | Path, config: Any) -> Any:
    """As `load_model`, for a model that labels. A head that was tuned before stays if it is for the same labels.

    Weights of another head would be taken wherever they have the same shape, and mean something else. So all that
    stands outside the encoder is then drawn anew (as Phang et al. 2018 do after an intermediate task).
    """
    import torch

    had = load_config(source)
    tuned = bool(_LABELS.search(_architecture(had)))
    model, loaded = load_model(kind, source, config, ignore_mismatched_sizes=tuned, output_loading_info=True)
    if _is_new(model, loaded):
        setattr(model, model.base_model_prefix, _encoder(source, config, type(model).__name__))
    if not tuned or _same_head(had, model):
        return model
    fresh = kind.from_config(config, dtype=torch.float32)
    setattr(fresh, fresh.base_model_prefix, model.base_model)
    return fresh


def _is_new(model: Any, loaded: Any) -> bool:
    """Whether not even the embeddings were found among the weights, which some architectures name in two ways."""
    embeddings = model.get_input_embeddings().weight
    return any(weight is embeddings for name, weight in model.named_parameters() if name in loaded["missing_keys"])


def _encoder(source: str | Path, config: Any, wanted: str) -> Any:
    """The model without any head. Raises UsageError where its weights do not fit either."""
    from transformers import AutoModel

    model, loaded = load_model(AutoModel, source, config, output_loading_info=True)
    if _is_new(model, loaded):
        problem = f"{source}: the weights of a {_architecture(config)} do not fit a {wanted}"
        raise UsageError(Fault("params.yaml: model", problem, "start from the model that this one was tuned from"))
    return model


def _same_head(had: Any, model: Any) -> bool:
    """Whether a saved model's head is one for this model's labels: the same names, in the same places."""
    if _architecture(had) != type(model).__name__:
        return False
    if "QuestionAnswering" in type(model).__name__:  # start and end, by whatever name
        return True
    several = [config.problem_type == "multi_label_classification" for config in (had, model.config)]
    return bool(had.id2label == model.config.id2label and several[0] == several[1])


def _architecture(config: Any) -> str:
    return str(next(iter(config.architectures or ()), ""))
