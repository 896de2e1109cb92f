"""From the events of all stages to rows: each an id, its path of codes, and the row that it repeats.

A path is the row's story in codes: (stage, reason) after (stage, reason). Millions of rows share a few hundred paths,
so a row carries the number of its path. That a stage left a row alone has no event, and stands in no path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

ID_BYTES = 10
"""A record's id is 20 hex digits (docs/lineage.md)."""
_ACTIONS = ("create", "edit", "relabel", "keep", "assign", "quarantine", "drop")
"""Order within one stage: what ends a row's way stands last, whatever order the stage noted things in."""
_ID = r"^[0-9a-f]{20}$"
_OF = r'"of": ?"(?P<of>[0-9a-f]{20})"'
_NAMES_KEPT = "deduplicate"


@dataclass(frozen=True, slots=True)
class StageEvents:
    """A stage's events, with the columns of `columns`, and the sentence behind each of its reason codes."""

    stage: str
    events: pa.Table
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A reason that occurred. `rows` counts rows, of which one may have many events with this reason."""

    stage: str
    action: str
    reason: str
    rows: int
    explanation: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in order of id.

    `ids` is n x 10 bytes; `path` each row's index into `paths`; `paths` are tuples of indices into `steps`; `kept` is
    the place of the row that this one repeats, -1 for none. `total` counts all rows, also those that are not here.
    """

    ids: NDArray[np.uint8]
    path: NDArray[np.int64]
    paths: tuple[tuple[int, ...], ...]
    steps: tuple[Step, ...]
    kept: NDArray[np.int64]
    total: int

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: NDArray[np.int64]) -> Rows:
        """The rows at some places, given in rising order. Who repeats a row that is not among them repeats none."""
        new = np.full(len(self), -1)
        new[places] = np.arange(len(places))
        kept = self.kept[places]
        kept = np.where(kept < 0, -1, new[kept])
        return Rows(self.ids[places], self.path[places], self.paths, self.steps, kept, self.total)


def columns(stage: str) -> list[str]:
    """Columns of `events.parquet` that are needed of a stage. Evidence is the widest: only where it names the kept."""
    return ["id", "action", "reason", *(["evidence"] if stage == _NAMES_KEPT else [])]


def rows_of(stages: Sequence[StageEvents]) -> Rows:
    """All rows with an event, with their paths in the order of the stages. Ids that are no record's are only counted.

    Holds the ids of all rows and of one stage's events at a time, and no more.
    """
    ids, total = _ids(stages)
    path = np.zeros(len(ids), np.int64)
    kept = np.full(len(ids), -1)
    paths: list[tuple[int, ...]] = [()]
    steps: list[Step] = []
    for stage in stages:
        for action, reason, places in _noted(stage, ids):
            # A step comes once, so each path that meets it grows a new one; no other path can be equal to that.
            old, which = _distinct(path[places], len(paths))
            path[places] = len(paths) + which
            paths += [(*paths[one], len(steps)) for one in old]
            steps.append(Step(stage.stage, action, reason, len(places), stage.texts.get(reason, "")))
        places, targets = _repeats(stage, ids)
        kept[places] = targets
    used, path = _distinct(path, len(paths))
    return Rows(_bytes(ids), path, tuple(paths[one] for one in used), tuple(steps), kept, total)


def _distinct(numbers: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers below `size` that occur, rising, and each one's place among them: `np.unique` without its sort."""
    found = np.flatnonzero(np.bincount(numbers, minlength=size))
    place = np.zeros(size, np.int64)
    place[found] = np.arange(len(found))
    return found, place[numbers]


def _ids(stages: Sequence[StageEvents]) -> tuple[pa.Array, int]:
    """Ids of all rows in rising order, and how many different ids there are with those of another form."""
    found = pa.chunked_array([pc.unique(stage.events["id"]) for stage in stages], pa.string())
    ids = pc.unique(found)
    total = len(ids)
    ids = ids.filter(pc.match_substring_regex(ids, _ID))
    return ids.take(pc.sort_indices(ids)), total


def _noted(stage: StageEvents, ids: pa.Array) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Each action and reason of a stage, with the places of the rows that have such an event."""
    events = stage.events
    where = _places(events["id"], ids)
    codes = [pc.dictionary_encode(events[name]).combine_chunks() for name in ("action", "reason")]
    actions, reasons = ([str(code) for code in codes_of.dictionary.to_pylist()] for codes_of in codes)
    action, reason = (codes_of.indices.to_numpy(zero_copy_only=False) for codes_of in codes)
    pair = action.astype(np.int64) * max(len(reasons), 1) + reason
    noted = [(actions[one // len(reasons)], reasons[one % len(reasons)], one) for one in np.unique(pair)]
    for action_code, reason_code, one in sorted(noted, key=_order):
        noted_of = np.zeros(len(ids), bool)
        noted_of[where[(pair == one) & (where >= 0)]] = True
        yield action_code, reason_code, np.flatnonzero(noted_of)


def _order(noted: tuple[str, str, Any]) -> tuple[int, str, str]:
    action, reason, _ = noted
    return _ACTIONS.index(action) if action in _ACTIONS else len(_ACTIONS), action, reason


def _repeats(stage: StageEvents, ids: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of dropped duplicates, and of the rows that were kept for them."""
    events = stage.events
    if "evidence" not in events.column_names:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    events = events.filter(pc.equal(events["action"], "drop")).combine_chunks()
    named = pc.struct_field(pc.extract_regex(events["evidence"], _OF), "of")
    where, target = _places(events["id"], ids), _places(named, ids)
    known = (where >= 0) & (target >= 0)
    return where[known], target[known]


def _places(some: pa.ChunkedArray, ids: pa.Array) -> NDArray[np.int64]:
    """The place of each id, -1 for one that is not there."""
    found = pc.fill_null(pc.index_in(some, value_set=ids, skip_nulls=True), -1)
    places: NDArray[np.int64] = found.to_numpy().astype(np.int64)
    return places


def _bytes(ids: pa.Array) -> NDArray[np.uint8]:
    text = ids.cast(pa.binary()).cast(pa.binary(2 * ID_BYTES))
    digits = text.buffers()[1].to_pybytes() if len(ids) else b""
    return np.frombuffer(bytes.fromhex(digits.decode("ascii")), np.uint8).reshape(-1, ID_BYTES)
