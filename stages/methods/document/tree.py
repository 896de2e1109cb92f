"""Looking up values in what the stages recorded, of which anything may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.methods.document.wording import is_number


def find(tree: Any, *path: str) -> Any:
    """What stands at a path of nested mappings, or None."""
    for name in path:
        if not isinstance(tree, Mapping) or name not in tree:
            return None
        tree = tree[name]
    return tree


def metric(report: Any, name: str) -> dict[str, float] | None:
    """A score with its interval, written as `name`, `name_low` and `name_high`; without an interval only the value."""
    parts = {"value": name, "low": f"{name}_low", "high": f"{name}_high"}
    found = {part: find(report, key) for part, key in parts.items()}
    known = {part: value for part, value in found.items() if is_number(value)}
    return known if "value" in known else None
