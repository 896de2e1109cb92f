"""What a row must have in a column, text or JSON, or what is wrong with that cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stages.core.rows import without_surrogates
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


def json_in(cell: str, field: str) -> Any:
    """The value that a cell holds as JSON. Raises RowFault for what is none, and for text that UTF-8 cannot hold."""
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        raise RowFault("wrong_type", field=field, type="str") from None
    if escaped := without_surrogates(value)[1]:  # `"\\ud800"` is such a character only now
        raise RowFault("bad_encoding", field=field, characters=escaped)
    return value
