"""What `check_labels` found, as figures for the page. Whatever its report lacks is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stages.methods.check_labels.reasons import DATA_REASONS
from stages.methods.document.tree import find, metric
from stages.methods.document.wording import is_number

Figures = dict[str, Any]
_KINDS = {
    "symmetric": "any other label", "confusable": "an easily confused one",
    "type": "another type", "missing": "a span taken away", "boundary": "a boundary moved",
    "removed": "a label taken away", "added": "a label too many",
    "swapped": "another record's answer", "cut": "a cut answer", "refused": "a refusal", "copied": "the prompt again",
    "moved": "another place", "conflicting": "another answer to the same question",
}  # fmt: skip
_MOVES = 10
SHOWN = 15
"""Labels that the chart of suspects shows."""


def label_check(report: Mapping[str, Any], meanings: Mapping[str, str]) -> Figures:
    """Figures from the stage's report; `meanings` are its reasons in words."""
    counts = find(report, "doubts") or {}
    doubts = [
        {"reason": reason, "rows": rows, "meaning": meanings.get(reason, ""), "data": reason in DATA_REASONS}
        for reason, rows in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    issues = find(report, "data_issues") or {}
    return {
        "doubts": sorted(doubts, key=lambda row: row["data"]),
        "policy": find(report, "policy"),
        "changed": find(report, "suspects_changed"),
        "reserved": find(report, "suspects_reserved"),
        "share": find(report, "suspect_share"),
        "recall": _recall(find(report, "probe") or {}),
        "suggestions": (find(report, "suggestions") or [])[:_MOVES],
        "reviewed": {**(find(report, "reviewed") or {}), "share": metric(find(report, "reviewed"), "precision")},
        "confidence": find(report, "confidence") or {},
        "warnings": find(report, "warnings") or [],
        "balance": issues.get("balance") or {},
        "sources": issues.get("sources") or [],
        "slices": _slices(issues.get("weak_slices") or []),
        "agreement": _agreement(issues.get("agreement") or {}),
        "compared": issues.get("compared") or {},
    }


def _recall(probe: Mapping[str, Any]) -> list[Figures]:
    """How many of the errors of each kind that the stage planted it found."""
    return [
        {"name": _KINDS.get(kind, kind), "note": f"{seen['found']} of {seen['planted']}", **values}
        for kind, seen in probe.items()
        if (values := metric(seen, "recall"))
    ]


def _slices(rows: Sequence[Mapping[str, Any]]) -> list[Figures]:
    return [
        {
            "name": row["name"] if row["by"] == "length" else f"{row['by']}: {row['name']}",
            "note": f"{row['suspects']} of {row['rows']}; of the other rows {100 * row['others']:.1f} %",
            **values,
        }
        for row in rows
        if (values := metric(row, "share"))
    ]


def _agreement(found: Mapping[str, Any]) -> Figures:
    """Alpha first, as the measure of all together; then each annotator against the others."""
    annotators = [
        {"name": name, "value": one["agreement"], "note": f"{one['rows']} rows"}
        for name, one in (find(found, "annotators") or {}).items()
        if is_number(one.get("agreement"))
    ]
    return {**found, "annotators": annotators, "alpha": metric(found, "alpha")} if found else {}
