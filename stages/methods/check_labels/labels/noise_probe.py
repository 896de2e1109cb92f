"""How many wrong labels the check finds on this very data: some are made wrong in a shadow copy, and looked for.

Twice, for the kind of error decides what can be found: once any other label, once the one that is easiest confused. The
truth lies between, so both are told. That says nothing of how many suspects are right: only people can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from stages.methods.audit.roc import wilson
from stages.methods.check_labels.labels.label_errors import Judged, Labelled, judge
from stages.methods.check_labels.views import Codes
from stages.methods.split.splitting import draw

FEW = 20
"""Fewer planted errors than this say too little to be planted at all."""
_DIGITS = 6


def measure(
    records: Labelled,
    found: Judged,
    ids: Sequence[str],
    share: float,
    seed: int,
    check: Callable[[Labelled], Judged] = judge,
) -> dict[str, Any]:
    """Recall by kind of error, with its 95 % Wilson interval, and how many errors were planted.

    Records that are suspects already are left as they are: another label might be the right one. Empty where fewer than
    20 errors would be planted. `check` is how the records were judged, and are again.
    """
    chosen = np.array([draw(seed, id, "label_probe") < share for id in ids]) & ~found.suspect
    if chosen.sum() < FEW:
        return {}
    measured = {}
    for kind, planted in plants(records, ids, seed).items():
        again = check(records.under(np.where(chosen, planted, records.given)))
        hits, planted_rows = int((again.suspect & chosen).sum()), int(chosen.sum())
        low, high = wilson(hits, planted_rows)
        recall = {"recall": round(hits / planted_rows, _DIGITS), "recall_low": low, "recall_high": high}
        others = int((again.suspect & ~chosen & ~found.suspect).sum())
        measured[kind] = {"planted": planted_rows, "found": hits, **recall, "others_suspected": others}
    return measured


def plants(records: Labelled, ids: Sequence[str], seed: int) -> Mapping[str, Codes]:
    """A wrong label for every record: `symmetric`, any other class; `confusable`, the class nearest in words."""
    classes = len(records.classes)
    steps = np.array([int(draw(seed, id, "label_noise") * (classes - 1)) for id in ids])
    return {"symmetric": (records.given + 1 + steps) % classes, "confusable": _nearest_class(records)[records.given]}


def _nearest_class(records: Labelled) -> Codes:
    """For each class the one whose mean of TF-IDF rows is nearest by cosine."""
    from scipy.sparse import coo_array

    rows = np.arange(len(records.given))
    members = coo_array((np.ones(len(rows)), (records.given, rows)), (len(records.classes), len(rows))).tocsr()
    means = np.asarray((members @ records.terms).todense())
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    unit = np.divide(means, lengths, out=np.zeros_like(means), where=lengths > 0)
    likeness = np.round(unit @ unit.T, 9)
    np.fill_diagonal(likeness, -1)
    nearest: Codes = likeness.argmax(axis=1)
    return nearest
