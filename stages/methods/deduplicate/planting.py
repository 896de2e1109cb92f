"""Self-measurement: near-duplicates that are made up, planted behind the real records, and looked for like these.

They see the same hashes, buckets and comparisons as the real records, in a copy of the set that is thrown away: no
verdict on a real record knows of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.core.records import Record
from stages.methods.deduplicate.groups import Buckets, Facts
from stages.methods.deduplicate.look import HeldRecords
from stages.methods.deduplicate.probe import mutate, recall_by_similarity
from stages.methods.deduplicate.search import Found, Search, at
from stages.methods.deduplicate.shingles import words
from stages.methods.deduplicate.stars import Cluster, Rule, stars

_DIGITS_OF_DRAW = 16


@dataclass(frozen=True, slots=True)
class Plants:
    """Made-up records, as a batch behind the real ones, and the positions of those they were made from."""

    batch: HeldRecords
    parents: tuple[int, ...]


def plant(search: Search, ids: Sequence[str], count: int) -> Plants:
    """Near-duplicates of `count` records that have a long text, or of all when there are fewer.

    Which records is drawn by the last digits of their ids: ids are hashes, and the first digits give the order.
    """
    parents: list[int] = []
    made: list[Record] = []
    seen = 0
    while len(made) < count and seen < len(ids):
        tried = max(2 * count, 2 * seen)
        drawn = heapq.nsmallest(tried, range(len(ids)), key=lambda i: (ids[i][-_DIGITS_OF_DRAW:], i))[seen:]
        found = dict(_mutants(search, sorted(drawn)))
        chosen = [i for i in drawn if i in found][: count - len(made)]
        parents += chosen
        made += [found[i] for i in chosen]
        seen = tried
    return Plants(HeldRecords(len(ids), tuple(made)), tuple(parents))


def _mutants(search: Search, positions: Sequence[int]) -> Iterator[tuple[int, Record]]:
    """A near-duplicate of each record that has a long text, by position; the last long text is changed."""
    for batch, offsets in at(search.batches, positions):
        for offset, record in zip(offsets, batch.records(search.task.schema, offsets), strict=True):
            long = [path for path, text in record.texts().items() if words([text]).counts[0] >= search.least]
            if long:
                yield (
                    batch.position + offset,
                    _with_text(record, long[-1], mutate(record.texts()[long[-1]], record.id, search.params.ngram)),
                )


def _with_text(record: Record, path: str, text: str) -> Record:
    """The record with another text; spans and answers are left as they are, for nothing reads them."""
    column, _, place = path.partition(".")
    value: Any = text
    if place:
        messages = list(record.values[column])
        messages[int(place)] = replace(messages[int(place)], content=text)
        value = tuple(messages)
    return record.with_values(**{column: value})


def measure(
    search: Search, plants: Plants, facts: Facts, buckets: Buckets, usable: npt.NDArray[np.bool_], real: Found
) -> dict[str, Any]:
    """How many of the planted records are found, by their true similarity to the record they were made from.

    Counted are those whose parent stays in the real set: one of the two must leave the shadow copy, unless they are
    less similar than the threshold; then neither may leave for the other.
    """
    first = plants.batch.position
    in_shadow = np.concatenate((usable[:first], np.ones(len(plants.parents), np.bool_)))
    shadow = search.run(facts, buckets, in_shadow, around=first)
    pairs = [
        (parent, first + i) for i, parent in enumerate(plants.parents) if usable[parent] and not real.leaves(parent)
    ]
    held = search.read_at(sorted({position for pair in pairs for position in pair}))
    outcomes = []
    for parent, planted in pairs:
        _, nearest = stars(Cluster((held[parent], held[planted]), ((0, 1),)), Rule(search.rule.near))
        if nearest and nearest.close:
            outcomes.append((nearest.similarity, shadow.leaves(planted) or shadow.leaves(parent)))
        else:
            outcomes.append((nearest.similarity if nearest else 0.0, shadow.leaves_for(planted, parent)))
    return {"planted": len(plants.parents), "counted": len(pairs), **recall_by_similarity(outcomes, search.rule.near)}
