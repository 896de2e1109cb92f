"""How much each record counts in the training loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Facts:
    """What the weight of a record depends on; `learned` counts the tokens that its loss is the mean of."""

    source: str
    labels: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    learned: int = 1


def record_weights(
    rows: Sequence[Facts], known: Sequence[Facts], options: Mapping[str, Any], *, private: bool = False
) -> list[float] | None:
    """A weight for each of `rows`, with a mean of 1, or None where the options (plan.json's `finetune`) weigh nothing.

    Shares of classes and groups are counted in `known`, the training records, also when `rows` are for validation. The
    mean of 1 keeps the learning rate's meaning whatever is weighed; with privacy there is none, for then a record's
    weight would tell of the others.
    """
    factors = [
        *([_by_class(rows, known)] if options["class_weights"] else []),
        *([_by_attribute(rows, known, options["attribute_weights"])] if options.get("attribute_weights") else []),
        *([_by_source(rows, options["source_weights"])] if options.get("source_weights") else []),
        *([_by_tokens(rows)] if options.get("loss_over") == "tokens" and any(row.learned > 1 for row in rows) else []),
    ]
    if not factors or not rows:
        return None
    products = [_product(parts) for parts in zip(*factors, strict=True)]
    mean = 1.0 if private else sum(products) / len(products)
    return [product / mean for product in products] if mean > 0 else products


def class_weights(labels: Sequence[str]) -> dict[str, float]:
    """Weight of each class: records / (classes * records of the class), so that the mean over the records is 1."""
    counts = Counter(labels)
    return {label: len(labels) / (len(counts) * count) for label, count in sorted(counts.items())}


def _by_class(rows: Sequence[Facts], known: Sequence[Facts]) -> list[float]:
    """The mean weight of a record's classes; 1 where it has none, or only such as no training record has."""
    weights = class_weights([label for row in known for label in row.labels])
    found = [[weights.get(label, 1.0) for label in row.labels] or [1.0] for row in rows]
    return [sum(some) / len(some) for some in found]


def _by_attribute(rows: Sequence[Facts], known: Sequence[Facts], name: str) -> list[float]:
    """P(group) P(class) / P(group and class): makes both independent (Kamiran and Calders 2012, section 4.2)."""
    both = Counter((row.attributes.get(name, ""), row.labels) for row in known)
    groups, classes = Counter[str](), Counter[tuple[str, ...]]()
    for (group, labels), count in both.items():
        groups[group] += count
        classes[labels] += count
    keys = [(row.attributes.get(name, ""), row.labels) for row in rows]
    return [
        groups[group] * classes[labels] / (len(known) * both[group, labels]) if both[group, labels] else 1.0
        for group, labels in keys
    ]


def _by_source(rows: Sequence[Facts], weights: Mapping[str, float]) -> list[float]:
    return [weights.get(row.source, 1.0) for row in rows]


def _by_tokens(rows: Sequence[Facts]) -> list[float]:
    """As many as the tokens: a mean over records of their means becomes the mean over all tokens."""
    return [float(row.learned) for row in rows]


def _product(factors: Sequence[float]) -> float:
    product = 1.0
    for factor in factors:
        product *= factor
    return product
