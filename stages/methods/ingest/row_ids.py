"""Ids of source rows: from what a row says or from its own key, never from where it stands."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from typing import Any

from stages.core.keys import Keys
from stages.core.rows import FileRow
from stages.core.task import RowFault

_DIGITS = 20


class RowIds:
    """Gives the rows of one source their ids, and remembers what it has seen (about 100 bytes a row).

    With `id_column` the id is a hash of the source's name and the row's own key; else of all that the row says and the
    number of earlier identical rows. So rows that come or go change no other row's id; of identical rows, which
    nothing tells apart, the last number goes. Ids are the first 20 hex digits (80 bits) of a keyed hash: in ten
    million rows two meet with a chance below 1e-10.
    """

    def __init__(self, keys: Keys, source: str, id_column: str | None) -> None:
        self._keys, self._source, self._column = keys, source, id_column
        self._seen: Counter[int] = Counter()

    def of(self, row: FileRow) -> tuple[str, str, RowFault | None]:
        """(id, place to name in `source_row`, fault) of a row; every row gets an id, also one with a fault."""
        place = f"{row.file}:{row.place}" if row.file else str(row.place)
        if row.fault:
            return self._numbered("unreadable", row.content()), place, row.fault
        if self._column is None:
            return self._numbered("content", row.content()), place, None
        key = _key(row.columns.get(self._column))
        if key is None:
            return self._numbered("without_key", row.content()), place, RowFault("missing_id")
        id, earlier = self._id_and_earlier("key", key)
        return id, key, RowFault("duplicate_key") if earlier else None

    def _numbered(self, kind: str, content: str) -> str:
        return self._id_and_earlier(kind, content)[0]

    def _id_and_earlier(self, kind: str, content: str) -> tuple[str, int]:
        """The id, and how many earlier rows had the same content."""
        digest = hashlib.sha256(f"{kind}:{content}".encode("utf-8", "surrogatepass")).digest()
        short = int.from_bytes(digest[:8])
        earlier = self._seen[short]
        self._seen[short] += 1
        named = json.dumps([self._source, kind, digest.hex(), earlier])
        return self._keys.hash("record-id", self._source, named)[:_DIGITS], earlier


def _key(value: Any) -> str | None:
    """A row's own key as a string; None where it has none, or has something that is no name of anything."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value).strip() or None
