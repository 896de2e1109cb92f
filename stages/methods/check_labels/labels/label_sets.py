"""Folds for records with any number of labels: no record is judged by a model that has seen its group."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np

from stages.methods.check_labels.views import Codes
from stages.methods.split.splitting import draw


def deal_sets(
    sets: Sequence[Collection[str]], keys: Sequence[str], folds: int, seed: int, silent: Collection[str] = ()
) -> tuple[Codes, tuple[str, ...]]:
    """The fold of each record, by its group's key; and the labels, sorted, that can be judged.

    The groups of a label are dealt out in turn, in the order of a hash; a group with several labels among those of its
    rarest one, which can spare it least. A label in fewer groups than folds, or in a single fold, would be missing from
    a training fold: what has it could only be found wrong. Groups whose key is `silent` teach nobody, and do not count.
    """
    groups: dict[str, set[str]] = defaultdict(set)
    for own, key in zip(sets, keys, strict=True):
        for label in own if key not in silent else ():
            groups[label].add(key)
    rarest: dict[str, str] = dict.fromkeys(keys, "")
    for label in sorted(groups, key=lambda label: (-len(groups[label]), label)):
        rarest |= dict.fromkeys(groups[label], label)
    dealt: dict[str, list[str]] = defaultdict(list)
    for key in sorted(rarest, key=lambda key: hashlib.sha256(f"{seed}:check_labels:{key}".encode()).digest()):
        dealt[rarest[key]].append(key)
    first = {label: int(draw(seed, label, "check_labels") * folds) for label in dealt}
    fold = {key: (first[label] + place) % folds for label, some in dealt.items() for place, key in enumerate(some)}
    enough = {label for label, some in groups.items() if len(some) >= folds and len({fold[key] for key in some}) > 1}
    return np.array([fold[key] for key in keys], dtype=np.int64), tuple(sorted(enough))
