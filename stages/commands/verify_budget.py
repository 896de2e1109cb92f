"""Group `budget` of `verify`: the ledger is whole, and has every private run that anything else tells of.

The ledger itself shows what was altered inside it. That its end was cut off, head and all, or that it was put aside as
a whole, shows where others hold on to its entries: the certificate, the figures of all commits and experiments in git,
and the certificates in DVC's cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.commands.verify_checks import Check, Finding, Note, counted, read_json
from stages.commands.verify_project import DATA, EVENTS, MANIFEST, Project
from stages.core.budget import budget_folder
from stages.core.budget_chain import HEAD, LEDGER, Budget, Run, read_budget
from stages.core.budget_witnesses import CERTIFICATE, witnesses
from stages.core.errors import Fault
from stages.methods.privacy.planning import epsilons
from stages.methods.privacy.spending import mechanism, total_of

_CLOSE = 0.02
"""How far two computations of an epsilon may lie apart: twice the accountant's error."""
_LOST = (
    "bring the ledger back from a backup; a run of another machine or folder is in the ledger there: share it by "
    "ROWTRAIL_BUDGET"
)
_AGAIN = "`dvc checkout` or git brings back what was written; else `dvc repro --force finetune`, which spends anew"


def budget_checks(project: Project) -> Iterator[Check]:
    """The ledger, the runs that others tell of, and the certificate against its entry; none without private runs."""
    ledger = _Ledger(budget_folder())
    if any((ledger.folder / name).exists() for name in (LEDGER, HEAD)):
        yield Check(ledger.place, partial(_whole, ledger))
    for (run, entry), places in witnesses().items():
        yield Check(f"run {run}", partial(_known, ledger, run, entry, places))
    if CERTIFICATE.is_file():
        for look in (_numbers, _epsilon, _total, _made_from, _trained_on):
            yield Check(str(CERTIFICATE), partial(look, project, ledger))


class _Ledger:
    """The ledger, read once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, str(folder / LEDGER)

    @cached_property
    def budget(self) -> Budget:
        """Raises DataError with all that was altered."""
        return read_budget(self.folder)

    def certified(self) -> Iterator[tuple[dict[str, Any], Run]]:
        """The certificate and its run; nothing where the ledger lacks the run (the check of runs says so)."""
        said = read_json(CERTIFICATE)
        run = self.budget.find(said["ledger"]["run"])
        if run is not None:
            yield said, run


def _whole(ledger: _Ledger) -> Iterator[Finding]:
    budget = ledger.budget
    if budget.torn:
        yield Note(f"{ledger.place}: a half-written line at its end counts for nothing; the next run puts it aside")
    if tests := [run.id for run in budget.runs if not run.entry.private]:
        yield Note(f"{ledger.place}: {len(tests)} of {len(budget.runs)} runs had a test seed, and were not private")


def _known(ledger: _Ledger, run: str, entry: str, places: list[str]) -> Iterator[Finding]:
    found, where = ledger.budget.find(run), ", ".join(places[:3])
    where += f" and {len(places) - 3} more" if len(places) > 3 else ""
    if found is None:
        yield Fault(
            ledger.place, f"lacks run {run}, of which there is word in {where}: what it spent is missing", _LOST
        )
    elif found.sha256 != entry:
        yield Fault(ledger.place, f"has another entry for run {run} than there is word of in {where}", _LOST)


def _numbers(_: Project, ledger: _Ledger) -> Iterator[Finding]:
    """What the certificate says of the mechanism, against the entry."""
    for said, run in ledger.certified():
        entry, noise, used = run.entry, run.entry.mechanism, said["mechanism"]
        pairs = {
            "private": (said["private"], entry.private),
            "unit": (said["unit"], entry.unit),
            "delta": (said["delta"], entry.delta),
            "accountant": (said["accountant"]["name"], entry.accountant),
            "noise_multiplier": (used["noise_multiplier"], noise.noise_multiplier),
            "rate": (used["rate"], noise.rate),
            "steps": (used["steps"] * used["runs"], noise.steps),
        }
        for name, (ours, theirs) in pairs.items():
            if not _same(ours, theirs):
                problem = f"is {ours}, and the ledger has {theirs} for run {run.id}"
                yield Fault(f"{CERTIFICATE}: {name}", problem, _AGAIN)
        if run.confirmed is None:
            yield Note(f"{ledger.place}: the end of run {run.id} was never confirmed; it counts in full")


def _epsilon(_: Project, ledger: _Ledger) -> Iterator[Finding]:
    """What certificate and entry say that the run costs, against the accountant."""
    for said, run in ledger.certified():
        claims = {str(CERTIFICATE): said["epsilon"], ledger.place: run.entry.epsilon.model_dump()}
        for name, value in recomputed(run).items():
            for place, claimed in claims.items():
                if not _near(claimed[name], value):
                    found = "no bound" if value is None else f"{value:.4f}"
                    problem = f"{claimed[name]:g} for a {name}; noise, rate and steps of run {run.id} give {found}"
                    yield Fault(f"{place}: epsilon", problem, _AGAIN)


def _near(claimed: float | None, value: float | None) -> bool:
    """Whether a claim is what the accountant says; none is claimed where there is no bound."""
    return claimed is None or (value is not None and abs(claimed - value) <= _CLOSE)


def _same(one: Any, other: Any) -> bool:
    """Whether values are equal, but for the last digits of a number, which a certificate rounds."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-3)
    return bool(one == other)


