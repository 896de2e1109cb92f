"""What is wrong with the data beside its labels, whatever the task: single records, and the set as a whole.

About records: outliers, almost equal records under other labels, and records that would leak into the test split.
About the set, as figures in the report: rare classes, sources that are unlike, where suspects pile up, and how far
annotators agree. All of it is only marked or told; what to do about it is for people to say.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.core.doubts import Doubt, Doubted, LabelCheck, Vectors
from stages.core.records import Label, Record
from stages.core.task import Task
from stages.core.votes import votes_of
from stages.methods.check_labels.issues.agreement import agreement
from stages.methods.check_labels.issues.data_issues_near import (
    NEIGHBOURS,
    OVERLAP,
    Candidates,
    Neighbourhood,
    neighbourhood,
    outlier_bound,
    overlap,
)
from stages.methods.check_labels.issues.drift_sources import source_drift
from stages.methods.check_labels.issues.slices import weak_slices
from stages.methods.check_labels.reasons import LABEL_REASONS
from stages.methods.split.splitting import draw

MOST = 50_000
"""Records that are compared with each other; of more, this many are chosen by hash."""
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class About:
    """What is looked at of a record beside its texts. `labels` is None where nobody labelled it.

    `annotation` is as `Task.annotation` writes it, empty where there is none.
    """

    id: str
    source: str
    language: str | None
    length: int
    stratum: str
    labels: tuple[str, ...] | None
    label: str | None
    annotation: str
    votes: Mapping[str, str]


def with_data_issues(found: Doubted, task: Task, check: LabelCheck, reserved: Mapping[str, bool]) -> Doubted:
    """What a task found, and what is wrong with the data beside: the doubts of a record together, the facts too."""
    rows = [_about(task, record) for record in check.records()]
    compared = _chosen(rows, check.seed)
    ids = {row.id for row in compared}
    vectors = check.embed((record, record.text) for record in check.records() if record.id in ids)
    doubts, figures = _doubts(compared, vectors, check, reserved)
    facts = {
        **({"compared": {"rows": len(compared), "of": len(rows)}} if len(compared) < len(rows) else {}),
        **figures,
        "balance": balance(rows),
        "sources": source_drift(compared, vectors, check.keys, check.seed),
        "weak_slices": weak_slices([row for row in rows if row.id in found.ranked], _suspects(found)),
        "agreement": agreement([row.votes for row in rows], [row.label for row in rows], check.seed),
    }
    told = {name: value for name, value in facts.items() if value}
    both = {id: [*found.doubts.get(id, ()), *doubts.get(id, ())] for id in sorted({*found.doubts, *doubts})}
    return Doubted(both, found.ranked, {**found.facts, **({"data_issues": told} if told else {})})


def balance(rows: Sequence[About]) -> dict[str, Any]:
    """How even the classes are; empty where there are fewer than two.

    `effective_classes`: as many classes of one size would be as mixed, the exponential of the entropy (Hill 1973).
    """
    counts = Counter(label for row in rows for label in row.labels or ())
    labelled = sum(row.labels is not None for row in rows)
    if len(counts) < 2:
        return {}
    order = sorted(counts, key=lambda label: (counts[label], label))
    shares = [count / counts.total() for count in counts.values()]
    return {
        "classes": len(counts),
        "rarest": order[0],
        "rarest_share": round(counts[order[0]] / labelled, _DIGITS),
        "commonest": order[-1],
        "commonest_share": round(counts[order[-1]] / labelled, _DIGITS),
        "imbalance_ratio": round(counts[order[-1]] / counts[order[0]], _DIGITS),
        "effective_classes": round(math.exp(-math.fsum(share * math.log(share) for share in shares)), _DIGITS),
    }


def _about(task: Task, record: Record) -> About:
    return About(
        record.id, record.source, record.language, record.length, task.stratum(record),
        task.labels(record) if task.answered(record) else None, task.targets(record), task.annotation(record) or "",
        votes_of(record.attributes),
    )  # fmt: skip


def _chosen(rows: Sequence[About], seed: int) -> list[About]:
    """All, or as many as can be compared: those with the smallest hashes, so that a new row takes the place of one."""
    if len(rows) <= MOST:
        return [*rows]
    ids = {*sorted((row.id for row in rows), key=lambda one: draw(seed, one, "data_issues"))[:MOST]}
    return [row for row in rows if row.id in ids]


def _suspects(found: Doubted) -> Collection[str]:
    return {id for id, some in found.doubts.items() if any(doubt.reason in LABEL_REASONS for doubt in some)}


def _doubts(
    rows: Sequence[About], vectors: Vectors, check: LabelCheck, reserved: Mapping[str, bool]
) -> tuple[dict[str, list[Doubt]], dict[str, Any]]:
    """Doubts about single records by id, and by what bound outliers were told."""
    numbers = {labels: i for i, labels in enumerate(dict.fromkeys(row.labels for row in rows))}
    classes = np.array([-1 if row.labels is None else numbers[row.labels] for row in rows], dtype=np.int64)
    near = neighbourhood(vectors, classes, np.array([reserved[row.id] for row in rows], dtype=np.bool_))
    found: dict[str, list[Doubt]] = {}
    bound = outlier_bound(near.distances)
    for row, distance in zip(rows, near.distances.tolist(), strict=True):
        if bound is not None and distance > bound[1]:
            evidence = {"distance": round(distance, _DIGITS), "bound": round(bound[1], _DIGITS)}
            found[row.id] = [Doubt("outlier", evidence)]
    texts = _texts(rows, near, check)
    for place, other, evidence in _almost_equal(rows, near.twins, texts):
        labels = {"given": Label(rows[place].annotation), "other": Label(rows[other].annotation)}
        found.setdefault(rows[place].id, []).append(Doubt("conflicting_twin", {**evidence, **labels}))
    for place, _, evidence in _almost_equal(rows, near.leaks, texts):
        found.setdefault(rows[place].id, []).append(Doubt("near_test", evidence))
    if bound is None:
        return found, {}
    figures = {"neighbours": NEIGHBOURS, "median": round(bound[0], _DIGITS), "bound": round(bound[1], _DIGITS)}
    return found, {"distances": figures}


def _texts(rows: Sequence[About], near: Neighbourhood, check: LabelCheck) -> dict[str, list[str]]:
    """The texts of the records whose words are to be compared."""
    pairs = [pair for some in (near.twins, near.leaks) for pair in some.items()]
    ids = {rows[place].id for one, others in pairs for place in (one, *(other for other, _ in others))}
    return {record.id: record.texts_by_column() for record in check.records() if record.id in ids} if ids else {}


def _almost_equal(
    rows: Sequence[About], candidates: Candidates, texts: Mapping[str, list[str]]
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Each record that has one of almost the same words, that one, and how like they are."""
    for place, others in candidates.items():
        own = texts[rows[place].id]
        for other, likeness in others:
            shared = overlap(own, texts[rows[other].id])
            if shared >= OVERLAP:
                alike = {"similarity": round(likeness, _DIGITS), "overlap": round(shared, _DIGITS)}
                yield place, other, {"of": rows[other].id, **alike}
                break
