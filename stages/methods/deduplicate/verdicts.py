"""From what exact comparison found to one verdict a record: who stays, and who leaves because of whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from stages.methods.deduplicate.groups import Facts
from stages.methods.deduplicate.shingles import Counts
from stages.methods.deduplicate.stars import Kind, Nearest

Reason: TypeAlias = Literal["exact"] | Kind


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a record that has duplicates or was compared; without `of`, it stays. Records go by id.

    `of` is the kept record because of which it leaves. `nearest` is the closest of the `compared` kept records where
    that was not close enough, `similarity` how close either was, by the measure `kind`. `size` counts the records a
    kept one stands for.
    """

    of: str | None = None
    kind: Reason | None = None
    similarity: float = 0.0
    label_conflict: bool = False
    size: int = 1
    nearest: str | None = None
    compared: int = 0


def verdicts(
    facts: Facts, survivors: Counts, nearest: Mapping[int, Nearest], ids: Sequence[str]
) -> Iterator[tuple[str, Verdict]]:
    """(id, verdict) of all records but those that are alone and were compared with none.

    `nearest` gives, by position, the closest kept record (its `member` is a position). When an exact survivor leaves
    for another record, its copies leave with it, for the same kept record and with the survivor's similarity: the
    record that `of` names is always a kept one.
    """
    close = {i: found for i, found in nearest.items() if found.close}
    target = np.arange(len(facts))
    target[list(close)] = [found.member for found in close.values()]
    keeper = target[survivors]
    for i in np.flatnonzero(keeper != np.arange(len(facts))).tolist():
        found, compared = close.get(int(survivors[i])), nearest[i].compared if i in nearest else 0
        measure: tuple[Reason, float] = (found.kind, found.similarity) if found else ("exact", 1.0)
        conflict = bool(facts.labels[i] != facts.labels[keeper[i]])
        yield ids[i], Verdict(ids[keeper[i]], *measure, conflict, compared=compared)
    sizes = np.bincount(keeper, minlength=len(facts))
    for i in sorted({*np.flatnonzero(sizes > 1).tolist(), *(nearest.keys() - close.keys())}):
        size, found = int(sizes[i]), nearest.get(i)
        if found is None:
            yield ids[i], Verdict(size=size)
        else:
            yield ids[i], Verdict(None, found.kind, found.similarity, False, size, ids[found.member], found.compared)
