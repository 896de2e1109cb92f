"""The sum of clipped gradients, one for each unit, plus noise: the step of DP-SGD (Abadi et al. 2016).

Per-example gradients come from Opacus' hooks. Clipping, adding up and noise are ours: a unit may have several rows, a
row may be read in several windows, and a batch may be empty.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from stages.methods.finetune.batching import Features, on_device

Losses = Callable[[Features], tuple[Any, Any]]
"""Rows to their losses, shape (rows,), and for each place in the model's batch the row it is of (None: the same)."""

_TINY = 1e-6
_SHARED_POSITIONS = ("relative_attention_bias", "embed_positions")
"""Embeddings that T5 and BART look up once for the whole batch: no example has a gradient of its own there."""


class ClippedGradients:
    """Adds up the clipped gradients of a model's units; a context, for the hooks on the model must come off again.

    `hooks` holds the gradient of every row of a batch, `ghost` only their norms, for which the batch goes backwards
    twice (Li et al. 2022); there a unit is one row, read in one window.
    """

    def __init__(self, model: Any, losses: Losses, mode: str, max_grad_norm: float) -> None:
        self.model, self.losses, self.mode, self.limit = model, losses, mode, max_grad_norm
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def __enter__(self) -> ClippedGradients:
        from opacus.grad_sample import GradSampleHooks, GradSampleHooksFastGradientClipping
        from torch.nn import LayerNorm

        # Opacus' own (1.6) asks a norm without a bias, as ModernBERT has them, for its bias.
        GradSampleHooks.GRAD_SAMPLERS[LayerNorm] = _of_layer_norm
        if self.mode == "ghost":
            self.hooks: Any = GradSampleHooksFastGradientClipping(
                self.model, loss_reduction="sum", max_grad_norm=self.limit
            )
        else:
            self.hooks = GradSampleHooks(self.model, loss_reduction="sum")
        self._quiet = ExitStack()
        self._quiet.enter_context(warnings.catch_warnings())
        # An embedding's input are numbers of tokens, which have no gradient: torch finds that worth saying.
        warnings.filterwarnings("ignore", message="Full backward hook is firing", category=UserWarning)
        self.reset()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._quiet.close()
        self._forget()
        self.hooks.cleanup()
        for parameter in self.parameters:
            parameter.grad = None

    def reset(self) -> None:
        """Begin a step: nothing added up."""
        import torch

        self.sums = [torch.zeros_like(parameter) for parameter in self.parameters]

    def add(self, rows: Features, owners: Sequence[int]) -> Any:
        """Add the clipped gradients of some whole units; `owners` numbers the unit of each row from 0.

        Gives the norms before clipping, shape (units,). A unit whose gradient is not finite adds nothing: else its
        presence would show.
        """
        norms = self._by_norms(rows) if self.mode == "ghost" else self._by_samples(rows, owners)
        self._forget()
        return norms

    def add_large(self, parts: Sequence[Features]) -> None:
        """Add one unit that is too large for memory, in parts: it has one gradient, which needs no hooks."""
        import torch

        self._forget()
        self.hooks.disable_hooks()
        for rows in parts:
            self.losses(rows)[0].sum().backward()
        self.hooks.enable_hooks()
        own = [_or_zero(parameter.grad, parameter) for parameter in self.parameters]
        norm = torch.stack([gradient.norm() for gradient in own]).norm()
        if norm.isfinite():
            factor = (self.limit / (norm + _TINY)).clamp(max=1.0)
            for total, gradient in zip(self.sums, own, strict=True):
                total.add_(gradient * factor)
        self._forget()

    def release(self, noise_multiplier: float, expected_batch: int, generator: Any) -> None:
        """Put (sum + noise) / expected batch where an optimizer looks for gradients, and begin the next step.

        The divisor is a public constant: how many were drawn is private.
        """
        import torch

        for parameter, total in zip(self.parameters, self.sums, strict=True):
            noise = torch.randn(total.shape, generator=generator, device=total.device, dtype=total.dtype)
            parameter.grad = (total + noise_multiplier * self.limit * noise) / expected_batch
        self.reset()

    def _by_samples(self, rows: Features, owners: Sequence[int]) -> Any:
        import torch

        losses, places = self.losses(rows)
        losses.sum().backward()
        owner = torch.tensor(owners, device=losses.device)
        owner = owner if places is None else owner[places]
        units = int(max(owners)) + 1
        own = [_of_units(parameter, owner, units) for parameter in self.parameters]
        norms = torch.stack([gradients.flatten(1).norm(dim=1) for gradients in own]).norm(dim=0)
        factors = _factors(norms, self.limit)
        for total, gradients in zip(self.sums, own, strict=True):
            finite = gradients if norms.isfinite().all() else torch.nan_to_num(gradients, 0.0, 0.0, 0.0)
            total.add_(torch.tensordot(factors.to(finite.dtype), finite, dims=1))
        return norms

    def _by_norms(self, rows: Features) -> Any:
        import torch

        losses, _ = self.losses(rows)
        losses.sum().backward(retain_graph=True)
        found = [getattr(parameter, "_norm_sample", None) for parameter in self.parameters]
        norms = torch.stack([norm for norm in found if norm is not None]).norm(dim=0)
        self._forget()
        if not norms.isfinite().all():
            # Not finite times zero is not finite: such rows must not go backwards at all.
            left = [row for row, fine in zip(rows, norms.isfinite().tolist(), strict=True) if fine]
            if left:
                self._by_norms(left)
            return norms
        self.hooks.disable_hooks()
        (_factors(norms, self.limit).detach() * losses).sum().backward()
        self.hooks.enable_hooks()
        for total, parameter in zip(self.sums, self.parameters, strict=True):
            total.add_(_or_zero(parameter.grad, parameter))
        return norms

    def _forget(self) -> None:
        """Drop what backward passes left on the parameters, or it would be taken for the next batch's."""
        for parameter in self.parameters:
            parameter.grad = parameter.grad_sample = None
            for name in ("_norm_sample", "_current_grad_sample"):
                if hasattr(parameter, name):
                    delattr(parameter, name)
            if hasattr(parameter, "_forward_counter"):
                parameter._forward_counter = 0  # noqa: SLF001 - Opacus keeps its count there
        for module in self.model.modules():
            if getattr(module, "activations", None):
                module.activations = []


