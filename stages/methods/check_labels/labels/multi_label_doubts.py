"""The check of sets of labels: suspects, their rank, and what was measured of the check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stages.core.doubts import Doubt, Doubted, LabelCheck, Ranked
from stages.core.records import Label
from stages.methods.check_labels.annotations import labels_line
from stages.methods.check_labels.folds import Apart
from stages.methods.check_labels.labels.label_set_noise import measure
from stages.methods.check_labels.labels.label_sets import deal_sets
from stages.methods.check_labels.labels.multi_label_errors import Judged, judge, label_sets
from stages.methods.check_labels.views import term_matrix
from stages.methods.evaluate.multi_label import NONE

DIGITS = 3  # of chances; what lies behind them differs between processors
_MOVES = 20
Sets = Mapping[str, Sequence[str]]


def multi_label_doubts(check: LabelCheck) -> Doubted:
    """Doubts about the labels (`labels` of `text`) of each record of which somebody said which ones it has."""
    sets = {one.id: one.values["labels"] for one in check.records() if one.values["labels"] is not None}
    keys, silent = [check.keys[id] for id in sets], {check.keys[id] for id in check.reserved}
    folds, dealt = deal_sets([*sets.values()], keys, check.params.folds, check.seed, silent)
    apart = Apart(keys, folds, np.array([key not in silent for key in keys], dtype=np.bool_))
    labels = tuple(label for label in dealt if _lacking(label, [*sets.values()], apart) > 1)
    if not labels:
        return Doubted(facts=_facts(sets, labels, None))
    vectors = check.embed((one, one.text) for one in check.records() if one.id in sets)
    terms = term_matrix(one.text for one in check.records() if one.id in sets)
    records = label_sets([*sets.values()], labels, apart, vectors, terms)
    judged = judge(records, check.run)
    ranked: dict[str, Ranked] = {}
    doubts: dict[str, Sequence[Doubt]] = {}
    for record, (id, own) in enumerate(sets.items()):
        changed = {labels[place] for place in np.flatnonzero(judged.doubted[record])}
        suggested = labels_line([*{*own} ^ changed]) if changed else None
        ranked[id] = Ranked(round(float(judged.right[record].min()), DIGITS), suggested)
        if changed:
            doubts[id] = [_doubt(own, changed, ranked[id])]
    probe = measure(records, judged, [*sets], check.params.probe, check.seed, check.run) if check.params.probe else {}
    return Doubted(doubts, ranked, {**_facts(sets, labels, judged), **({"probe": probe} if probe else {})})


def _lacking(label: str, sets: Sequence[Sequence[str]], apart: Apart) -> int:
    """In how many folds some record that teaches lacks the label: one is not enough to learn from for those in it."""
    rows = zip(sets, apart.folds, apart.teaches, strict=True)
    return len({int(fold) for own, fold, teaches in rows if teaches and label not in own})


def _doubt(own: Sequence[str], changed: set[str], ranked: Ranked) -> Doubt:
    """The evidence: which labels are given but doubted, and which are missing but expected."""
    evidence: dict[str, Any] = {"given": Label(labels_line(own)), "suggested": Label(ranked.suggested or "")}
    evidence |= {"doubted": [Label(label) for label in sorted(changed & {*own})]}
    evidence |= {"missing": [Label(label) for label in sorted(changed - {*own})]}
    return Doubt("suspect_label", {**evidence, "score": ranked.margin})


def _facts(sets: Sets, labels: Sequence[str], judged: Judged | None) -> dict[str, Any]:
    """By label: rows that have it, those in doubt, those that probably lack it; what was not checked, and why."""
    rows = Counter(label for own in sets.values() for label in own)
    doubted, missing = Counter[str](), Counter[str]()
    if judged is not None:
        has = np.array([[label in own for label in labels] for own in sets.values()])
        doubted.update(dict(zip(labels, (judged.doubted & has).sum(axis=0).tolist(), strict=True)))
        missing.update(dict(zip(labels, (judged.doubted & ~has).sum(axis=0).tolist(), strict=True)))
    moves = [(label, NONE, n) for label, n in doubted.items()] + [(NONE, label, n) for label, n in missing.items()]
    return {
        "unchecked_classes": {label: n for label, n in sorted(rows.items()) if label not in labels},
        "suspects_by_label": {label: n for label, n in sorted((doubted + missing).items()) if n},
        "labels": {
            label: {"rows": rows[label], "suspects": doubted[label], "missing": missing[label],
                    "share": round(doubted[label] / rows[label], 6)}
            for label in labels
        },
        "suggestions": [
            {"given": given, "suggested": suggested, "rows": n}
            for given, suggested, n in sorted(moves, key=lambda move: (-move[2], move))[:_MOVES] if n
        ],
        "warnings": _warnings(bool(sets), {*rows}, labels),
    }  # fmt: skip


def _warnings(any_sets: bool, rows: set[str], labels: Sequence[str]) -> list[str]:
    if not any_sets:
        return ["No record has labels, or was said to have none: nothing was checked."]
    if not labels:
        return ["No label is in as many groups as there are folds: nothing was checked."]
    if rows - {*labels}:
        return ["Some labels are in fewer groups than there are folds: they were not checked."]
    return []
