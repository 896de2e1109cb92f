"""The text that a row must have in a column, or what is wrong with that cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.core.task import RowFault


def required_text(row: Mapping[str, Any], field: str) -> str:
    """The text in a column. Raises RowFault where there is none, where it is no text, or blank."""
    value = row.get(field)
    if value is None:
        raise RowFault("missing_field", field=field)
    if not isinstance(value, str):
        raise RowFault("wrong_type", field=field, type=type(value).__name__)
    if not value.strip():
        raise RowFault("empty_text", field=field)
    return value
