"""Whether the model fits its training rows too closely, or not closely enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.task import Metric
from stages.methods.audit.roc import difference, proportion

_OVERFIT = 0.05
"""The gap between train and test accuracy that counts as overfitting when its interval lies wholly above it: within
five points the training rows are seldom memorised, and few test splits can tell a smaller gap from chance."""


@dataclass(frozen=True, slots=True)
class Part:
    """How the model did on rows of one split; losses in nats, None where the label has no probability."""

    correct: Sequence[bool]
    losses: Sequence[float | None]

    @property
    def loss(self) -> float | None:
        """The mean loss, or None when no row has one."""
        known = [loss for loss in self.losses if loss is not None]
        return round(sum(known) / len(known), 6) if known else None


def diagnose(parts: Mapping[str, Part], floor: float) -> dict[str, Any]:
    """Accuracy and loss of `train`, `validation` and `test`, and what their differences mean.

    `floor` is the test accuracy of the best model without pretraining. `underfit`: the model does not even reach the
    floor on rows that it was trained on. `overfit`: train accuracy exceeds test accuracy by more than five points, by
    the whole 95 % interval of the gap. Else `balanced`.
    """
    shares = {name: proportion(part.correct) for name, part in parts.items() if part.correct}
    gap = difference(shares["train"], shares["test"])
    code = _code(shares, gap, floor)
    found: dict[str, Any] = {"code": code, "sentence": _sentence(code, shares, gap, floor)}
    found |= {"gap": gap.value, "gap_low": gap.low, "gap_high": gap.high, "floor": round(floor, 6)}
    for name, share in shares.items():
        found |= {f"{name}_accuracy": share.value, f"{name}_low": share.low, f"{name}_high": share.high}
        found |= {f"{name}_rows": len(parts[name].correct)}
        found |= {} if parts[name].loss is None else {f"{name}_loss": parts[name].loss}
    return found


def _code(shares: Mapping[str, Metric], gap: Metric, floor: float) -> str:
    if shares["train"].value < floor:
        return "underfit"
    return "overfit" if gap.low > _OVERFIT else "balanced"


def _sentence(code: str, shares: Mapping[str, Metric], gap: Metric, floor: float) -> str:
    train, test = shares["train"].value, shares["test"].value
    numbers = f"accuracy {train:.3f} on training rows, {test:.3f} on test rows"
    span = f"gap {gap.value:.3f}, 95 % interval {gap.low:.3f} to {gap.high:.3f}"
    if code == "underfit":
        return (
            f"Underfit: {numbers}. Without pretraining {floor:.3f} is reached on test rows: train longer, or with a "
            "higher learning rate."
        )
    if code == "overfit":
        return f"Overfit: {numbers} ({span}): fewer epochs, a higher weight_decay or dropout, or more data narrow it."
    return f"Balanced: {numbers} ({span}): the gap is not surely above {_OVERFIT}."
