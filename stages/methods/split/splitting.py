"""Who goes into train, validation and test: a threshold on a hash, so that no row's place depends on other rows.

Rows that share a subject, a duplicate group or a text form one component, and a component has one key. The key and the
seed give a number u in [0, 1): test below `test`, validation below `test + validation`, train above. Nothing is ranked
or counted, therefore rows that are added or erased move no row outside their own component, and everyone who knows the
key (`check_labels`, which must leave the test rows alone, runs before the split) can foretell the part.

The price is that shares hold in expectation only, in the whole and in each stratum. `repaired` mends the one case that
hurts: a stratum that is absent from a part although it has groups enough. A record that it moves says so.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.core.params import SplitParams
from stages.core.records import Record
from stages.core.task import Task

Numbers: TypeAlias = npt.NDArray[np.int64]
Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
_TRAIN, _TEST = 0, 2
ROWS = pa.schema(
    [
        ("id", pa.string()),
        ("subject", pa.string()),
        ("group", pa.string()),
        ("text", pa.binary()),
        ("strata", pa.list_(pa.string())),
        ("labelled", pa.bool_()),
    ]
)
"""What the split needs to know of records, a column each: a million take 120 MB. `text` is a digest of the texts,
`strata` are never empty."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record goes, where the draw alone would have put it, and its cross-validation fold.

    `beyond`: the record is of the training part, and is left out of a few-shot run.
    """

    part: Part
    drawn: Part
    u: float
    fold: int | None
    beyond: bool = False


@dataclass(frozen=True, eq=False)
class Places(Mapping[str, Place]):
    """The place of each record by id. Arrays inside, by record and by group of records that stay together.

    `ids` are sorted, `groups` gives each its group; `parts`, `drawn` (indices into `PARTS`), `draws` and `folds` (-1:
    none) go by group. `beyond` are the ids that few-shot training leaves out.
    """

    ids: npt.NDArray[np.bytes_]
    groups: Numbers
    parts: Numbers
    drawn: Numbers
    draws: npt.NDArray[np.float64]
    folds: Numbers
    beyond: frozenset[str] = frozenset()

    def __getitem__(self, id: str) -> Place:
        key = id.encode()
        at = bisect_left(self.ids, key)
        if at == len(self.ids) or self.ids[at] != key:
            raise KeyError(id)
        group = self.groups[at]
        fold = int(self.folds[group])
        drawn, part = PARTS[self.drawn[group]], PARTS[self.parts[group]]
        return Place(part, drawn, float(self.draws[group]), None if fold < 0 else fold, id in self.beyond)

    def __iter__(self) -> Iterator[str]:
        return (id.decode() for id in self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> dict[Part, int]:
        """Records by part, before any are left out."""
        counts = np.bincount(self.parts[self.groups], minlength=len(PARTS)).tolist()
        return dict(zip(PARTS, counts, strict=True))


def group_keys(
    records: Iterable[tuple[str, str | None, str | None]], texts: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The key of each record's component, by id, from rows of (id, subject, group); see `component_keys`.

    `texts` gives an id a digest of its text.
    """
    rows = [(id, subject, group, (texts or {}).get(id)) for id, subject, group in records]
    names = ("id", "subject", "group", "text")
    table = pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)})
    return dict(zip((row[0] for row in rows), component_keys(table).to_pylist(), strict=True))


def component_keys(rows: pa.Table) -> pa.Array:
    """The key of each row's component, from the columns `id`, `subject`, `group` and `text`.

    The key is the component's smallest subject; without any subject its smallest group, where a record without a group
    counts as the group of its own id. A subject comes first so that a duplicate that turns up, and gives a record its
    group, does not move the subject's other rows. Records of equal text belong together too (scrubbing can make texts
    equal that were not when duplicates were removed).
    """
    subject, text = rows["subject"].combine_chunks(), rows["text"].combine_chunks()
    own = pc.coalesce(rows["group"], rows["id"]).combine_chunks()
    owns, subjects = _ranks(own), _ranks(subject)
    component = _components(owns, subjects, _ranks(text))
    # As unsigned numbers, the -1 of no subject is the largest: the first row of a component has its smallest subject.
    order = np.lexsort((owns, subjects.view(np.uint64), component))
    first = pa.array(order[np.flatnonzero(np.diff(component[order], prepend=-1))])
    keys = pc.coalesce(subject.take(first), own.take(first))
    return keys.take(pa.array(component))


def _ranks(values: pa.Array) -> Numbers:
    """The place of each value among the distinct ones in their order, from 0; -1 for null."""
    ranks = pc.rank(values, tiebreaker="dense").to_numpy().astype(np.int64) - 1
    return np.where(values.is_valid().to_numpy(zero_copy_only=False), ranks, -1)


