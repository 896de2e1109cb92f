"""Few-shot training: which training rows are left when a run may learn from K rows of each class."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from stages.methods.split.splitting import draw


def beyond_shots(rows: Iterable[tuple[str, Sequence[str]]], shots: int, seed: int) -> frozenset[str]:
    """Ids of the rows to leave out, of rows with an id and their classes, so that each class keeps `shots` rows.

    A hash of the seed and the id gives each row its turn. A row counts for all its classes, and the rarest class
    chooses first (greedy sampling, Yang and Katiyar 2020, algorithm 1): each class gets `shots` rows, or all that it
    has, and more only where rows that another class chose have it too.

    Rows are taken one by one, whatever groups they are in. What is left out lies in no part, so nothing crosses; whole
    groups would shut out every person with more rows of a class than `shots`.
    """
    classes = dict(rows)
    turns: dict[str, list[str]] = defaultdict(list)
    for _, id in sorted((draw(seed, id, "shots"), id) for id in classes):
        for name in classes[id]:
            turns[name].append(id)
    kept: set[str] = set()
    counts = Counter[str]()
    for name in sorted(turns, key=lambda name: (len(turns[name]), name)):
        waiting = [id for id in turns[name] if id not in kept]
        for id in waiting[: max(0, shots - counts[name])]:
            kept.add(id)
            counts.update(classes[id])
    return frozenset(classes.keys() - kept)
