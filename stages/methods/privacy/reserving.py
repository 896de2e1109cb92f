"""What a planned run will spend, put to the budget ledger: looked at by `plan`, written down by `finetune`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stages.core.budget import Gate, budget_folder, would_be
from stages.core.budget_chain import Budget, Run, read_budget
from stages.core.budget_entries import Noise, Spend
from stages.core.budget_witnesses import unaccounted
from stages.core.errors import Fault, PrivacyRefused
from stages.core.params import PrivacyParams
from stages.core.params.training import RUNTIME
from stages.core.progress import say
from stages.methods.privacy.holders import Holders
from stages.methods.privacy.spending import gate, shown, total_of


def spend_of(plan: Mapping[str, Any], digest: str) -> Spend:
    """What a plan, by its SHA-256, will spend: all steps of all its trainings."""
    private = plan["privacy"]
    names = ("unit", "delta", "accountant", "epsilon", "units", "records")
    noise = {name: private[name] for name in ("noise_multiplier", "rate")}
    return Spend(
        plan=digest,
        split=plan["data"]["split"],
        mechanism=Noise(**noise, steps=private["steps"] * private["runs"]),
        private=private["test_seed"] is None,
        **{name: private[name] for name in names},
    )


def at_runtime(plan: Mapping[str, Any], private: PrivacyParams) -> dict[str, Any]:
    """The plan with the settings that are no part of it: the limit, and how many records are in memory at once."""
    return {**plan, "privacy": {**plan["privacy"], **{name: getattr(private, name) for name in RUNTIME}}}


def look_at_budget(plan: Mapping[str, Any], digest: str, holders: Holders) -> None:
    """Say what all runs together would have cost after this one. Raises PrivacyRefused where that is too much.

    Nothing is written: `finetune` asks again, under a lock, for another run may have been faster. A plan by which a
    model was trained before is not refused: as long as the model is there, no other is trained.
    """
    budget = read_budget(budget_folder())
    if any(run.entry.plan == digest and run.confirmed is not None for run in budget.runs):
        say("  plan: a model was trained by this plan, and paid for: to train another would cost as much again")
        return
    candidate = would_be(spend_of(plan, digest), holders.of, budget)
    within(plan["privacy"]["max_epsilon"])(budget, candidate)
    after = total_of([*budget.runs, candidate], candidate.id)
    runs = f"{len(after.runs)} run{'s' if len(after.runs) > 1 else ''}"
    if others := len(budget.runs) + 1 - len(after.runs):
        earlier = f"{others} run{'s' if others > 1 else ''} in the ledger"
        say(f"  plan: {earlier} had nobody of these: a renamed source, or another key, makes the same people others")
    say(f"  plan: after this run, {runs} will have cost a subject epsilon {shown(after.spent)} (`rowtrail budget`)")


def within(limit: float | None) -> Gate:
    """For `reserve`: raises PrivacyRefused for a run that exceeds the limit, or where what was spent is not known."""
    check = gate(limit)

    def look(budget: Budget, candidate: Run) -> None:
        missing = unaccounted(budget)
        if missing and limit is not None:
            raise PrivacyRefused(_incomplete(missing))
        if missing:
            say(f"  budget: {_incomplete(missing).problem}; the total leaves them out")
        check(budget, candidate)

    return look


def _incomplete(missing: Sequence[str]) -> Fault:
    told = "git, a certificate or DVC's cache tells of"
    problem = f"the ledger lacks {len(missing)} private run{'s' if len(missing) > 1 else ''} that {told}"
    step = (
        "bring back .rowtrail/budget from where it ran, or share one by ROWTRAIL_BUDGET; `rowtrail verify` names them"
    )
    return Fault("params.yaml: privacy.max_epsilon", problem, step)
