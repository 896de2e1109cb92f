"""Folds for judging labels: no record is judged by a model that has seen its group."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Apart:
    """How records are kept apart: the key of each one's group, its fold (0 and up), and whether it may teach at all."""

    keys: Sequence[str]
    folds: NDArray[np.int64]
    teaches: NDArray[np.bool_]


def deal_folds(
    labels: Sequence[str], keys: Sequence[str], folds: int, seed: int, silent: Collection[str] = ()
) -> NDArray[np.int64]:
    """The fold of each record, by its group's key; -1 for the records of classes with fewer groups than folds.

    The groups of a class are dealt out in turn, in the order of a hash, so that each fold holds each class. A group
    with several labels is dealt with those of its rarest one, which can spare it least. A class in fewer groups would
    be missing from a training fold, and its records could only be found wrong: they are set aside. Groups whose key is
    `silent` teach nobody, and do not count.
    """
    counts = Counter(label for label, _ in {*zip(labels, keys, strict=True)})
    rarest: dict[str, str] = {}
    for label, key in zip(labels, keys, strict=True):
        rarest[key] = min(label, rarest.get(key, label), key=lambda name: (counts[name], name))
    groups: dict[str, list[str]] = {}
    for key in sorted(rarest, key=lambda key: hashlib.sha256(f"{seed}:check_labels:{key}".encode()).digest()):
        groups.setdefault(rarest[key], []).append(key)
    fold = {key: place % folds for some in groups.values() for place, key in enumerate(some)}
    spread: dict[str, set[int]] = {}
    for label, key in zip(labels, keys, strict=True):
        if key not in silent:
            spread.setdefault(label, set()).add(fold[key])
    teaching = Counter(label for label, key in {*zip(labels, keys, strict=True)} if key not in silent)
    enough = {label for label, some in spread.items() if teaching[label] >= folds and len(some) > 1}
    return np.array([fold[key] if label in enough else -1 for label, key in zip(labels, keys, strict=True)])
