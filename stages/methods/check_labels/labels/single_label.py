"""The check of tasks whose records have one label each: suspects, their rank, and what was measured of the check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from stages.core.doubts import Doubt, Doubted, LabelCheck, Ranked
from stages.core.records import Label
from stages.core.task import Task
from stages.methods.check_labels.folds import Apart, deal_folds
from stages.methods.check_labels.labels.label_errors import Judged, Labelled, judge, labelled
from stages.methods.check_labels.labels.noise_probe import measure
from stages.methods.check_labels.views import term_matrix

DIGITS = 3  # of scores and shares; what lies behind them differs between processors
_MOVES = 20


def single_label_doubts(task: Task, check: LabelCheck) -> Doubted:
    """Doubts about the label (`Task.annotation`) of each record that has one."""
    found = {record.id: label for record in check.records() if (label := task.annotation(record)) is not None}
    ids, labels = [*found], [*found.values()]
    silent = {check.keys[id] for id in check.reserved}
    folds = deal_folds(labels, [check.keys[id] for id in ids], check.params.folds, check.seed, silent)
    kept = np.flatnonzero(folds >= 0)
    ids, asked = [ids[i] for i in kept], [labels[i] for i in kept]
    if len(set(asked)) < 2:
        return Doubted(facts=_counts(labels, [], []))
    chosen = {*ids}
    vectors = check.embed((record, record.text) for record in check.records() if record.id in chosen)
    terms = term_matrix(record.text for record in check.records() if record.id in chosen)
    keys = [check.keys[id] for id in ids]
    apart = Apart(keys, folds[kept], np.array([key not in silent for key in keys]))
    records = labelled(asked, apart, vectors, terms, check.params.neighbours, check.run)
    judge_them = partial(judge, run=check.run, cache=check.cache)
    judged = judge_them(records)
    probe = measure(records, judged, ids, check.params.probe, check.seed, judge_them)
    ranked, doubts = _found(records, judged, ids)
    suspects = [(records.classes[given], ranked[id].suggested or "")
                for id, given in zip(ids, records.given, strict=True) if id in doubts]  # fmt: skip
    return Doubted(doubts, ranked, {**_counts(labels, asked, suspects), **({"probe": probe} if probe else {})})


def _found(
    records: Labelled, judged: Judged, ids: Sequence[str]
) -> tuple[dict[str, Ranked], dict[str, Sequence[Doubt]]]:
    """The rank of every record, and the suspects' evidence."""
    ranked: dict[str, Ranked] = {}
    doubts: dict[str, Sequence[Doubt]] = {}
    for i, id in enumerate(ids):
        suggested = records.classes[judged.suggested[i]]
        ranked[id] = Ranked(round(float(judged.score[i]), DIGITS), suggested)
        if judged.suspect[i]:
            evidence: dict[str, Any] = {
                "given": Label(records.classes[records.given[i]]),
                "suggested": Label(suggested),
            }
            evidence |= {"score": ranked[id].margin, "margin": round(float(judged.margin[i]), DIGITS)}
            evidence |= {"self_confidence": round(float(judged.self_confidence[i]), DIGITS)}
            evidence |= {"neighbours_agree": round(float(judged.agreement[i]), DIGITS)}
            doubts[id] = [Doubt("suspect_label", evidence)]
    return ranked, doubts


def _counts(labels: Sequence[str], asked: Sequence[str], suspects: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """By label: rows, those checked and those in doubt; what is suggested most often; what was not checked, and why."""
    rows, checked = Counter(labels), Counter(asked)
    doubted, moves = Counter(given for given, _ in suspects), Counter(suspects)
    return {
        "unchecked_classes": {label: n for label, n in sorted(rows.items()) if label not in checked},
        "suspects_by_label": dict(sorted(doubted.items())),
        "labels": {
            label: {"rows": n, "suspects": doubted[label], "share": round(doubted[label] / n, 6)}
            for label, n in sorted(checked.items())
        },
        "suggestions": [
            {"given": given, "suggested": suggested, "rows": n}
            for (given, suggested), n in sorted(moves.items(), key=lambda item: (-item[1], item[0]))[:_MOVES]
        ],
        "warnings": _warnings(rows, checked),
    }


def _warnings(rows: Counter[str], checked: Counter[str]) -> list[str]:
    if not rows:
        return ["No record has a label: nothing was checked."]
    if not checked:
        return ["Fewer than two classes have as many groups as folds: nothing was checked."]
    if {*rows} - {*checked}:
        return ["Some classes have fewer groups than folds: their rows were not checked."]
    return []
