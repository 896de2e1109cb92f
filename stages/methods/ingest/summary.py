"""What the sources gave: counts of rows by what became of them, labels, and the share with a confidence or subject."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

_MOST_LABELS = 200


def rows_by_outcome(events: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By source, from rows of `events.parquet`: `rows`, and under `create`, `drop`, `quarantine` counts by reason."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for event in events:
        counts[json.loads(event["evidence"])["source"], event["action"], event["reason"]] += 1
    found: dict[str, dict[str, Any]] = {}
    for (source, action, reason), count in sorted(counts.items()):
        entry = found.setdefault(source, {"rows": 0})
        entry["rows"] += count
        entry.setdefault(action, {})[reason] = count
    return found


def label_counts(records: Iterable[Mapping[str, Any]], column: str | None) -> dict[str, dict[str, Any]]:
    """By source, from rows of `records.parquet`: counts of labels (`column`), and shares that carry more.

    More than 200 labels are only counted (`distinct_labels`): such a column may hold texts.
    """
    labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    totals: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        label = record[column] if column else None
        names = label if isinstance(label, list) else [] if label is None else [label]
        labels[record["source"]].update(names)
        confident, subject = record["confidence"] is not None, record["subject"] is not None
        totals[record["source"]].update(records=1, unlabelled=not names, confident=confident, subject=subject)
    return {
        source: {
            **_shown(labels[source]),
            "unlabelled": total["unlabelled"],
            "with_confidence": round(total["confident"] / total["records"], 6),
            "with_subject": round(total["subject"] / total["records"], 6),
        }
        for source, total in sorted(totals.items())
    }


def _shown(labels: Counter[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {"distinct_labels": len(labels)}
    if len(labels) <= _MOST_LABELS:
        shown["labels"] = dict(sorted(labels.items()))
    return shown
