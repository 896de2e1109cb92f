"""A sample of records by lot: which ones are in it depends on the seed and their ids alone, not on their order."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable


def draw(seed: int, id: str) -> str:
    """A record's lot, 64 hex digits: SHA-256 of the seed and the id."""
    return hashlib.sha256(f"{seed}:ingest:{id}".encode()).hexdigest()


def largest_draw(seed: int, limit: int, ids: Iterable[str]) -> str | None:
    """The largest lot among the `limit` smallest; None when there are fewer ids than that. Keeps `limit` lots."""
    lots = heapq.nsmallest(limit, (draw(seed, id) for id in ids))
    return lots[-1] if len(lots) == limit else None
