"""Whether the model fits its training rows too closely, or not closely enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.task import Metric
from stages.methods.audit.roc import difference, flat
from stages.methods.evaluate.slices import mean_quality

_OVERFIT = 0.05
"""The gap between train and test quality that counts as overfitting when its interval lies wholly above it: within
five points the training rows are seldom memorised, and few test splits can tell a smaller gap from chance."""
_OVERFIT_LOSS = 0.2
"""The same for models that write, in nats a token: perplexity on test rows is then 22 % above that on training rows."""


@dataclass(frozen=True, slots=True)
class Part:
    """How the model did on rows of one split: quality 0 to 1 of the answers there are, and losses in nats.

    A loss is None where the label has no probability.
    """

    quality: Sequence[float]
    losses: Sequence[float | None]

    @property
    def known(self) -> list[float]:
        """The losses there are."""
        return [loss for loss in self.losses if loss is not None]

    @property
    def loss(self) -> float | None:
        """The mean loss, or None when no row has one."""
        return round(sum(self.known) / len(self.known), 6) if self.known else None


def diagnose(parts: Mapping[str, Part], floor: float, measure: str) -> dict[str, Any]:
    """Quality and loss of `train`, `validation` and `test`, and what their differences mean.

    `floor` is the mean quality of the best model without pretraining on test rows, `measure` what quality is called.
    `underfit`: the model does not even reach the floor on rows that it was trained on. `overfit`: train quality exceeds
    test quality by more than five points, by the whole 95 % interval of the gap. Else `balanced`. Where training rows
    got no answers (models that write), the gap is the difference of the losses, and `underfit` cannot be told.
    """
    if not parts["train"].quality:
        return _by_loss(parts)
    shares = {name: mean_quality(part.quality) for name, part in parts.items() if part.quality}
    gap = difference(shares["train"], shares["test"])
    code = _code(shares, gap, floor)
    found: dict[str, Any] = {"code": code, "sentence": _sentence(code, shares, gap, floor, measure)}
    found |= {**flat({"gap": gap}), "floor": round(floor, 6)}
    for name, share in shares.items():
        found |= {f"{name}_{measure}": share.value, f"{name}_low": share.low, f"{name}_high": share.high}
        found |= {f"{name}_rows": len(parts[name].quality)}
        found |= {} if parts[name].loss is None else {f"{name}_loss": parts[name].loss}
    return found


def _code(shares: Mapping[str, Metric], gap: Metric, floor: float) -> str:
    if shares["train"].value < floor:
        return "underfit"
    return "overfit" if gap.low > _OVERFIT else "balanced"


def _sentence(code: str, shares: Mapping[str, Metric], gap: Metric, floor: float, measure: str) -> str:
    train, test = shares["train"].value, shares["test"].value
    numbers = f"{measure.replace('_', ' ')} {train:.3f} on training rows, {test:.3f} on test rows"
    span = f"gap {gap.value:.3f}, 95 % interval {gap.low:.3f} to {gap.high:.3f}"
    if code == "underfit":
        return (
            f"Underfit: {numbers}. Without pretraining {floor:.3f} is reached on test rows: train longer, or with a "
            "higher learning rate."
        )
    if code == "overfit":
        return f"Overfit: {numbers} ({span}): {_REMEDY}"
    return f"Balanced: {numbers} ({span}): the gap is not surely above {_OVERFIT}."


_REMEDY = "fewer epochs, a higher weight_decay or dropout, or more data narrow it."


def _by_loss(parts: Mapping[str, Part]) -> dict[str, Any]:
    means = {name: _mean_loss(part.known) for name, part in parts.items() if part.known}
    if not {"train", "test"} <= means.keys():
        return {"code": "unknown", "sentence": "Too few rows have a loss to compare training with test rows."}
    gap = difference(means["test"], means["train"])
    code = "overfit" if gap.low > _OVERFIT_LOSS else "balanced"
    numbers = f"loss {means['train'].value:.3f} nats a token on training rows, {means['test'].value:.3f} on test rows"
    span = f"gap {gap.value:.3f}, 95 % interval {gap.low:.3f} to {gap.high:.3f}"
    end = _REMEDY if code == "overfit" else f"the gap is not surely above {_OVERFIT_LOSS}."
    found: dict[str, Any] = {"code": code, "sentence": f"{code.capitalize()}: {numbers} ({span}): {end}"}
    found |= flat({"gap": gap})
    for name, mean in means.items():
        found |= {f"{name}_loss": mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
        found |= {f"{name}_rows": len(parts[name].known)}
    return found


def _mean_loss(losses: Sequence[float]) -> Metric:
    """The mean with its normal 95 % interval."""
    mean = sum(losses) / len(losses)
    spread = sum((loss - mean) ** 2 for loss in losses) / max(1, len(losses) - 1)
    half = 1.959964 * math.sqrt(spread / len(losses))
    return Metric(round(mean, 6), round(mean - half, 6), round(mean + half, 6))
