"""Models in one GGUF file, as llama.cpp runs them: unpacked once into what `from_pretrained` takes.

The weights are those of the file, in single precision: what the quantization has lost stays lost. The tokenizer, its
special tokens and its chat template are in the file too.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.core.progress import say
from stages.core.storage import sha256_of

_PLACE = "params.yaml: model"


def dequantised(file: Path, cache: Path) -> Path:
    """A folder for `from_pretrained` with the model of a GGUF file, below `cache` by the file's SHA-256.

    It is made if it is not there, and moved in as a whole: processes that make it at once do not disturb each other.
    Raises UsageError for a file that is no GGUF, or of an architecture that transformers cannot read.
    """
    if not file.is_file():
        raise UsageError(Fault(_PLACE, f"{file.name}: no such file", "check the path"))
    folder = cache / sha256_of(file)
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Path(tempfile.mkdtemp(prefix="making-", dir=cache))
    say(f"  model: unpacking {file.name}, once")
    try:
        _unpack(file, made)
        with contextlib.suppress(OSError):  # another process was faster: its folder holds the same
            made.replace(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def _unpack(file: Path, folder: Path) -> None:
    from transformers import AutoTokenizer

    from stages.methods.finetune.models import quiet

    quiet()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
        model = _model(file)
    except Exception as error:  # what a broken file raises is not foreseeable, and tokenizers has no class for it
        problem = f"{file.name}: cannot be unpacked ({type(error).__name__})"
        step = "take a GGUF file of an architecture that transformers reads, or the model's own safetensors"
        raise UsageError(Fault(_PLACE, problem, step)) from None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _model(file: Path) -> Any:
    """The model without any trace of how it was packed, which would keep it from being saved."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that transformers' own switch does not reach
        model = AutoModelForCausalLM.from_pretrained(
            str(file.parent), gguf_file=file.name, dtype=torch.float32, trust_remote_code=False,
            quantization_config=GgufConfig(dequantize=True),
        )  # fmt: skip
    model.hf_quantizer = None
    for trace in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(model.config, trace):
            delattr(model.config, trace)
    return model
