"""Did a stage hit some group of records harder than the others? Counts from tables of ids, and rates with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.core.task import Metric
from stages.methods.audit.roc import difference, wilson

COLUMNS = ("source", "language", "label")
"""Columns of `records.parquet` by which records are told apart, where a task has them."""
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "clean": ("drop",),
    "deduplicate": ("drop",),
    "scrub_pii": ("drop", "edit"),
    "check_labels": ("drop", "keep", "relabel"),
}
"""Stages that can treat groups differently, and the actions of their events that are a treatment."""
UNKNOWN = "unknown"
_LEAST = 20


@dataclass(frozen=True, slots=True)
class GroupCount:
    """Of `given` records of one group, a stage did `action` to `hit`."""

    stage: str
    action: str
    column: str
    group: str
    given: int
    hit: int


@dataclass(frozen=True, slots=True)
class Rate:
    """A group's share with Wilson's 95 % interval, and whether it was surely hit harder than the other groups."""

    count: GroupCount
    share: float
    low: float
    high: float
    harder: bool


def counted(stage: str, given: pa.Table, events: pa.Table) -> list[GroupCount]:
    """Records by group, and those a stage did something to.

    `given` are the records that the stage was given (`id` and any of COLUMNS), `events` are what it did (`id`,
    `action`). A record counts once for an action, however many events it has. Columns without any value are left out.
    """
    found: list[GroupCount] = []
    for action in ACTIONS.get(stage, ()):
        hit = pc.is_in(given["id"], value_set=events.filter(pc.equal(events["action"], action))["id"].unique())
        if not pc.any(hit).as_py():
            continue
        for column in COLUMNS:
            if column in given.column_names and given[column].null_count < len(given):
                found += _by_value(stage, action, column, given[column], hit)
    return found


def _by_value(stage: str, action: str, column: str, values: pa.ChunkedArray, hit: Any) -> Iterator[GroupCount]:
    named = pc.fill_null(pc.cast(values, pa.string()), UNKNOWN)
    table = pa.table({"group": named, "hit": pc.cast(hit, pa.int64())}).group_by("group")
    for row in table.aggregate([("hit", "count"), ("hit", "sum")]).sort_by("group").to_pylist():
        yield GroupCount(stage, action, column, row["group"], row["hit_count"], row["hit_sum"])


def rates(counts: Sequence[GroupCount], least: int = _LEAST) -> list[Rate]:
    """The share of each group of at least `least` records; of a column with a single such group there are none.

    A group is `harder` hit when the whole 95 % interval of the difference to all other records (Newcombe's) lies above
    zero. Of 40 groups that are alike in truth, about one is marked by chance.
    """
    found: list[Rate] = []
    for key in dict.fromkeys((count.stage, count.action, count.column) for count in counts):
        same = [count for count in counts if (count.stage, count.action, count.column) == key]
        large = [count for count in same if count.given >= least]
        found += [_rate(count, same) for count in large] if len(large) > 1 else []
    return found


def _rate(count: GroupCount, same: Sequence[GroupCount]) -> Rate:
    others = sum(other.given for other in same) - count.given
    share, rest = _share(count.hit, count.given), _share(sum(other.hit for other in same) - count.hit, others)
    return Rate(count, share.value, share.low, share.high, difference(share, rest).low > 0)


def _share(hit: int, given: int) -> Metric:
    return Metric(hit / given, *wilson(hit, given))
