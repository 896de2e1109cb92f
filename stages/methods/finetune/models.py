"""Where a base model comes from, and which of its parameters are trained.

Only safetensors weights are loaded and no code that comes with a model is run: both could otherwise do anything.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from stages.core import packages
from stages.core.errors import Fault, UsageError
from stages.core.keys import project_root
from stages.core.storage import sha256_of
from stages.methods.finetune.earlier_run import is_run, tuned_model
from stages.methods.finetune.gguf import dequantised

_PLACE = "params.yaml: model"
_FROZEN = "params.yaml: finetune.frozen_layers"
_DROPOUTS = (
    "attention_probs_dropout_prob", "attention_dropout", "hidden_dropout_prob", "classifier_dropout", "dropout",
    "attn_pdrop", "embd_pdrop", "resid_pdrop", "embedding_dropout", "mlp_dropout", "activation_dropout",
    "seq_classif_dropout", "classifier_dropout_prob", "summary_first_dropout", "pooler_dropout", "qa_dropout",
    "dropout_rate",
)  # fmt: skip
T = TypeVar("T")


def resolve(source: str | Path) -> str:
    """What `from_pretrained` takes: the folder behind `pkg://package/folder` or a local path, or the hub name itself.

    A GGUF file, in a package or by its path, and the model of an earlier run (`run://name`) are unpacked once into the
    project's cache. Raises UsageError for a package that is not installed, or a folder that is missing or holds no
    model, UsageError or DataError for a run that cannot be read.
    """
    name = str(source)
    if is_run(name):
        return str(tuned_model(name, cache()))
    if name.startswith(packages.SCHEME):
        places = packages.inside(name)
        if not places:
            step = "install it with pip, and name a folder inside it"
            raise UsageError(Fault(_PLACE, f"{name}: no such package", step))
        return _checked(places[0], name)
    if Path(name).is_dir() or name.startswith((".", "/", "~")) or name.count("/") > 1 or name.endswith(".gguf"):
        return _checked(Path(name).expanduser(), name)
    return name


def _checked(folder: Path, name: str) -> str:
    if folder.suffix == ".gguf":
        return _unpacked(folder)
    if not (folder / "config.json").is_file():
        problem = f"{name}: no model there (no config.json in that folder)"
        raise UsageError(Fault(_PLACE, problem, "name a folder saved by `save_pretrained`, or a hub name"))
    return str(folder)


@lru_cache(maxsize=8)
def _unpacked(file: Path) -> str:
    """Remembered, for to look up the folder is to hash the file."""
    return str(dequantised(file, cache()))


def cache() -> Path:
    """Where models are kept that were made from others: unpacked, or with more words."""
    return project_root() / ".rowtrail" / "cache" / "models"


def identity(source: str) -> dict[str, str]:
    """What tells this base model from another of the same name: SHA-256 of its local files, or the hub's commit."""
    where = Path(resolve(source))
    if not where.is_dir():
        config = load_config(source)
        return {"commit": str(getattr(config, "_commit_hash", None))}
    files = sorted([*where.glob("*.safetensors"), *where.glob("*.json"), *where.glob("*.txt"), *where.glob("*.model")])
    return {file.name: sha256_of(file) for file in files}


def quiet() -> None:
    """Keep transformers from printing: its progress bars, and notes such as that the new head is untrained."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def load_config(source: str | Path, **changes: Any) -> Any:
    """The model's configuration. Raises UsageError when there is none."""
    from transformers import AutoConfig

    return _loaded(str(source), lambda where: AutoConfig.from_pretrained(where, trust_remote_code=False, **changes))


def load_tokenizer(source: str | Path) -> Any:
    """The model's tokenizer. Raises UsageError when there is none."""
    from transformers import AutoTokenizer

    return _loaded(str(source), lambda where: AutoTokenizer.from_pretrained(where, trust_remote_code=False))


def load_model(kind: Any, source: str | Path, config: Any, **more: Any) -> Any:
    """A model of an `AutoModel...` class in float32; what the weights lack (a new head) is drawn by torch."""
    import torch

    return _loaded(
        str(source),
        lambda where: kind.from_pretrained(
            where, config=config, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, **more
        ),
    )


def _loaded(source: str, load: Callable[[str], T]) -> T:
    quiet()
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")  # else a pickle is converted on the hub, in public
    where = resolve(source)
    try:
        return load(where)
    except (OSError, ValueError, KeyError) as error:
        if Path(where).is_dir():
            problem = f"{source}: cannot be loaded ({type(error).__name__})"
            step = "needs config.json, a tokenizer and model.safetensors of an architecture that transformers knows"
        else:
            problem = f"{source}: not in the local cache, and not found on the hub"
            step = "check the name, and that it has model.safetensors (old ones hold a pickle only); without a network "
            step += "give a folder or `pkg://package/folder`"
        raise UsageError(Fault(_PLACE, problem, step)) from None


def with_dropout(config: Any, share: float | None) -> Any:
    """The configuration with every dropout it has set to this share; None leaves it as it is."""
    for name in _DROPOUTS if share is not None else ():
        if hasattr(config, name):
            setattr(config, name, share)
    return config


