"""Params that may name people: they are in the project's git, and do not leave it with what is handed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMING = ("allow", "deny")


def counted(name: str, value: Any) -> str | None:
    """How many values stand in a list or mapping that may name people; None for every other param."""
    if name not in _NAMING or not value:
        return None
    count = sum(map(len, value.values())) if isinstance(value, Mapping) else len(value)
    return f"{count} values"


def without_names(value: Any, name: str = "") -> Any:
    """Params as reports show them: what may name people is counted, all else stays."""
    if count := counted(name, value):
        return count
    if isinstance(value, Mapping):
        return {key: without_names(one, str(key)) for key, one in value.items()}
    return [without_names(one) for one in value] if isinstance(value, list) else value
