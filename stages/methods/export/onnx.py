"""The tuned model as an ONNX graph, for onnxruntime and other programs that have no Python model code.

Traced by torch's own exporter (torch.export), with the number of records and of tokens left open. Models that write
text are not for this: without a cache of keys and values the graph would read the whole text again for each token.
"""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stages.core.errors import CheckFailed, Fault, UsageError

_OPSET = 18
"""Of February 2023: old enough for every runtime in use, new enough for layer normalisation in one node."""
_ONE_FILE = 1_900_000_000
"""Protobuf, the format of the file, ends at 2 GiB; larger weights stand in a file beside it."""
_TOLERANCE = 1e-3
"""Of the largest logit. Sums in another order differ by 1e-6 or so; a graph that is wrong differs by about 1."""
_ROWS = (1, 2, 5, 32)


def to_onnx(model: Any, tokenizer: Any, file: Path, limit: int) -> float:
    """Write the graph of a model in float32, and give the largest difference of its logits to the model's own.

    Compared over several numbers of records, with and without padding, and lengths up to `limit` tokens. The model
    is left as for prediction, without gradients. Raises UsageError for a model that cannot be traced, and CheckFailed
    when the graph computes something else.
    """
    model.eval().requires_grad_(requires_grad=False)
    with _without_cache(model.config):
        program = _traced(model, example_inputs(model, tokenizer, 2, min(limit, 8)))
        _bare(program.model)
        program.save(str(file), external_data=weights_size(model) > _ONE_FILE)
        return _difference(model, tokenizer, file, limit)


@contextmanager
def _without_cache(config: Any) -> Iterator[None]:
    """Decoders else also give out keys and values for tokens to come, which a model that labels does not need."""
    if not hasattr(config, "use_cache"):
        yield
        return
    before, config.use_cache = config.use_cache, False
    try:
        yield
    finally:
        config.use_cache = before


def weights_size(model: Any) -> int:
    """Bytes of the parameters."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def example_inputs(model: Any, tokenizer: Any, rows: int, length: int) -> dict[str, Any]:
    """Inputs of this shape, the same at each call, for any tokens will do; rows after the first end in padding."""
    import torch

    taken = inspect.signature(model.forward).parameters
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(0, model.config.vocab_size, (rows, length), generator=draw)
    mask = torch.ones_like(ids)
    for row in range(1, rows):
        end = max(1, length - row)
        mask[row, end:] = 0
        ids[row, end:] = tokenizer.pad_token_id or 0
    known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}
    return {name: known[name] for name in tokenizer.model_input_names if name in known and name in taken}


def _traced(model: Any, example: Mapping[str, Any]) -> Any:
    import torch

    with torch.inference_mode():
        names = [name for name, value in model(**example).items() if value is not None]
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}
    with torch.no_grad(), quiet():
        try:
            return torch.onnx.export(
                model, (), kwargs=dict(example), dynamo=True, verbose=False, opset_version=_OPSET,
                dynamic_shapes=dict.fromkeys(example, axes), input_names=list(example), output_names=names,
            )  # fmt: skip
        except (torch.onnx.OnnxExporterError, RuntimeError):
            kind = model.config.model_type
            problem = f"torch cannot trace this architecture ({kind})"
            step = "choose other forms, for example `--form safetensors,pruned`"
            raise UsageError(Fault("--form onnx", problem, step)) from None


def _bare(graph: Any) -> None:
    """Take out what the exporter notes beside the graph.

    That is above all paths and lines of this machine's source files.
    """
    for node in graph.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
    graph.metadata_props.clear()
    graph.graph.metadata_props.clear()


def _difference(model: Any, tokenizer: Any, file: Path, limit: int) -> float:
    import torch

    session = SessionModel(file, model.config)
    worst = largest = 0.0
    for rows, length in zip(_ROWS, _lengths(limit), strict=True):
        inputs = example_inputs(model, tokenizer, rows, length)
        with torch.inference_mode():
            ours, theirs = vars(session(**inputs)), model(**inputs)
        for name, values in ours.items():
            # Logits of padding mean nothing, and attention may fill them with anything.
            there = inputs["attention_mask"].bool() if values.shape[:2] == inputs["input_ids"].shape else slice(None)
            worst = max(worst, float((values - theirs[name])[there].abs().max()))
            largest = max(largest, float(theirs[name][there].abs().max()))
    if not worst <= _TOLERANCE * max(1.0, largest):  # so, because a NaN must not pass
        problem = f"the graph's logits differ from the model's by up to {worst:.2g}"
        raise CheckFailed(Fault("onnx", problem, "choose other forms; this architecture is not traced correctly"))
    return worst


def _lengths(limit: int) -> Sequence[int]:
    """Tokens a record beside `_ROWS`; never one alone where more are possible, for no tokenizer gives that."""
    return [min(limit, length) for length in (2, 7, limit, max(2, limit // 2))]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what the libraries of ONNX say about themselves, and undo what they do to the root logger.

    One of them calls `logging.basicConfig(level=INFO)` when it is imported.
    """
    root = logging.getLogger()
    handlers, level, disabled = list(root.handlers), root.level, root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # torch's own use of what it has deprecated; and that both axes bear the same names in all inputs.
            warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
            warnings.filterwarnings("ignore", message="# The axis name", category=UserWarning)
            yield
    finally:
        logging.disable(disabled)
        root.setLevel(level)
        root.handlers[:] = handlers


class SessionModel:
    """A graph in onnxruntime that answers as a model of transformers does: a task's `predict` cannot tell them apart.

    It computes on the CPU with as many threads as torch.
    """

    def __init__(self, file: Path, config: Any) -> None:
        import onnxruntime
        import torch

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors only
        # Threads that wait by spinning would take the cores from whatever is measured beside this.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._outputs = [one.name for one in self._session.get_outputs()]
        self.config, self.device, self.training = config, torch.device("cpu"), False

    def __call__(self, **inputs: Any) -> SimpleNamespace:
        """The outputs by name (`logits`, or `start_logits` and `end_logits`) as tensors."""
        import torch

        found = self._session.run(self._outputs, {name: inputs[name].numpy() for name in self._inputs})
        return SimpleNamespace(
            **{name: torch.from_numpy(values) for name, values in zip(self._outputs, found, strict=True)}
        )

    def train(self, mode: bool = True) -> SessionModel:
        """Only notes the mode; a graph has no dropout."""
        self.training = mode
        return self

    def eval(self) -> SessionModel:
        """As `train(False)`."""
        return self.train(False)