def adapt(model: Any, options: Mapping[str, Any], kind: str) -> Any:
    """The model with the parameters frozen that plan.json's `finetune` wants frozen, or with LoRA adapters.

    `kind` is peft's task type; it decides which new head is trained beside the adapters.
    Raises UsageError when the architecture has no such layers.
    """
    frozen = int(options.get("frozen_layers", 0))
    layers = encoder_layers(model) if frozen else []
    if frozen > len(layers):
        problem = f"{frozen} of {len(layers)} layers" if layers else "this architecture has no list of layers to freeze"
        raise UsageError(Fault(_FROZEN, problem, "take fewer, or 0 to train everything"))
    if options.get("head_only") and not options.get("contrastive", {}).get("enabled"):
        return _freeze_all_but_head(model)
    lora = options.get("lora", {})
    if lora.get("enabled"):
        return _with_adapters(model, lora, kind, list(range(frozen, len(layers))) if frozen else None)
    if frozen:
        _freeze_below(model, layers, frozen)
    return model


def encoder_layers(model: Any) -> Sequence[Any]:
    """The stack of layers, bottom first: the list of modules whose length is the configuration's number of layers."""
    from torch import nn

    depth = getattr(model.config, "num_hidden_layers", None)
    lists = [module for module in model.base_model.modules() if isinstance(module, nn.ModuleList)]
    return next((layers for layers in lists if len(layers) == depth), [])


def _freeze_below(model: Any, layers: Sequence[Any], count: int) -> None:
    """Freeze what stands before the stack (embeddings) and its first layers, and switch their dropout off.

    Noise on features that cannot adapt costs time and teaches nothing, so frozen layers run as at prediction.
    """
    from torch import nn

    first = next(iter(layers[0].parameters()))
    for parameter in model.base_model.parameters():
        if parameter is first:
            break
        parameter.requires_grad_(False)
    for layer in layers[:count]:
        layer.requires_grad_(False)
        for module in layer.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0


def _freeze_all_but_head(model: Any) -> Any:
    """Freeze the pretrained part and switch its dropout off: what is left to train is the new head.

    Raises UsageError for a model that writes: its head is pretrained, too.
    """
    from torch import nn

    if model.get_output_embeddings() is not None:
        problem = "a model that writes text has no new head to train alone"
        raise UsageError(Fault("params.yaml: finetune.head_only", problem, "set it to false; `lora` trains little"))
    for parameter in model.base_model.parameters():
        parameter.requires_grad_(False)
    for module in model.base_model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def _with_adapters(model: Any, lora: Mapping[str, Any], kind: str, layers: list[int] | None) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type=kind, r=lora["r"], lora_alpha=lora["alpha"], lora_dropout=lora["dropout"],
        target_modules=lora["target_modules"], layers_to_transform=layers,
        trainable_token_indices=getattr(model.config, "new_token_ids", None),  # of words that vocabulary.py added
    )  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft reads a name that transformers has deprecated
            # GPT-2's layers are stored transposed: peft sees it, sets the option right, and says so.
            warnings.filterwarnings("ignore", message="fan_in_fan_out is set", category=UserWarning)
            return get_peft_model(model, config)
    except ValueError:
        problem = f"{lora['target_modules'] or 'the default layers'}: not found in this architecture"
        step = "name the layers to adapt, e.g. [query, value]"
        raise UsageError(Fault("params.yaml: finetune.lora.target_modules", problem, step)) from None


def parameter_counts(model: Any) -> dict[str, int]:
    """Parameters in all, those that are trained, and those of the embedding of tokens (they cost no arithmetic)."""
    parameters = list(model.parameters())
    return {
        "total": sum(p.numel() for p in parameters),
        "trainable": sum(p.numel() for p in parameters if p.requires_grad),
        "embedding": int(model.get_input_embeddings().weight.numel()),
    }


def shape(config: Any) -> dict[str, int]:
    """`layers`, `hidden` and `heads` of an architecture; 0 where its configuration does not say."""
    names = {"layers": "num_hidden_layers", "hidden": "hidden_size", "heads": "num_attention_heads"}
    return {name: int(getattr(config, key, 0) or 0) for name, key in names.items()}


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Weights (safetensors), configuration with the label names, and tokenizer: what `from_pretrained` takes."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def merge_adapters(model: Any, base: str, folder: Path) -> Any:
    """A model with LoRA adapters: save them alone into the folder, and give the model with the adapters added in.

    Other models are given back as they are. `base` is how the adapters name what they were trained on.
    """
    if not hasattr(model, "peft_config"):
        return model
    for config in model.peft_config.values():
        config.base_model_name_or_path = base
    # Whether to save embeddings is said here, or peft would look for the base on the hub to find out.
    model.save_pretrained(folder, save_embedding_layers=bool(getattr(model.config, "new_token_ids", None)))
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty card
    return model.merge_and_unload()


def position_limit(config: Any) -> int | None:
    """The longest input that the model has positions for, in tokens; None where the architecture sets none."""
    limit = getattr(config, "max_position_embeddings", None)
    if limit is None or limit <= 0:
        return None
    # RoBERTa's family numbers positions from pad_token_id + 1 (fairseq's convention), which costs that many positions.
    offset = config.pad_token_id + 1 if config.model_type in OFFSET_POSITIONS else 0
    return int(limit) - int(offset)


OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "longformer", "mpnet", "data2vec-text")