def recomputed(run: Run) -> dict[str, float | None]:
    """What a run alone costs, by the accountant from its entry and its holders."""
    rows = max(pc.value_counts(run.exposed["holder"]).field("counts").to_pylist(), default=1)
    return epsilons(mechanism(run), run.entry.unit, rows, run.entry.delta, run.entry.accountant)


def _total(_: Project, ledger: _Ledger) -> Iterator[Finding]:
    """What the runs up to this one cost together."""
    for said, run in ledger.certified():
        total, claimed = total_of(ledger.budget.runs, run.id), said["ledger"]
        place = f"{CERTIFICATE}: ledger"
        if (claimed["runs"], claimed["delta"]) != (len(total.runs), total.delta):
            problem = f"tells of {claimed['runs']} runs at delta {claimed['delta']}; in the ledger there are"
            yield Fault(place, f"{problem} {len(total.runs)} at {total.delta:g}", _AGAIN)
        elif not _near(claimed["epsilon"], total.spent):
            yield Fault(place, f"says {claimed['epsilon']:g} together; the runs give {total.spent:.4f}", _AGAIN)


def _made_from(project: Project, ledger: _Ledger) -> Iterator[Finding]:
    """Plan and split: of the certificate, of the entry, and those that are here."""
    files = {"plan": DATA / "plan" / "plan.json", "split": DATA / "split" / MANIFEST}
    for said, run in ledger.certified():
        for name, file in files.items():
            digest = said["digests"][name]
            if digest != getattr(run.entry, name):
                yield Fault(f"{CERTIFICATE}: {name}", f"is not the one that run {run.id} reserved for", _AGAIN)
            if file.is_file() and project.sha256(file) != digest:
                yield Fault(str(file), f"is not the one that {CERTIFICATE} is for", "run `dvc repro`")


def _trained_on(project: Project, ledger: _Ledger) -> Iterator[Finding]:
    """Whoever the model learned from stands in the ledger."""
    for _, run in ledger.certified():
        events = project.folder("finetune").table(EVENTS, ["id", "reason"])
        ids = events.filter(pc.equal(events["reason"], "trained_on"))["id"]
        missing = pc.sum(pc.invert(pc.is_in(ids, run.exposed["id"].combine_chunks().cast(pa.string())))).as_py() or 0
        if missing:
            problem = (
                f"{counted(missing)} that the model learned from are not among those that run {run.id} reserved for"
            )
            yield Fault(str(DATA / "finetune" / EVENTS), problem, _AGAIN)
