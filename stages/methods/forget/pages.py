"""Ids in the report's page, which carries them as bytes in base64 (methods/document/lineage/packing.py)."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from stages.methods.forget.needles import Found, may_stay

MARK = b'id="lineage-ids"'
"""What a page that carries rows holds."""
_ID = 10
_ABOUT = re.compile(rb'id="lineage"[^>]*>(.*?)</script>', re.DOTALL)
_PACKED = re.compile(MARK + rb"[^>]*>([A-Za-z0-9+/=\s]*)<")


def in_page(content: bytes, ids: Collection[str]) -> Found:
    """What a page says of some records. A row that only says that it was erased may stay."""
    found = Found()
    about, packed = _ABOUT.search(content), _PACKED.search(content)
    data = _decoded(packed[1]) if packed else b""
    try:
        told = json.loads(about[1]) if about else {}
        if len(data) != told["rows"] * (_ID + told["width"]) + told["repeats"] * 8:
            raise ValueError("the rows do not fit")
        rows = {data[start : start + _ID].hex(): start // _ID for start in range(0, told["rows"] * _ID, _ID)}
        for id in ids & rows.keys():
            if any(may_stay(step["action"], step["reason"]) for step in _steps(told, data, rows[id])):
                found.named += 1
            else:
                found.kinds["id"] += 1
    except (ValueError, KeyError, IndexError, TypeError):
        # Another layout, or a damaged page: ids are looked for at every place, and none may stay.
        found = Found(Counter({"id": count} if (count := sum(bytes.fromhex(id) in data for id in ids)) else {}))
    return found


def _decoded(text: bytes) -> bytes:
    """Bytes from base64, as far as they go."""
    text = re.sub(rb"[\s=]", b"", text)
    text = text[: len(text) - (len(text) % 4 == 1)]
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def _steps(told: Mapping[str, Any], data: bytes, row: int) -> list[Mapping[str, Any]]:
    number = np.frombuffer(data, f"<u{told['width']}", 1, told["rows"] * _ID + row * told["width"])[0]
    return [told["steps"][step] for step in told["paths"][number]]
