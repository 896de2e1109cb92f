"""What private runs cost together: the ledger's runs by data set, composed by the accountant and never summed.

Data change between runs: a record is added, a new near duplicate ties two people's rows together. Records and the keys
of their holders are therefore tied over all runs: what any run held to be one holder is one here, with all its rows.
The runs that share a holder make a data set, and its total is what the most exposed holder has lost.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.core.budget_chain import Budget, Run
from stages.core.errors import Fault, PrivacyRefused
from stages.methods.privacy.accounting import Loss, Mechanism, epsilon

Numbers: TypeAlias = npt.NDArray[np.int64]
Pattern: TypeAlias = tuple[int, ...]
"""How many times somebody can be drawn in each of some runs: by rows, or by keys where whole holders are drawn."""
_MOST_PATTERNS = 16
"""Patterns that are composed for a total; beyond, several are taken for one that is at least as exposed as each."""


@dataclass(frozen=True, slots=True)
class Total:
    """What the runs over one data set have cost, or may cost yet: a run that was never confirmed counts in full.

    `record` and `subject` are the epsilon of the private runs at `delta`, the smallest of theirs: for the most exposed
    record, and for the most exposed holder. `record` is None where a run draws holders and not records.
    """

    runs: tuple[Run, ...]
    holders: int
    records: int
    delta: float
    record: float | None
    subject: float

    @property
    def bounded(self) -> bool:
        """Whether every run was private. One with a test seed was not: who knows the seed can take its noise off."""
        return all(run.entry.private for run in self.runs)

    @property
    def spent(self) -> float:
        """What a subject has lost for certain at most; infinite where nothing bounds it."""
        return self.subject if self.bounded else math.inf


def totals(runs: Sequence[Run], delta: float | None = None) -> list[Total]:
    """The runs by data set, in the order of their first runs. `delta` replaces the smallest delta of each."""
    tables = {run.entry.holders: run.exposed for run in runs}
    people = _People(list(tables.values()))
    sets = dict(zip(tables, people.data_sets(), strict=True))
    by_set: dict[int, list[Run]] = {}
    for run in runs:
        by_set.setdefault(sets[run.entry.holders], []).append(run)
    places = {name: place for place, name in enumerate(tables)}
    return [_total(some, people, [places[run.entry.holders] for run in some], delta) for some in by_set.values()]


def total_of(runs: Sequence[Run], run: str) -> Total:
    """The total of a run's data set when it was reserved: with the runs before it, and without those after."""
    upto = [one.id for one in runs].index(run) + 1
    return next(total for total in totals(runs[:upto]) if any(one.id == run for one in total.runs))


def gate(limit: float | None) -> Callable[[Budget, Run], None]:
    """For `reserve`: raises PrivacyRefused for a run after which a subject would have lost more than `limit`."""

    def check(budget: Budget, candidate: Run) -> None:
        if limit is None:
            return
        after = total_of([*budget.runs, candidate], candidate.id)
        if after.spent > limit:
            raise PrivacyRefused(_refusal(after, candidate, limit))

    return check


def _refusal(after: Total, candidate: Run, limit: float) -> Fault:
    before = [run for run in after.runs if run != candidate]
    tests = sum(not run.entry.private for run in before)
    invented = "test on invented rows, with a ledger of their own (ROWTRAIL_BUDGET)"
    if not candidate.entry.private:
        problem = f"nothing bounds what a run with test_seed costs a subject, and privacy.max_epsilon is {limit:g}"
        return Fault("params.yaml: privacy.test_seed", problem, f"set it to null; {invented}")
    place = "params.yaml: privacy.max_epsilon"
    if tests:
        problem = f"nothing bounds what {_runs(tests)} with test_seed cost these subjects, and the limit is {limit:g}"
        return Fault(place, problem, f"take data that no such run has seen; {invented}")
    problem = f"this run would cost a subject epsilon {shown(after.subject)} at delta {after.delta:g}"
    if before:
        spent = max(total.subject for total in totals(before, after.delta))
        problem = f"with what {_runs(len(before))} spent ({shown(spent)} by now), {problem}"
    problem += f", and the limit is {limit:g}"
    step = (
        "lower privacy.target_epsilon, privacy.runs or privacy.max_rows_per_subject; `rowtrail budget --runs` lists all"
    )
    return Fault(place, problem, step)


def shown(value: float) -> str:
    """An epsilon with two digits behind the point, rounded up: less would promise too much."""
    return f"{math.ceil(value * 100 - 1e-6) / 100:.2f}" if math.isfinite(value) else "without bound"


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _total(runs: Sequence[Run], people: _People, tables: Sequence[int], delta: float | None) -> Total:
    at = min(run.entry.delta for run in runs) if delta is None else delta
    private = [(run, table) for run, table in zip(runs, tables, strict=True) if run.entry.private]
    used = [run for run, _ in private]
    patterns = people.patterns([(table, run.entry.unit == "record") for run, table in private])
    holders, records = people.counts(tables)
    record = None
    if all(run.entry.unit == "record" for run in used):
        record = _largest(used, people.patterns_of_records([table for _, table in private]), at)
    return Total(tuple(runs), holders, records, at, record, _largest(used, patterns, at))


