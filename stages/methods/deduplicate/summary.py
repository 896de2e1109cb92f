"""What the events of a deduplication add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

BIN = 20
"""Bins of similarity in 0..1, so 0.05 wide."""


def summary(events: Iterable[tuple[str, str, Mapping[str, Any]]], sources: Mapping[str, str]) -> dict[str, Any]:
    """Counts and histograms from (id, action, evidence) of each event; `sources` names the source of every record in.

    `group_sizes` counts groups by the number of their records, the kept one included. `compared` counts the pairs that
    LSH proposed and exact comparison decided; a pair is compared only while its earlier record stays.
    """
    kinds: Counter[str] = Counter()
    sizes: Counter[int] = Counter()
    dropped: Counter[str] = Counter()
    near: Counter[str] = Counter()
    below: Counter[str] = Counter()
    compared = conflicts = 0
    for id, action, evidence in events:
        compared += evidence.get("compared", 0)
        if action == "drop":
            kinds[evidence["kind"]] += 1
            dropped[sources[id]] += 1
            conflicts += evidence.get("label_conflict", False)
            if evidence["kind"] == "near":
                near[_bin(evidence["similarity"])] += 1
        elif action == "assign":
            sizes[evidence["size"]] += 1
        else:
            below[_bin(evidence["similarity"])] += 1
    given = Counter(sources.values())
    return {
        "duplicates": {kind: kinds[kind] for kind in ("exact", "near")},
        "label_conflicts": conflicts,
        "group_sizes": [{"size": size, "groups": count} for size, count in sorted(sizes.items())],
        "largest_group": max(sizes, default=1),
        "by_source": {source: {"in": given[source], "dropped": dropped[source]} for source in sorted(given)},
        "near_similarity": dict(sorted(near.items())),
        "below_threshold_similarity": dict(sorted(below.items())),
        "pairs_compared": compared,
    }


def _bin(similarity: float) -> str:
    """The lower edge of the similarity's bin."""
    return f"{min(int(similarity * BIN), BIN - 1) / BIN:.2f}"
