"""The forms that a tuned model can be handed over in: how each is made, and how it is opened again."""

from __future__ import annotations

import copy
import importlib.util
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.core.task import Task
from stages.methods.finetune import models


@dataclass(frozen=True, slots=True)
class Form:
    """What a form is, and when to choose it."""

    what: str
    when: str


FORMS = {
    "safetensors": Form(
        "the weights as they were tuned, in float32, adapters added in",
        "to serve with transformers, or to tune further",
    ),
    "bfloat16": Form("the weights in bfloat16", "half the size, for GPUs since 2020; slow on many CPUs"),
    "float16": Form("the weights in float16", "half the size, for GPUs before 2020; finer steps, but a smaller range"),
    "onnx": Form(
        "an ONNX graph", "the same answers without torch: onnxruntime runs it from C++, C#, Java or a browser"
    ),
    "onnx-int8": Form(
        "an ONNX graph in 8-bit arithmetic", "a quarter of the size, and meant for CPUs; answers change a little"
    ),
    "weight-int8": Form(
        "an ONNX graph with weights stored in 8 bits", "nearly as small, and closer to the tuned model's answers"
    ),
    "weight-int4": Form(
        "an ONNX graph with the linear layers stored in 4 bits", "for encoders where those layers are most of the file"
    ),
    "pruned": Form(
        "the weights with the smallest of them set to zero",
        "to learn how much of the model is needed, or to start from; smaller only once compressed, and not faster",
    ),
}
GRAPHS = ("onnx", "onnx-int8", "weight-int8", "weight-int4")
USUAL = ("safetensors", "onnx", "onnx-int8", "weight-int8", "pruned")
USUAL_WRITING = ("safetensors", "bfloat16", "pruned")
"""For models that write text."""
GRAPH = "model.onnx"
_NEEDED = ("onnx", "onnxruntime", "onnxscript")
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_PRUNED = "pruned-"


def expand(asked: Sequence[str] | None, sparsities: Sequence[float], *, writes: bool) -> list[str]:
    """The forms to make, by the names of their folders; `pruned` becomes one for each sparsity.

    Raises UsageError for forms that are not known, not possible for this model, or need packages that are missing.
    """
    forms = list(dict.fromkeys(asked or (USUAL_WRITING if writes else USUAL)))
    if unknown := [form for form in forms if form not in FORMS]:
        raise UsageError(Fault("--form", f"unknown: {', '.join(unknown)}", f"known are {', '.join(FORMS)}"))
    graphs = [form for form in forms if form in GRAPHS]
    if graphs and writes:
        problem = (
            f"{', '.join(graphs)}: this model writes text, and a graph without a cache of keys and values would read "
            "the whole text again for each token"
        )
        raise UsageError(Fault("--form", problem, f"choose among {', '.join(f for f in FORMS if f not in GRAPHS)}"))
    missing = [name for name in _NEEDED if graphs and importlib.util.find_spec(name) is None]
    if missing:
        step = "`pip install 'rowtrail[export]'`, or choose `--form safetensors,bfloat16,pruned`"
        raise UsageError(Fault("--form", f"{', '.join(graphs)}: {', '.join(missing)} not installed", step))
    levels = [f"{_PRUNED}{sparsity:g}" for sparsity in dict.fromkeys(sparsities)]
    return [name for form in forms for name in (levels if form == "pruned" else [form])]


def is_graph(form: str) -> bool:
    """Whether the form is run by onnxruntime."""
    return form in GRAPHS


def described(form: str) -> Form:
    """What a form is, by the name of its folder."""
    return FORMS["pruned" if form.startswith(_PRUNED) else form]


@dataclass
class Workshop:
    """Makes forms of one tuned model, whose files are in `source`.

    `scratch` is a folder to be made for what several forms are made from.
    """

    model: Any
    tokenizer: Any
    source: Path
    scratch: Path
    max_length: int

    def make(self, form: str, folder: Path) -> dict[str, Any]:
        """Write the form into a new folder, with the tokenizer and the configuration, and say what is special to it."""
        leave_out = [] if form == "safetensors" else _WEIGHTS
        shutil.copytree(self.source, folder, ignore=shutil.ignore_patterns(*leave_out))
        if is_graph(form):
            return self._make_graph(form, folder)
        if form.startswith(_PRUNED):
            return self._make_pruned(float(form.removeprefix(_PRUNED)), folder)
        if form != "safetensors":
            _save(copy.deepcopy(self.model).to(_dtype(form)), folder)
        return {}

    def _make_graph(self, form: str, folder: Path) -> dict[str, Any]:
        from stages.methods.export.quantize import dynamic_int8, weight_only

        whole = self.scratch / GRAPH
        difference = self._difference
        if form == "onnx":
            shutil.copytree(self.scratch, folder, dirs_exist_ok=True)
            return {"logits_differ_by": difference}
        if form == "onnx-int8":
            dynamic_int8(whole, folder / GRAPH)
        else:
            weight_only(whole, folder / GRAPH, int(form.removeprefix("weight-int")))
        return {}

    @cached_property
    def _difference(self) -> float:
        """Traces the graph, once, into `scratch`: the largest difference of its logits to the model's."""
        from stages.methods.export.onnx import to_onnx

        self.scratch.mkdir()
        limit = min(self.max_length, models.position_limit(self.model.config) or self.max_length)
        return float(f"{to_onnx(self.model, self.tokenizer, self.scratch / GRAPH, limit):.2g}")

    def _make_pruned(self, sparsity: float, folder: Path) -> dict[str, Any]:
        from stages.methods.export.prune import prune

        thinner = copy.deepcopy(self.model)
        facts = prune(thinner, sparsity)
        _save(thinner, folder)
        return facts

    def open(self, form: str, folder: Path, task: Task) -> tuple[Any, Any]:
        """(model, tokenizer) from a folder of `make`, as a task's `predict` takes them; computes in the form's type."""
        if is_graph(form):
            from stages.methods.export.onnx import SessionModel

            return SessionModel(folder / GRAPH, models.load_config(folder)), self.tokenizer
        model, tokenizer = task.load_tuned(folder)
        return (model.to(_dtype(form)) if form in ("bfloat16", "float16") else model), tokenizer


def _dtype(form: str) -> Any:
    import torch

    return getattr(torch, form)


def _save(model: Any, folder: Path) -> None:
    """Weights, and the configuration with their type; files that are not the model's stay as they were copied."""
    models.quiet()
    model.save_pretrained(folder)
