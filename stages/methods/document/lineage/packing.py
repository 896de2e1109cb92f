"""Rows as the page carries them: what they mean as JSON, and the rows themselves as bytes that a browser can index.

The bytes, in base64, little-endian: 10 of id a row, in order of id; then the number of each row's path (16 or 32 bits,
as `width` says); then, for the duplicates that were dropped, 32 bits for the place of each; then 32 bits for the place
of the row that was kept for it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.methods.document.lineage.rows import Rows, StageEvents, rows_of

LIMIT = 200_000
"""Rows a page may carry: 3.2 MB of it, which open at once and fit into a mail. `rowtrail trace` knows all."""
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Lineage:
    """`about` is JSON: counts, steps, paths. `packed` is base64 of the rows. `rows` is how many it holds."""

    about: dict[str, Any] = field(default_factory=lambda: {"format": _FORMAT, "rows": 0, "total": 0})
    packed: str = ""

    @property
    def rows(self) -> int:
        """Rows the page carries."""
        return int(self.about["rows"])


def lineage_data(stages: Sequence[StageEvents], limit: int = LIMIT) -> Lineage:
    """The lineage of all rows, ready for the page; of more than `limit` rows a sample, the counts still being of all.

    The same events give the same bytes. Stages without events are fine; without any stage there are no rows.
    """
    rows = rows_of(stages)
    if len(rows) > limit:
        rows = rows.take(sample(rows, limit))
    return pack(rows)


def sample(rows: Rows, limit: int) -> NDArray[np.int64]:
    """Places of at most `limit` rows: rare paths whole, of each common path as many as of any other.

    An id is a keyed hash, so its last bytes are as good as a throw of dice, and the same rows are chosen each time.
    """
    counts = np.bincount(rows.path, minlength=len(rows.paths))
    draw = np.ascontiguousarray(rows.ids[:, -8:]).view("<u8").ravel()
    order = np.lexsort((draw, rows.path))
    nth = np.arange(len(order)) - (np.cumsum(counts) - counts)[rows.path[order]]
    chosen: NDArray[np.int64] = np.sort(order[nth < _of_each(counts, limit)])
    return chosen


def _of_each(counts: NDArray[np.int64], limit: int) -> int:
    """The greatest number a path may give so that all together give no more than `limit`."""
    low, high = 0, int(counts.max(initial=0))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(counts, middle).sum() <= limit else (low, middle - 1)
    return low


def pack(rows: Rows) -> Lineage:
    """Rows as JSON and base64."""
    width = 2 if len(rows.paths) <= 1 << 16 else 4
    repeats = np.flatnonzero(rows.kept >= 0)
    parts = (
        rows.ids,
        rows.path.astype(f"<u{width}"),
        repeats.astype("<u4"),
        rows.kept[repeats].astype("<u4"),
    )
    about = {
        "format": _FORMAT,
        "rows": len(rows),
        "total": rows.total,
        "repeats": len(repeats),
        "width": width,
        "steps": [asdict(step) for step in rows.steps],
        "paths": [list(path) for path in rows.paths],
    }
    return Lineage(about, base64.b64encode(b"".join(part.tobytes() for part in parts)).decode("ascii"))
