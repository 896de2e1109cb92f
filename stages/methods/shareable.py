"""Params that may name people: they are in the project's git, and do not leave it with what is handed over."""

from __future__ import annotations

from typing import Any

_NAMING = ("allow", "deny")


def counted(name: str, value: Any) -> str | None:
    """How many values stand in a list or mapping that may name people; None for every other param."""
    return f"{len(value)} values" if name in _NAMING and value else None
