"""What the events of a deduplication add up to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

BIN = 20
"""Bins of similarity in 0..1, so 0.05 wide."""
KINDS = ("exact", "near", "edit", "semantic")


def summary(events: Iterable[tuple[str, str, Mapping[str, Any]]], given: Mapping[str, int]) -> dict[str, Any]:
    """Counts and histograms from (source of the record, action, evidence) of each event.

    `given` counts the records in by source. `group_sizes` counts groups by the number of their records, the kept one
    included. `pairs_compared` counts what was proposed and decided by exact comparison; a pair is compared only while
    its earlier record stays. `against` counts by evaluation set the records that left because of it, and the set's
    rows that they held.
    """
    kinds: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    sizes: Counter[int] = Counter()
    dropped: Counter[str] = Counter()
    bins: dict[str, Counter[str]] = defaultdict(Counter)
    leaks: dict[str, list[int]] = defaultdict(list)
    compared = conflicts = 0
    for source, action, evidence in events:
        compared += evidence.get("compared", 0)
        if action == "drop":
            dropped[source] += 1
        if "against" in evidence:
            leaks[evidence["against"]].append(evidence["row"])
        elif action == "drop":
            kinds[evidence["kind"]] += 1
            conflicts += evidence.get("label_conflict", False)
            bins[evidence["kind"]][_bin(evidence["similarity"])] += 1
        elif action == "assign":
            sizes[evidence["size"]] += 1
        else:
            bins["below_threshold"][_bin(evidence["similarity"])] += 1
    return {
        "duplicates": dict(kinds),
        "label_conflicts": conflicts,
        "group_sizes": [{"size": size, "groups": count} for size, count in sorted(sizes.items())],
        "largest_group": max(sizes, default=1),
        "by_source": {source: {"in": count, "dropped": dropped[source]} for source, count in sorted(given.items())},
        "similarity": {kind: dict(sorted(counts.items())) for kind, counts in sorted(bins.items()) if kind != "exact"},
        "pairs_compared": compared,
        "against": {
            name: {"records_dropped": len(rows), "rows_held": len(set(rows))} for name, rows in sorted(leaks.items())
        },
    }


def _bin(similarity: float) -> str:
    """The lower edge of the similarity's bin."""
    return f"{min(int(similarity * BIN), BIN - 1) / BIN:.2f}"
