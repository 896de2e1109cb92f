"""From what the stages recorded to the figures that the report shows. Anything may be missing; nothing is made up.

`Recorded` maps a stage's name to `{"manifest": ..., "report": ..., "digest": ..., "certificate": ...}`. The result is
plain JSON: the page shows it, carries it, and shows nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from stages.methods.document.label_check import label_check
from stages.methods.document.privacy import privacy_figures
from stages.methods.document.scores import SPLITS, named_metrics, score_figures
from stages.methods.document.training import model
from stages.methods.document.tree import find, metric
from stages.methods.document.wording import is_number, kind_name, number
from stages.methods.shareable import without_names

Recorded: TypeAlias = Mapping[str, Mapping[str, Any]]
Figures: TypeAlias = dict[str, Any]

LEAKS = {
    "proven": "identifiers that their form or check digits prove",
    "known": "values that were replaced elsewhere",
    "patterns": "what the patterns find in a second look",
}
"""Kinds of leaks that the page counts, as people call them."""
_LEAVING = ("drop", "quarantine")
_FLOW = ("ingest", "clean", "deduplicate", "scrub_pii", "check_labels", "split")
_CHANGES = {"edit": "changed", "relabel": "relabelled", "keep": "flagged"}
_POINTS = 60


def figures(recorded: Recorded, curve: Sequence[Mapping[str, Any]], versions: Mapping[str, str]) -> Figures:
    """All figures of the page. `curve` are the rows of the learning curve, `versions` those of the libraries."""
    return {
        "rows": _rows(recorded),
        "flow": flow(recorded),
        "reasons": reasons(recorded),
        "sources": _sources(recorded),
        "splits": _splits(find(recorded, "split", "report", "labels") or {}),
        "duplicates": {
            "left_out": find(recorded, "deduplicate", "manifest", "counts", "dropped"),
            **_duplicates(find(recorded, "deduplicate", "report") or {}),
        },
        "pii": _pii(find(recorded, "scrub_pii", "report") or {}),
        "suspects": _suspects(find(recorded, "check_labels", "report") or {}),
        "label_check": label_check(
            find(recorded, "check_labels", "report") or {},
            find(recorded, "check_labels", "manifest", "reason_texts") or {},
        ),
        "model": model(recorded),
        "curves": curves(curve),
        **score_figures(find(recorded, "evaluate", "report") or {}),
        "audit": _audit(find(recorded, "audit", "report") or {}),
        "chain": chain(recorded),
        "privacy": privacy_figures(recorded),
        "params": {stage: without_names(find(recorded, stage, "manifest", "params") or {}) for stage in recorded},
        "versions": dict(versions),
    }


def flow(recorded: Recorded) -> Figures:
    """Steps of the stream with the branches that leave it, and the splits at its end."""
    steps = [_step(stage, recorded[stage]) for stage in _FLOW if find(recorded, stage, "manifest", "counts")]
    assigned = find(recorded, "split", "manifest", "reasons", "assign") or {}
    ends = [{"name": name, "count": assigned[name], "note": ""} for name in SPLITS if name in assigned]
    return {"steps": steps, "ends": ends}


def _step(stage: str, entry: Mapping[str, Any]) -> Figures:
    manifest = entry["manifest"]
    texts = manifest.get("reason_texts") or {}
    by_action = manifest.get("reasons") or {}
    branches = [
        {"reason": reason, "count": count, "explanation": texts.get(reason, "")}
        for action in _LEAVING
        for reason, count in (by_action.get(action) or {}).items()
    ]
    rows = find(entry, "rows_by_action") or {}
    notes = [f"{number(rows[action])} {word}" for action, word in _CHANGES.items() if rows.get(action)]
    return {"stage": stage, "given": manifest["counts"].get("in", 0), "branches": branches, "notes": notes}


def reasons(recorded: Recorded) -> list[Figures]:
    """Every reason that occurred, by stage, with its explanation; largest first within a stage."""
    found: list[Figures] = []
    for stage, entry in recorded.items():
        manifest = find(entry, "manifest") or {}
        texts = manifest.get("reason_texts") or {}
        rows = [
            {"stage": stage, "action": action, "reason": reason, "count": count, "explanation": texts.get(reason, "")}
            for action, by in (manifest.get("reasons") or {}).items()
            for reason, count in by.items()
        ]
        found += sorted(rows, key=lambda row: (-row["count"], row["action"], row["reason"]))
    return found


def _rows(recorded: Recorded) -> Figures:
    assigned = find(recorded, "split", "manifest", "reasons", "assign") or {}
    return {
        "in": find(recorded, "ingest", "manifest", "counts", "in"),
        **{name: assigned.get(name) for name in SPLITS},
    }


def _sources(recorded: Recorded) -> list[Figures]:
    """Declared sources, with what `ingest` measured of each."""
    declared = find(recorded, "ingest", "manifest", "params", "ingest", "sources") or []
    measured = find(recorded, "ingest", "report", "sources") or {}
    wanted = ("name", "uri", "license", "public")
    return [
        {**{key: source.get(key) for key in wanted}, **(find(measured, source.get("name", "")) or {})}
        for source in declared
    ]


def _splits(labels: Mapping[str, Mapping[str, int]]) -> Figures:
    """Rows of each label by split, the splits in the order of their use."""
    return {label: {name: counts[name] for name in SPLITS if name in counts} for label, counts in labels.items()}


def _pii(report: Mapping[str, Any]) -> Figures:
    """Replaced spans by entity; those that an operator left in place are not counted."""
    by_entity = {
        entity: sum(count for operator, count in by.items() if operator != "keep")
        for entity, by in (find(report, "spans") or {}).items()
    }
    entities = {entity: count for entity, count in by_entity.items() if count}
    return {
        "entities": entities,
        "spans": sum(entities.values()) if "spans" in report else None,
        "distinct": find(report, "distinct_values") or {},
        "records": find(report, "records_touched"),
        "share": find(report, "share_touched"),
        "leaks": {kind: find(report, "leaks", kind, "found") for kind in LEAKS if find(report, "leaks", kind)},
        "recall": [
            {"name": kind_name(entity), "note": f"{seen['found']} of {seen['planted']}", **values}
            for entity, seen in (find(report, "probe", "entities") or {}).items()
            if (values := _recall(seen))
        ],
        "recall_note": find(report, "probe", "note") or "",
        "without_model": find(report, "without_model") or {},
    }


def _recall(seen: Mapping[str, Any]) -> dict[str, float]:
    names = {"value": "recall", "low": "low", "high": "high"}
    return {part: seen[name] for part, name in names.items() if is_number(seen.get(name))}


def _duplicates(report: Mapping[str, Any]) -> Figures:
    """How many of the near-duplicates that the stage planted it found, in all and by similarity."""
    bins = find(report, "probe", "by_similarity") or {}
    rows = [(f"similarity {edge}" if edge == "1.00" else f"from {edge}", bin) for edge, bin in bins.items()]
    found = [("all", find(report, "probe") or {}, True), *((name, bin, False) for name, bin in rows)]
    return {
        "recall": [
            {"name": name, "ours": ours, "note": f"{bin['found']} of {bin['pairs']}", **values}
            for name, bin, ours in found
            if (values := metric(bin, "recall"))
        ],
        "expected_missed": find(report, "lsh", "expected_miss_rate_at_threshold"),
    }


def _suspects(report: Mapping[str, Any]) -> Figures:
    return {
        "count": find(report, "suspects"),
        "checked": find(report, "checked"),
        "labels": find(report, "labels") or {},
    }


def _audit(report: Mapping[str, Any]) -> Figures:
    """Both attacks, the stronger one first: that is the one to answer for. `valid` is False when a control failed."""
    attacks = [
        {"name": name, **values}
        for name, values in (
            ("by loss", metric(find(report, "membership"), "auc")),
            ("by loss, calibrated", metric(find(report, "membership"), "calibrated_auc")),
        )
        if values
    ]
    controls = named_metrics(find(report, "controls"), "auc")
    return {
        "attacks": sorted(attacks, key=lambda attack: -attack["value"]),
        "controls": [{**control, "name": f"control: {control['name']}", "ours": False} for control in controls],
        "valid": find(report, "valid"),
        "found_at_1_percent": find(report, "membership", "tpr_at_1_percent_fpr"),
        "members": find(report, "members"),
        "non_members": find(report, "non_members"),
        "sentences": [text for name in ("membership", "leaks") if (text := find(report, f"{name}_sentence"))],
    }


def curves(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[list[float]]]:
    """Loss by step, for the series that the learning curve holds; long series as means of neighbouring steps."""
    found: dict[str, list[list[float]]] = {"train": [], "validation": []}
    for row in rows:
        for name, points in found.items():
            step, loss = row.get("step"), row.get(f"{name}_loss")
            if is_number(step) and is_number(loss):
                points.append([float(step), float(loss)])  # type: ignore[arg-type]  # checked by is_number
    return {name: thinned(points) for name, points in found.items() if points}


def thinned(points: Sequence[Sequence[float]]) -> list[list[float]]:
    """At most sixty points, each the mean of a run of steps at the last of them: one batch's loss is mostly luck."""
    run = -(-len(points) // _POINTS)
    parts = [points[start : start + run] for start in range(0, len(points), run)]
    return [[part[-1][0], sum(loss for _, loss in part) / len(part)] for part in parts]


def chain(recorded: Recorded) -> list[Figures]:
    """Each manifest's own SHA-256, those it was made from, and which of these are not the ones given here."""
    return [
        {
            "stage": stage,
            "sha256": entry.get("digest", ""),
            "inputs": dict(inputs),
            "broken": [
                name for name, digest in inputs.items() if name in recorded and recorded[name].get("digest") != digest
            ],
        }
        for stage, entry in recorded.items()
        for inputs in [find(entry, "manifest", "inputs") or {}]
    ]
