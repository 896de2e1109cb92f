"""Private runs that trained on the rows: what they have spent stays spent, and the ledger keeps their ids for it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.core.budget import budget_folder
from stages.core.budget_chain import Run, read_budget
from stages.core.errors import DataError


def spent_on(ids: Collection[str]) -> dict[str, Any]:
    """The ledger's runs over some records, how many of the records it names, and whether it could be read.

    A ledger that was altered does not keep anybody from being erased; `verify` says what is wrong with it.
    """
    try:
        budget = read_budget(budget_folder())
    except DataError:
        return {"readable": False, "records": 0, "runs": []}
    named = {run.id: _named(run, ids) for run in budget.runs}
    runs = [_facts(run, len(named[run.id])) for run in budget.runs if named[run.id]]
    return {"readable": True, "records": len(set[str]().union(*named.values())), "runs": runs}


def _named(run: Run, ids: Collection[str]) -> set[str]:
    found = run.exposed.filter(pc.is_in(run.exposed["id"], pa.array(sorted(ids), pa.string())))
    return set(found["id"].to_pylist())


def _facts(run: Run, records: int) -> dict[str, Any]:
    """A run and what it cost; counts only, for ids would tie the rows to whoever asked."""
    entry = run.entry
    return {
        "run": run.id,
        "time": entry.time,
        "experiment": entry.experiment,
        "private": entry.private,
        "delta": entry.delta,
        "epsilon": entry.epsilon.model_dump(),
        "records": records,
    }
