"""`rowtrail budget`: what private training has cost the people in the data, by the ledger, and what is left.

Only ids, counts and numbers are printed. Exit code 3 for a ledger that was altered.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stages.core.budget import budget_folder
from stages.core.budget_chain import LEDGER, Budget, Run, read_budget
from stages.core.budget_witnesses import unaccounted
from stages.core.params_file import read_params
from stages.core.terminal import printable
from stages.methods.privacy.spending import Total, shown, totals
from stages.methods.text_table import text_table

_SHORT = 8
"""Digits of a run's name that are shown; JSON has all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much to tell."""
    parser.add_argument("--runs", action="store_true", help="list every run")
    parser.add_argument("--json", action="store_true", help="print JSON, with every run")
    parser.add_argument(
        "--params", type=Path, default=Path("params.yaml"), metavar="FILE", help="where the limit stands"
    )


def run(args: argparse.Namespace) -> int:
    """Print the budget by data set. Raises DataError for a ledger that was altered."""
    folder = budget_folder()
    budget = read_budget(folder)
    limit = read_params(args.params).privacy.max_epsilon if args.params.is_file() else None
    found = totals(budget.runs)
    missing = unaccounted(budget)
    if args.json:
        print(json.dumps(as_json(folder, found, limit) | {"missing": missing}, indent=1))
        return 0
    print("\n".join(lines(folder, budget, found, limit, runs=args.runs)))
    if missing:
        runs = f"{len(missing)} run{'s' * (len(missing) > 1)}"
        print(f"\nnot in this ledger: {runs} that git, a certificate or DVC's cache tells of (`rowtrail verify`)")
    return 0


def lines(
    folder: Path, budget: Budget, found: Sequence[Total], limit: float | None, *, runs: bool = False
) -> Iterator[str]:
    """The budget for people."""
    if not found:
        yield f"no private training is in the ledger {folder / LEDGER}"
    for number, total in enumerate(found, 1):
        yield from [""] * (number > 1)
        yield from _total(number, total, limit)
        yield from ["", *_table(total.runs)] if runs else []
    if budget.torn:
        yield from ["", f"a half-written line at the end of {LEDGER} counts for nothing; the next run puts it aside"]


def _total(number: int, total: Total, limit: float | None) -> Iterator[str]:
    yield f"data set {number}"
    yield f"  subjects   {total.holders:,} (records that belong together count as one's)"
    yield f"  records    {total.records:,}"
    yield f"  runs       {_states(total.runs)}"
    for name, value in (("record", total.record), ("subject", total.subject)):
        said = f"at most {shown(value)}" if value is not None else "not told: whole subjects were drawn"
        yield f"  {name:<10} epsilon {said}"
    yield f"  delta      {total.delta:g}"
    if not total.bounded:
        yield "  but        nothing bounds the cost of runs with a test seed; above are the others"
    yield f"  limit      {_limit(total, limit)}"


def _states(runs: Sequence[Run]) -> str:
    counts = {name: sum(_state(run) == name for run in runs) for name in ("confirmed", "planned", "test")}
    meant = {"planned": "planned (killed or under way: counted in full)", "test": "test (not private)"}
    return ", ".join(f"{count} {meant.get(name, name)}" for name, count in counts.items() if count)


def _state(run: Run) -> str:
    if not run.entry.private:
        return "test"
    return "planned" if run.confirmed is None else "confirmed"


def _limit(total: Total, limit: float | None) -> str:
    if limit is None:
        return "none (privacy.max_epsilon)"
    left = limit - total.spent
    if left < 0:
        return f"{limit:g} (privacy.max_epsilon); exceeded: no further run will be let through"
    # Losses do not add up: what is left is a difference, not what a further run may cost.
    return f"{limit:g} (privacy.max_epsilon); {math.floor(left * 100) / 100:.2f} below it"


_HEADER = ("run", "reserved", "state", "unit", "sigma", "rate", "steps", "record", "subject", "delta", "experiment")


def _table(runs: Sequence[Run]) -> list[str]:
    """A line for each run, columns under each other; what a run alone costs."""
    return [f"  {line}" for line in text_table(_HEADER, [_row(run) for run in runs], width=1000)]


def _row(run: Run) -> tuple[str, ...]:
    entry, noise = run.entry, run.entry.mechanism
    costs = ("-" if value is None else shown(value) for value in (entry.epsilon.record, entry.epsilon.subject))
    numbers = (f"{noise.noise_multiplier:g}", f"{noise.rate:.4g}", f"{noise.steps}")
    experiment = printable(entry.experiment or "-")
    return (run.id[:_SHORT], entry.time, _state(run), entry.unit, *numbers, *costs, f"{entry.delta:g}", experiment)


def as_json(folder: Path, found: Sequence[Total], limit: float | None) -> dict[str, Any]:
    """The same as values; an epsilon without bound is null, and `bounded` says so."""
    return {"ledger": str(folder / LEDGER), "limit": limit, "data_sets": [_values(total, limit) for total in found]}


def _values(total: Total, limit: float | None) -> dict[str, Any]:
    left = None if limit is None or not math.isfinite(total.spent) else round(limit - total.spent, 4)
    return {
        "subjects": total.holders,
        "records": total.records,
        "delta": total.delta,
        "epsilon": {"record": _finite(total.record), "subject": _finite(total.subject)},
        "bounded": math.isfinite(total.spent),
        "left": left,
        "runs": [_run(run) for run in total.runs],
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 4)


def _run(run: Run) -> dict[str, Any]:
    facts = run.entry.model_dump(exclude={"kind", "seq", "previous"})
    return {**facts, "entry": run.sha256, "state": _state(run), "steps_taken": run.confirmed}
