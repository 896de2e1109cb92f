"""What the sources gave: counts of rows by what became of them, labels, and the share with a confidence or subject."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_MOST_LABELS = 200


def rows_by_outcome(events: pa.Table) -> dict[str, dict[str, Any]]:
    """By source, from the columns `action`, `reason` and `evidence` of `events.parquet`: `rows`, and counts by reason.

    The counts stand under `create`, `drop` and `quarantine`.
    """
    names = ["action", "reason", "evidence"]
    counts: Counter[tuple[str, str, str]] = Counter()
    # Most rows have the same evidence: it is parsed once for all of them.
    for event in events.group_by(names).aggregate([([], "count_all")]).to_pylist():
        counts[json.loads(event["evidence"])["source"], event["action"], event["reason"]] += event["count_all"]
    found: dict[str, dict[str, Any]] = {}
    for (source, action, reason), count in sorted(counts.items()):
        entry = found.setdefault(source, {"rows": 0})
        entry["rows"] += count
        entry.setdefault(action, {})[reason] = count
    return found


def label_counts(records: pa.Table, column: str | None) -> dict[str, dict[str, Any]]:
    """By source, from columns of `records.parquet`: counts of labels (`column`), and shares that carry more.

    More than 200 labels are only counted (`distinct_labels`): such a column may hold texts.
    """
    found = {}
    for source in sorted(pc.unique(records["source"]).to_pylist()):
        mine = records.filter(pc.equal(records["source"], source))
        labels, labelled = _labels(mine[column]) if column else (pa.array([], pa.string()), 0)
        found[source] = {
            **_shown(labels),
            "unlabelled": len(mine) - labelled,
            "with_confidence": round(pc.count(mine["confidence"]).as_py() / len(mine), 6),
            "with_subject": round(pc.count(mine["subject"]).as_py() / len(mine), 6),
        }
    return found


def _labels(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int]:
    """All labels of a column of labels or of lists of them, and how many records have one."""
    if pa.types.is_list(column.type):
        return pc.list_flatten(column), pc.sum(pc.greater(pc.list_value_length(column), 0)).as_py() or 0
    return column.drop_null(), pc.count(column).as_py()


def _shown(labels: pa.ChunkedArray) -> dict[str, Any]:
    counts = pc.value_counts(labels)
    shown: dict[str, Any] = {"distinct_labels": len(counts)}
    if len(counts) <= _MOST_LABELS:
        shown["labels"] = {
            one["values"]: one["counts"] for one in sorted(counts.to_pylist(), key=lambda c: c["values"])
        }
    return shown
