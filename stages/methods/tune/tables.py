"""What a search found, as a report without clocks and as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stages.methods.text_table import text_table
from stages.methods.tune.space import written
from stages.methods.tune.trials import Search, Trial, best_of, importance, ranked

OPTIMISM = "the best of several is best on the validation rows in part by chance; the test split has not been touched"


def report(search: Search, trials: Sequence[Trial]) -> dict[str, Any]:
    """For reports/tune.json: the space, all trials in order, the best, and how much each knob mattered."""
    best = best_of(search, trials)
    return {
        "study": search.name,
        "metric": search.metric,
        "direction": "minimize" if search.lower_is_better else "maximize",
        "seed": search.seed,
        "space": [str(knob) for knob in search.knobs],
        "trials": [as_row(search, trial) for trial in trials],
        "best": None if best is None else as_row(search, best),
        "importance": importance(search, trials),
        "note": OPTIMISM,
    }


def as_row(search: Search, trial: Trial) -> dict[str, Any]:
    """A trial as plain values."""
    row = {"experiment": search.experiment(trial.number), "number": trial.number, "params": dict(trial.params)}
    losses = {"losses": list(trial.losses)} if trial.losses else {}
    return {**row, "state": trial.state, "value": trial.value, **losses}


def from_row(row: Mapping[str, Any]) -> Trial:
    """A trial from what `as_row` wrote."""
    return Trial(row["number"], row["params"], row["state"], row["value"], tuple(row.get("losses", ())))


def lines(search: Search, trials: Sequence[Trial], width: int) -> list[str]:
    """The table, best first, and the best beside params.yaml as it was."""
    names = [knob.name for knob in search.knobs]
    header = ("experiment", search.metric, *names, "state")
    rows = [
        (
            search.experiment(trial.number),
            "" if trial.value is None else f"{trial.value:.4f}",
            *(written(trial.params[name]) for name in names),
            trial.state,
        )
        for trial in ranked(search, trials)
    ]
    shares = importance(search, trials)
    told = [f"{name} {100 * share:.0f} %" for name, share in sorted(shares.items(), key=lambda item: -item[1])]
    return [*text_table(header, rows, width), *([f"share of the ranking explained: {', '.join(told)}"] if told else [])]


def advice(search: Search, trials: Sequence[Trial], best: Trial) -> list[str]:
    """The best beside the first trial, what it means, and what to do next."""
    name, first = search.experiment(best.number), trials[0]
    beside = "" if first is best or first.value is None else f"; the first trial had {first.value:.4f}"
    edges = [knob.name for knob in search.knobs if knob.is_edge(best.params[knob.name])]
    return [
        f"best: {name}, {search.metric} {best.value:.4f}{beside}",
        f"note: {OPTIMISM}",
        *(f"note: the best {knob} lies at the edge of its range: a wider one may hold a better one" for knob in edges),
        f"next: dvc exp apply {name} && dvc repro",
    ]
