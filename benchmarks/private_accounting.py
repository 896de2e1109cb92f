"""Epsilon side by side: Rowtrail, Opacus' two accountants, and google's dp-accounting.

    python -m venv build/rivals
    build/rivals/bin/pip install --no-deps -r requirements/benchmarks.txt
    python benchmarks/private_accounting.py
    python benchmarks/private_accounting.py --json grid.json      the numbers, for tests

A case is one or several trainings, each of some steps with a noise multiplier and a rate of Poisson sampling, over the
same people, of whom the most exposed one has some separately sampled rows. Opacus counts records, so it has nothing to
say where there is more than one row. dp-accounting adds up discretized privacy losses, rounded up, of a Gaussian
mixture whose sensitivity is the number of rows drawn: its epsilons are upper bounds, a little above the truth.
Lower numbers are better only as far as they are true: what undercuts dp-accounting by more than the mesh explains is
a fault.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

TRAININGS = (
    (0.8, 0.0256, 117),
    (1.0, 0.02, 200),
    (0.6, 0.01, 500),
    (1.3, 0.1, 300),
    (2.0, 0.3, 100),
    (0.7, 0.004, 1000),
    (8.0, 1.0, 50),
)
"""(noise multiplier, rate, steps), from a few rows a step to all of them."""
ROWS = (1, 2, 4, 8)
DELTAS = (1e-5, 1e-7)
TOGETHER = ((0, 0, 0), (0, 1), (1, 3, 4))
"""Trainings over the same people, by their place in TRAININGS."""
MESH = 1e-3
"""Of dp-accounting's discretization; a tenth of it changes the fifth digit and takes ten times as long."""
ACCOUNTANTS = ("Rowtrail prv", "Rowtrail rdp", "Opacus prv", "Opacus rdp", "dp-accounting pld", "dp-accounting rdp")


@dataclass(frozen=True)
class Case:
    """Trainings over the same people, the rows of the most exposed one, and delta."""

    trainings: tuple[tuple[float, float, int], ...]
    rows: int
    delta: float


def cases() -> Iterator[Case]:
    """Each training alone for all numbers of rows, then some together."""
    for delta in DELTAS:
        for training in TRAININGS:
            yield from (Case((training,), rows, delta) for rows in ROWS)
        for places in TOGETHER:
            yield from (Case(tuple(TRAININGS[place] for place in places), rows, delta) for rows in (1, 2))


def google(case: Case, name: str) -> float | None:
    """What dp-accounting says, in the rivals' environment."""
    from scipy.stats import binom

    events, pld, rdp = (importlib.import_module(f"dp_accounting.{part}") for part in ("dp_event", "pld", "rdp"))

    if name == "rdp" and case.rows > 1:
        return None  # it has no Renyi orders for mixtures
    accountant = pld.PLDAccountant(value_discretization_interval=MESH) if name == "pld" else rdp.RdpAccountant()
    for noise, rate, steps in case.trainings:
        drawn = range(case.rows + 1)
        mixture = events.MixtureOfGaussiansDpEvent(noise, [*drawn], [*binom.pmf(drawn, case.rows, rate)])
        single = events.PoissonSampledDpEvent(rate, events.GaussianDpEvent(noise))
        accountant.compose(single if case.rows == 1 else mixture, steps)
    return float(accountant.get_epsilon(case.delta))


def opacus(case: Case, name: str) -> float | None:
    """What Opacus says; its accountants know records only."""
    from opacus.accountants import create_accountant

    if case.rows > 1:
        return None
    accountant = create_accountant(name)
    accountant.history = [*case.trainings]
    return float(accountant.get_epsilon(case.delta))


def rowtrail(case: Case, name: str) -> float | None:
    """What the plan, the certificate and the ledger say."""
    from stages.methods.privacy.accounting import Loss, Mechanism, epsilon

    losses = [Loss(Mechanism(*training), case.rows) for training in case.trainings]
    return epsilon(losses, case.delta, name)


def measured(names: Sequence[str]) -> list[dict[str, float | str | None]]:
    """Epsilon of each case by each of these accountants; the reason where one gives none."""
    systems = {"Rowtrail": rowtrail, "Opacus": opacus, "dp-accounting": google}
    found: list[dict[str, float | str | None]] = []
    for case in cases():
        found.append({})
        for name in names:
            system, _, accountant = name.partition(" ")
            try:
                value: float | str | None = systems[system](case, accountant)
            except Exception as fault:  # a rival that cannot is a result, too
                value = type(fault).__name__
            found[-1][name] = value
    return found


def shown(value: Any) -> str:
    """A cell of the table."""
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.3f}" if math.isfinite(value) else "none"


def rows(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The table's lines."""
    yield "| noise, rate, steps | rows | delta | " + " | ".join(ACCOUNTANTS) + " |"
    yield "|---|---|---|" + "---|" * len(ACCOUNTANTS)
    for case, values in zip(cases(), found, strict=True):
        trainings = " and ".join(f"{noise:g}, {rate:g}, {steps}" for noise, rate, steps in case.trainings)
        cells = " | ".join(shown(values.get(name)) for name in ACCOUNTANTS)
        yield f"| {trainings} | {case.rows} | {case.delta:.0e} | {cells} |"


def main() -> None:
    """Ask all accountants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rivals", default="build/rivals/bin/python", metavar="PYTHON", help="of their environment")
    parser.add_argument("--only", nargs="+", default=ACCOUNTANTS, choices=ACCOUNTANTS, metavar="ACCOUNTANT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the cases and numbers there, too")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    google_names = [name for name in options.only if name.startswith("dp-accounting")]
    if options.measure:
        print(json.dumps(measured(google_names)))
        return
    found = measured([name for name in options.only if name not in google_names])
    if google_names:
        command = [options.rivals, __file__, "--measure", "--only", *google_names]
        theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        found = [{**ours, **others} for ours, others in zip(found, theirs, strict=True)]
    if options.json:
        table = [
            {**dict(zip(("trainings", "rows", "delta"), astuple(case), strict=True)), "epsilon": values}
            for case, values in zip(cases(), found, strict=True)
        ]
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    from measuring import conditions

    print(f"{conditions([])}; epsilon by accountant.\n")
    print("\n".join(rows(found)))


if __name__ == "__main__":
    main()
