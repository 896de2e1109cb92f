"""What the sources gave: counts of rows by what became of them, labels, and the share with a confidence or subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_MOST_LABELS = 200
_SOURCE = r'"source": "(?P<source>[a-z0-9_-]+)"'


def rows_by_outcome(events: Iterable[pa.Table]) -> dict[str, dict[str, Any]]:
    """By source, from the columns `action`, `reason` and `evidence` of `events.parquet`, in pieces: `rows`, and counts.

    The counts by reason stand under `create`, `drop` and `quarantine`.
    """
    names = ["source", "action", "reason"]
    counts: Counter[tuple[str, str, str]] = Counter()
    for some in events:
        # Not parsed: no string in evidence can hold this, for its quotation marks are escaped.
        source = pc.struct_field(pc.extract_regex(some["evidence"], _SOURCE), "source")
        found = pa.table([source, some["action"], some["reason"]], names).group_by(names).aggregate([([], "count_all")])
        counts.update({tuple(row[name] for name in names): row["count_all"] for row in found.to_pylist()})
    outcomes: dict[str, dict[str, Any]] = {}
    for (name, action, reason), count in sorted(counts.items()):
        entry = outcomes.setdefault(name, {"rows": 0})
        entry["rows"] += count
        entry.setdefault(action, {})[reason] = count
    return outcomes


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