def _factors(norms: Any, limit: float) -> Any:
    """By how much each gradient is scaled: to the limit at most, and to nothing where it is not finite."""
    import torch

    return torch.where(norms.isfinite(), (limit / (norms + _TINY)).clamp(max=1.0), torch.zeros_like(norms))


def _of_units(parameter: Any, owner: Any, units: int) -> Any:
    """The gradient of each unit, shape (units, *parameter)."""
    import torch

    sample = getattr(parameter, "grad_sample", None)
    if sample is None:  # the loss does not depend on it
        return torch.zeros((units, *parameter.shape), device=parameter.device, dtype=parameter.dtype)
    if len(owner) == units and bool((owner == torch.arange(units, device=owner.device)).all()):
        return sample
    return torch.zeros((units, *parameter.shape), device=sample.device, dtype=sample.dtype).index_add(0, owner, sample)


def _of_layer_norm(layer: Any, activations: Sequence[Any], backprops: Any) -> dict[Any, Any]:
    """Per-example gradients of a norm over the last dimensions: of its weight, and of its bias where it has one."""
    from torch.nn.functional import layer_norm

    between = tuple(range(1, backprops.dim() - len(layer.normalized_shape)))

    def summed(values: Any) -> Any:
        return values.sum(dim=between) if between else values

    found = {}
    if layer.weight is not None and layer.weight.requires_grad:
        found[layer.weight] = summed(layer_norm(activations[0], layer.normalized_shape, eps=layer.eps) * backprops)
    if layer.bias is not None and layer.bias.requires_grad:
        found[layer.bias] = summed(backprops)
    return found


def _or_zero(gradient: Any, parameter: Any) -> Any:
    import torch

    return torch.zeros_like(parameter) if gradient is None else gradient


def per_row_losses(learner: Any, device: Any) -> Losses:
    """Losses of a task's rows, each with its `weight`, as per-example gradients need them."""
    accepted = inspect.signature(_inner(learner.model).forward).parameters

    def losses(rows: Features) -> tuple[Any, Any]:
        batch = on_device(learner.collate(rows), device)
        weights, places = batch.pop("weight"), batch.get("record")
        return learner.task.losses(
            learner.model, _for_each_row(batch, accepted, learner.model.config)
        ) * weights, places

    return losses


def _inner(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _for_each_row(batch: Mapping[str, Any], accepted: Mapping[str, Any], config: Any) -> dict[str, Any]:
    """Positions and segments for each row of the batch: what models make up once for all rows has no per-row gradient.

    Models that number positions by their padding (RoBERTa's family) already do it for each row.
    """
    import torch

    found, ids = dict(batch), batch["input_ids"]
    if "position_ids" in accepted and "position_ids" not in found and not _by_padding(config):
        found["position_ids"] = torch.arange(ids.shape[1], device=ids.device).repeat(ids.shape[0], 1)
    if "token_type_ids" in accepted and hasattr(config, "type_vocab_size"):
        segments = found.get("token_type_ids")
        found["token_type_ids"] = torch.zeros_like(ids) if segments is None else segments.contiguous()
    return found


def _by_padding(config: Any) -> bool:
    from stages.methods.finetune.models import OFFSET_POSITIONS

    return config.model_type in OFFSET_POSITIONS


def freeze_shared(model: Any) -> int:
    """Freeze the parameters of which no example has a gradient of its own; gives how many numbers that are."""
    frozen = 0
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and any(part in _SHARED_POSITIONS for part in name.split(".")):
            parameter.requires_grad_(False)
            frozen += parameter.numel()
    return frozen
