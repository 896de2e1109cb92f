"""Questions about a whole comparison: does anything differ, and is it one of the same rows at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.diff.ends import HEADINGS

FACETS = {
    "text": "text changed",
    "label": "relabelled",
    "subject": "subject changed",
    "group": "duplicate group changed",
}

CAUTION = (
    "Labels by a chi-squared test, lengths by Kolmogorov and Smirnov's, p-values corrected for both (Holm). Records "
    "that both versions have make the versions alike, and the tests cautious."
)
"""How two versions are compared as wholes."""


def differs(told: Mapping[str, Any]) -> bool:
    """Whether anything is not the same in both versions; outputs that cannot be read are known by their hash."""
    return any(
        (
            told["outputs"]["different"],
            any(rows for _, rows in headings(told)),
            any(row["difference"] != 0 for row in told["reasons"]),
            any(told["settings"].values()),
            any(row["difference"] != 0 for row in told["scores"]["reported"]),
        )
    )


def nothing(told: Mapping[str, Any]) -> str:
    """What to say where nothing differs: no more than was looked at."""
    unsure = told["not_compared"] or told["warnings"]
    return "Nothing that could be compared differs." if unsure else "Nothing differs."


def headings(told: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Every kind of change to rows that there is, in words, and how many rows it is true of."""
    found = told["rows"].get("headings", {})
    for code, name in HEADINGS.items():
        if code in found:
            yield name, found[code]["rows"]
    for facet, name in FACETS.items():
        if count := told["records"].get(facet, {}).get("rows"):
            yield name, count


def shared_nothing(told: Mapping[str, Any]) -> Iterator[str]:
    """A warning where no row has the same id in both versions, and one where erased rows came back."""
    found = told["rows"].get("headings", {})
    if {"added", "removed"} <= set(found) and not told["rows"]["shared"]:
        yield (
            "No row has the same id in both versions. Ids change with the key, with a source's name, and with its id "
            "column: rows of other ids cannot be compared."
        )
    if back := found.get("no_longer_erased"):
        rows = "erased row is" if back["rows"] == 1 else "erased rows are"
        yield f"{back['rows']:,} {rows} back in {told['b']['name']}: its erasure list no longer holds all of A's."
