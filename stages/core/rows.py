"""A row as it stands in a source file, before it is a record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stages.core.task import RowFault

_NAME = 40
_NAMES = 40
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row: its place (line number, or index from 1, in `file`), and its columns or what is wrong with it.

    `raw` stands for the content of a row that could not be read. It only goes into the hash that becomes its id.
    """

    place: int
    columns: Mapping[str, Any]
    raw: str = ""
    fault: RowFault | None = None
    file: str = ""

    def content(self) -> str:
        """All that the row says, in one form whatever the order of its columns."""
        return self.raw or json.dumps(self.columns, sort_keys=True, default=str, separators=(",", ":"))


def unreadable(place: int, raw: str, code: str, **evidence: Any) -> FileRow:
    """A row that cannot be read, with the reason's code."""
    return FileRow(place, {}, raw, RowFault(code, **evidence))


def shown_names(names: Iterable[Any]) -> str:
    """Column names for a message. Long ones are not shown: a file without a header has a row's text in their place."""
    listed = [str(name) if len(str(name)) <= _NAME else f"a name of {len(str(name))} characters" for name in names]
    return ", ".join(listed[:_NAMES]) + (f" and {len(listed) - _NAMES} more" if len(listed) > _NAMES else "")


def without_surrogates(value: Any) -> tuple[Any, int]:
    """A row's value with U+FFFD for every lone surrogate (a byte that could not be decoded), and how many there were.

    Looks into lists and dicts. No such character can be written as UTF-8.
    """
    if isinstance(value, str):
        return (value, 0) if value.isascii() else _SURROGATES.subn("\ufffd", value)
    if isinstance(value, Mapping):
        parts = {key: without_surrogates(item) for key, item in value.items()}
        return {key: part for key, (part, _) in parts.items()}, sum(count for _, count in parts.values())
    if isinstance(value, list | tuple):
        items = [without_surrogates(item) for item in value]
        return [item for item, _ in items], sum(count for _, count in items)
    return value, 0
