"""A sample of records by lot: which ones are in it depends on the seed and their ids alone, not on their order."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping


def draw(seed: int, id: str) -> int:
    """A record's lot: SHA-256 of the seed and the id, as a number."""
    return int.from_bytes(hashlib.sha256(f"{seed}:ingest:{id}".encode()).digest())


def largest_draws(
    seed: int, limit: int | None, limits: Mapping[str, int], ids: Iterable[tuple[str, str]]
) -> dict[str, int]:
    """By source, the largest lot that is still taken; a source that is not named is taken whole.

    `ids` are pairs of source and id. Of each source the smallest lots are taken, as many as its entry in `limits` says,
    and of what is left over all sources the `limit` smallest. Keeps as many lots as are taken.
    """
    taken: dict[str, list[int]] = {}
    sizes: dict[str, int] = {}
    for source, id in ids:
        sizes[source] = sizes.get(source, 0) + 1
        most = min((size for size in (limit, limits.get(source)) if size is not None), default=0)
        lots = taken.setdefault(source, [])
        heapq.heappush(lots, -draw(seed, id))  # the largest lot on top
        if len(lots) > most:
            heapq.heappop(lots)
    every = heapq.nsmallest(limit or 0, (-lot for lots in taken.values() for lot in lots))
    bound = every[-1] if limit and sum(map(len, taken.values())) > limit else None
    found = {}
    for source, size in sizes.items():
        own = -taken[source][0] if taken[source] and size > len(taken[source]) else None
        bounds = [lot for lot in (own, bound) if lot is not None]
        if bounds:
            found[source] = min(bounds)
    return found