def _components(own: Numbers, *others: Numbers) -> Numbers:
    """The component of each row, numbered from 0: rows with a number in common are tied, where it is not -1."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends, nodes = [np.empty((2, 0), np.int64)], int(own.max(initial=-1)) + 1
    for numbers in others:
        tied = numbers >= 0
        ends.append(np.stack([own[tied], numbers[tied] + nodes]))
        nodes += int(numbers.max(initial=-1)) + 1
    edges = np.concatenate(ends, axis=1)
    if not len(own):
        return own
    graph = coo_array((np.ones(edges.shape[1], np.int8), tuple(edges)), (nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    return np.unique(labels[own], return_inverse=True)[1].astype(np.int64)


def strata(task: Task, record: Record) -> tuple[str, ...]:
    """What each part should have some of: the record's classes, or the one stratum that it has without any."""
    return task.labels(record) or (task.stratum(record),)


def draw(seed: int, key: str, purpose: str = "split") -> float:
    """A number in [0, 1) from the seed and the key: the first 53 bits of SHA-256, as many as a float holds exactly."""
    digest = hashlib.sha256(f"{seed}:{purpose}:{key}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def part_of(u: float, validation: float, test: float) -> Part:
    """The part for a draw, given the shares of validation and test."""
    if u < test:
        return "test"
    return "validation" if u < test + validation else "train"


def fold_of(seed: int, key: str, folds: int | None) -> int | None:
    """The cross-validation fold of a key, 0 to folds - 1; drawn apart from the part, so that folds are alike."""
    return None if folds is None else int(draw(seed, key, "fold") * folds)


def places(rows: pa.Table, relabelled: Collection[str], params: SplitParams, seed: int) -> Places:
    """The place of every record (`ROWS`): draw, keep machine-made labels out of test, mend absent strata.

    `relabelled` are ids whose label a machine has changed; the test split must not be scored against such labels.
    Everything goes by component, so that none is torn.
    """
    keys = component_keys(rows)
    groups = _ranks(keys)
    _, firsts = np.unique(groups, return_index=True)
    names = keys.take(pa.array(firsts)).to_pylist()
    draws = np.array([draw(seed, key) for key in names])
    drawn = np.array([PARTS.index(part_of(u, params.validation, params.test)) for u in draws.tolist()], np.int64)
    barred = np.zeros(len(names), np.bool_)
    machine = pc.is_in(rows["id"], pa.array(sorted(relabelled), pa.string())).to_numpy()
    barred[groups[machine]] = True
    parts = np.where(barred & (drawn == _TEST), _TRAIN, drawn)
    named = rows["strata"].combine_chunks()
    owners = pc.list_parent_indices(named).to_numpy()
    pairs = np.unique(np.stack([groups[owners], _ranks(pc.list_flatten(named))]), axis=1)
    parts = repaired(draws, parts, pairs, barred)
    folds = np.array([-1 if fold is None else fold for fold in (fold_of(seed, key, params.kfold) for key in names)])
    ids = np.array(rows["id"].to_pylist(), np.bytes_)
    order = np.argsort(ids)
    return Places(ids[order], groups[order], parts, drawn, draws, np.where(parts == _TEST, -1, folds))


def repaired(draws: npt.NDArray[np.float64], parts: Numbers, strata: Numbers, barred: npt.NDArray[np.bool_]) -> Numbers:
    """The part of each group after as few moves as it takes that no stratum of three groups or more lacks a part.

    Arrays go by group, in order of their keys; `barred` ones must not enter test. `strata` has a column for each group
    and each stratum among its rows, in order; strata are numbered in the order of their names. For each stratum, and
    each part it lacks (test, validation, train), the group with the smallest draw moves whose leaving empties no part
    of any such stratum. One group a lack, and none where nothing lacks: minimal. A lack stays where no group may move.
    """
    now = parts.copy()
    group, stratum = strata
    counts = np.zeros((int(stratum.max(initial=-1)) + 1, len(PARTS)), np.int64)
    np.add.at(counts, (stratum, now[group]), 1)
    large = counts.sum(axis=1) >= len(PARTS)
    ranked = strata[:, np.lexsort((group, draws[group], stratum))]

    def concerned(one: int) -> Numbers:
        """The large strata among a group's rows."""
        mine = stratum[np.searchsorted(group, one) : np.searchsorted(group, one, "right")]
        found: Numbers = mine[large[mine]]
        return found

    def may_move(one: int, part: int) -> bool:
        return bool((counts[concerned(one), now[one]] > 1).all()) and not (part == _TEST and barred[one])

    # A move empties no part, so that no stratum comes to lack one on the way.
    for lacking in np.flatnonzero(large & (counts == 0).any(axis=1)):
        members = ranked[0, np.searchsorted(ranked[1], lacking) : np.searchsorted(ranked[1], lacking, "right")]
        for part in (part for part in reversed(range(len(PARTS))) if not counts[lacking, part]):
            chosen = next((one for one in members if may_move(one, part)), None)
            if chosen is not None:
                counts[concerned(chosen), now[chosen]] -= 1
                counts[concerned(chosen), part] += 1
                now[chosen] = part
    return now