def _largest(runs: Sequence[Run], patterns: Iterable[Pattern], delta: float) -> float:
    """The epsilon of whoever is exposed most; by Renyi orders where one of the runs was."""
    accountant = "rdp" if any(run.entry.accountant == "rdp" for run in runs) else "prv"
    mechanisms = [mechanism(run) for run in runs]
    costs = (
        epsilon([Loss(one, rows) for one, rows in zip(mechanisms, pattern, strict=True) if rows], delta, accountant)
        for pattern in patterns
    )
    return max(costs, default=0.0)


def mechanism(run: Run) -> Mechanism:
    """A run's mechanism as the accountant takes it."""
    noise = run.entry.mechanism
    return Mechanism(noise.noise_multiplier, noise.rate, noise.steps)


class _People:
    """Who is who over all tables of (id, holder). Records, keys and people are numbered from 0."""

    def __init__(self, tables: Sequence[pa.Table]) -> None:
        ends = np.cumsum([0, *(len(table) for table in tables)]).tolist()
        self._rows = [slice(start, end) for start, end in itertools.pairwise(ends)]
        self._ids, self._keys = (_codes([table[name] for table in tables]) for name in ("id", "holder"))
        self._records = _count(self._ids)
        self._person = _components(self._ids, self._keys + self._records)[self._ids]
        self._people = _count(self._person)

    def data_sets(self) -> list[int]:
        """A number for each table; tables that share a person have the same."""
        sizes = [rows.stop - rows.start for rows in self._rows]
        tables = np.repeat(np.arange(len(sizes)), sizes) + self._people
        found: list[int] = _components(self._person, tables, self._people + len(sizes))[self._people :].tolist()
        return found

    def counts(self, tables: Iterable[int]) -> tuple[int, int]:
        """People and records in some tables."""
        rows = np.concatenate([np.arange(self._rows[table].start, self._rows[table].stop) for table in set(tables)])
        return len(np.unique(self._person[rows])), len(np.unique(self._ids[rows]))

    def patterns(self, runs: Sequence[tuple[int, bool]]) -> list[Pattern]:
        """How often people can be drawn in each run, a table and whether it draws records: the largest patterns."""
        distinct = sorted(set(runs))
        columns = [self._drawn(self._rows[table], by_record) for table, by_record in distinct]
        return _spread(_frontier(_distinct(columns)), [distinct.index(run) for run in runs])

    def patterns_of_records(self, tables: Sequence[int]) -> list[Pattern]:
        """In which runs records were, 1 or 0: the largest patterns."""
        distinct = sorted(set(tables))
        columns = [np.bincount(self._ids[self._rows[table]], minlength=self._records) for table in distinct]
        return _spread(_frontier(_distinct(columns)), [distinct.index(table) for table in tables])

    def _drawn(self, rows: slice, by_record: bool) -> Numbers:
        """By person. Two holders of a run that another run held to be one can both be drawn."""
        people = self._person[rows]
        if not by_record:
            people = people[np.unique(self._keys[rows], return_index=True)[1]]
        return np.bincount(people, minlength=self._people)


def _count(numbers: Numbers) -> int:
    return int(numbers.max(initial=-1)) + 1


def _codes(columns: Sequence[pa.ChunkedArray]) -> Numbers:
    """Equal values of all columns have equal numbers, from 0."""
    chunks = [chunk for column in columns for chunk in column.chunks]
    values = pa.chunked_array(chunks, pa.string()).combine_chunks()
    return np.asarray(pc.rank(values, tiebreaker="dense"), np.int64) - 1


def _components(ones: Numbers, others: Numbers, nodes: int | None = None) -> Numbers:
    """The component of each node, numbered from 0, of a graph with an edge between each pair of two columns."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = nodes or max(_count(ones), _count(others))
    graph = coo_array((np.ones(len(ones), np.int8), (ones, others)), (size, size))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64) if size else ones


def _distinct(columns: Sequence[Numbers]) -> list[Pattern]:
    """The different rows of a table given by columns; built up column by column, so that memory stays with the rows."""
    found: list[Pattern] = [()]
    codes = np.zeros(len(columns[0]) if columns else 0, np.int64)
    for column in columns:
        pairs, codes = np.unique(np.stack([codes, column]), axis=1, return_inverse=True)
        found = [(*found[code], int(count)) for code, count in pairs.T]
        codes = codes.reshape(-1)
    return found


def _frontier(patterns: Iterable[Pattern]) -> list[Pattern]:
    """The patterns that no other covers, the most exposed first; few enough to be composed.

    Where there are too many, neighbours are joined to one that covers both, so that the total is never too small.
    """
    kept: list[Pattern] = []
    for one in sorted(set(patterns), key=lambda pattern: (-sum(pattern), pattern)):
        if not any(_covers(other, one) for other in kept):
            kept.append(one)
    lot = math.ceil(len(kept) / _MOST_PATTERNS) or 1
    return [tuple(map(max, zip(*kept[at : at + lot], strict=True))) for at in range(0, len(kept), lot)]


def _covers(one: Pattern, other: Pattern) -> bool:
    return all(mine >= theirs for mine, theirs in zip(one, other, strict=True))


def _spread(patterns: Iterable[Pattern], places: Sequence[int]) -> list[Pattern]:
    """Patterns over columns as patterns over runs, several of which may have the same column."""
    return [tuple(pattern[place] for place in places) for pattern in patterns]
