"""Prove on invented rows, before any real one is touched, that this model can be trained privately as it is set up.

What breaks the guarantee does not crash: a loss over the whole batch, positions that all rows share, a layer that
Opacus cannot see through. So gradients are compared with those of one row at a time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from stages.core.errors import Fault, PrivacyRefused
from stages.core.records import Record
from stages.methods.finetune.batching import Features, length
from stages.methods.finetune.training import Learner
from stages.methods.privacy.gradients import ClippedGradients, Losses, per_row_losses

_TOLERANCE = 1e-4
_ROWS = 4


def self_test(learner: Learner, records: Sequence[Record], plan: Mapping[str, Any], device: Any) -> dict[str, Any]:
    """What was measured; the model is left as it was. `records` are invented ones, five or more.

    Raises PrivacyRefused with all that failed: per-row gradient norms that differ from one row at a time, norms that
    change when another row does, a step without rows, weights that stay, parameters that the optimizer lacks.
    """
    encoded = learner.task.encode(records, learner.tokenizer, plan["finetune"], plan["labels"])
    rows = [row for row in encoded if row.get("learned", 1) and len(row.get("windows", [row])) == 1]
    if len(rows) <= _ROWS:
        step = "raise finetune.max_length"
        raise PrivacyRefused(Fault("privacy self-test", "the invented rows are cut to nothing", step))
    private = plan["privacy"]
    model = learner.model.to(device)
    losses = per_row_losses(learner, device)
    with _stirred(model), _without_dropout(model):
        try:
            with ClippedGradients(model, losses, private["mode"], 1e9) as gradients:
                found = _measured(gradients, losses, rows[:_ROWS], _most_unlike(rows[_ROWS - 1], rows[_ROWS:]))
        except (RuntimeError, ValueError, NotImplementedError, AttributeError, IndexError) as error:
            problem = f"per-example gradients cannot be made in this set-up ({type(error).__name__})"
            raise PrivacyRefused(_fault(problem, private)) from None
    problems = list(_problems(found))
    if problems:
        raise PrivacyRefused(*(_fault(problem, private) for problem in problems))
    return {**found, "rows": _ROWS, "tolerance": _TOLERANCE}


def _fault(problem: str, private: Mapping[str, Any]) -> Fault:
    step = "train adapters only (finetune.lora.enabled) or the head alone (finetune.head_only)"
    step = "set privacy.mode to hooks; or " + step if private["mode"] == "ghost" else step
    return Fault("privacy self-test", problem, step)


def _most_unlike(row: Mapping[str, Any], others: Features) -> Mapping[str, Any]:
    """The one whose length differs most: what sums over a batch's tokens, or its padding, then differs, too."""
    return max(others, key=lambda other: abs(length(other) - length(row)))


def _measured(gradients: ClippedGradients, losses: Losses, first: Features, other: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    swapped = [*first[:-1], other]
    norms = gradients.add(first, range(_ROWS)).double()
    gradients.reset()
    others = gradients.add(swapped, range(_ROWS)).double()
    gradients.reset()
    alone = torch.stack([_norm_alone(gradients, losses, row) for row in first])
    gradients.reset()
    before = [parameter.detach().clone() for parameter in gradients.parameters]
    optimizer = torch.optim.AdamW(gradients.parameters, lr=1e-3)
    gradients.release(0.0, 1, torch.Generator(before[0].device))  # a step into which nobody was drawn
    empty = all(not bool(parameter.grad.any()) for parameter in gradients.parameters)
    gradients.add(first, range(_ROWS))
    gradients.release(0.0, 1, torch.Generator(before[0].device))
    optimizer.step()
    moved = [not torch.equal(old, new) for old, new in zip(before, gradients.parameters, strict=True)]
    known = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    trained = {id(parameter) for parameter in gradients.model.parameters() if parameter.requires_grad}
    return {
        "gradient_error": _error(norms, alone),
        "swap_error": _error(others[: _ROWS - 1], norms[: _ROWS - 1]),
        "empty_step": empty,
        "tensors": len(moved),
        "tensors_moved": sum(moved),
        "optimizer_has_all": known == trained,
    }


def _norm_alone(gradients: ClippedGradients, losses: Losses, row: Mapping[str, Any]) -> Any:
    """The norm of one row's gradient, by torch alone."""
    import torch

    gradients.hooks.disable_hooks()
    found = torch.autograd.grad(losses([row])[0].sum(), gradients.parameters, allow_unused=True)
    gradients.hooks.enable_hooks()
    return torch.stack([gradient.double().norm() for gradient in found if gradient is not None]).norm()


def _error(found: Any, wanted: Any) -> float:
    """The largest relative difference; infinite where a number is not finite."""
    difference = ((found.double() - wanted.double()).abs() / wanted.double().abs().clamp(min=1e-12)).max().item()
    return float(f"{difference:.3g}") if math.isfinite(difference) else math.inf


def _problems(found: Mapping[str, Any]) -> Iterator[str]:
    checks: list[tuple[str, Callable[[Any], bool], str]] = [
        ("gradient_error", lambda x: x < _TOLERANCE, "per-example gradients are not those of one example at a time"),
        ("swap_error", lambda x: x < _TOLERANCE, "an example's gradient depends on the others in its batch"),
        ("empty_step", bool, "a step into which nobody was drawn does not work"),
        ("optimizer_has_all", bool, "the optimizer does not have the parameters that are trained"),
        ("tensors_moved", bool, "no weight moved in a step"),
    ]
    for name, fine, problem in checks:
        if not fine(found[name]):
            value = f": {found[name]:.2g}" if isinstance(found[name], float) else ""
            yield f"{problem}{value}"


@contextmanager
def _stirred(model: Any) -> Iterator[None]:
    """Move what is trained off its first values, at which adapters have no gradient, and put it back afterwards."""
    import torch

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    kept = [parameter.detach().clone() for parameter in trained]
    draw = random.Random(0)
    with torch.no_grad():
        for parameter in trained:
            generator = torch.Generator().manual_seed(draw.getrandbits(32))
            parameter.add_((0.02 * torch.randn(parameter.shape, generator=generator)).to(parameter.device))
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(trained, kept, strict=True):
                parameter.copy_(value)
                parameter.grad = None


@contextmanager
def _without_dropout(model: Any) -> Iterator[None]:
    """In training are only modules with trained parameters of their own, where hooks need it, and norms over a batch.

    Those couple examples although they are frozen; of all others some may drop out.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    for module in model.modules():
        trained = any(parameter.requires_grad for parameter in module.parameters(recurse=False))
        module.training = trained or hasattr(module, "track_running_stats")
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
