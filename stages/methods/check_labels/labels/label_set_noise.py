"""How many wrong labels the check finds on this very data: some are planted in a shadow copy, and looked for.

Of two kinds: `removed`, a label that the record has is taken away; `added`, it gets one more. That says nothing of how
many suspects are right: only people can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.core.doubts import Mapper
from stages.methods.check_labels.labels.multi_label_errors import Judged, LabelSets, judge
from stages.methods.check_labels.labels.noise_probe import FEW
from stages.methods.check_labels.recalls import recalls
from stages.methods.split.splitting import draw

KINDS = ("removed", "added")


@dataclass(frozen=True, slots=True)
class Plant:
    """A wrong label: which record's, which one, and what was done."""

    record: int
    label: int
    kind: str


def measure(
    records: LabelSets, found: Judged, ids: Sequence[str], share: float, seed: int, run: Mapper = map
) -> dict[str, Any]:
    """Recall by kind of error, with its 95 % Wilson interval, and how many errors were planted.

    Records that are suspects already are left as they are: other labels might be the right ones. Empty where fewer than
    20 errors would be planted.
    """
    noisy, plants = planted(records, ids, [0.0 if one.any() else share for one in found.doubted], seed)
    if len(plants) < FEW:
        return {}
    again = judge(noisy, run)
    return recalls([one.kind for one in plants], [bool(again.doubted[one.record, one.label]) for one in plants])


def planted(
    records: LabelSets, ids: Sequence[str], shares: Sequence[float], seed: int
) -> tuple[LabelSets, list[Plant]]:
    """The same records, a share of them with one label too many or too few, and what was done to them."""
    given, plants = records.given.copy(), list[Plant]()
    for record, (id, share) in enumerate(zip(ids, shares, strict=True)):
        if draw(seed, id, "label_probe") >= share:
            continue
        places = {"removed": np.flatnonzero(given[record] == 1), "added": np.flatnonzero(given[record] == 0)}
        kinds = [kind for kind in KINDS if len(places[kind])]
        kind = kinds[int(draw(seed, id, "label_noise") * len(kinds))]
        label = int(places[kind][int(draw(seed, id, "label_type") * len(places[kind]))])
        given[record, label] ^= 1
        plants.append(Plant(record, label, kind))
    return records.under(given), plants
