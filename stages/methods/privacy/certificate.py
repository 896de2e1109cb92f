"""The certificate of a private training: to whom what was promised, by which mechanism, and what it does not cover."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from stages.core.budget import Reserved, budget_folder
from stages.core.budget_chain import read_budget
from stages.core.progress import say
from stages.methods.privacy.planning import rounded_up
from stages.methods.privacy.private_run import PrivateResult, PrivateRun
from stages.methods.privacy.spending import shown, total_of

_ADJACENCY = {
    "record": "two sets of training records are neighbours when one has one record more",
    "subject": "two sets of training records are neighbours when one has one subject more, with all of its records and "
    "those of whoever shares near duplicates with it",
}
_EXCLUDES = {
    "preprocessing": "sampling, cleaning, deduplication, scrubbing, label checking and splitting decide about some "
    "records by looking at others, without noise, and so does a limit for the rows of a subject: the guarantee is for "
    "the training on the records as they left them",
    "size": "how many units there are, from which the rate of sampling follows, is taken to be public",
    "labels": "which labels there are is taken to be public",
    "validation": "validation and test records are not trained on, and what is measured on them is published as it is",
    "metrics": "counts, lengths, scores, error tables, attacks and reports of all other stages are made without noise",
    "base_model": "what the base model was trained on before is not known here",
    "arithmetic": "noise comes from torch's generator, whose state comes anew from the operating system at every step, "
    "in floating-point numbers: attacks on either (Mironov 2012) are out of scope",
}


def certify(run: PrivateRun, result: PrivateResult) -> dict[str, Any]:
    """The contents of privacy.json: what was promised to whom, by which mechanism, and what is not covered."""
    private, reserved = run.plan["privacy"], result.reserved
    total = _total(reserved)
    mechanism = ("noise_multiplier", "rate", "expected_batch", "steps", "max_grad_norm", "mode", "runs")
    return {
        "format": 1,
        "private": private["test_seed"] is None,
        "not_private_because": None if private["test_seed"] is None else "test_seed",
        "unit": private["unit"],
        "adjacency": _ADJACENCY[private["unit"]],
        **{name: private[name] for name in ("records", "units", "largest_unit", "with_subject", "left_out")},
        "mechanism": {name: private[name] for name in mechanism},
        "accountant": {"name": private["accountant"], "library": "opacus", "version": version("opacus")},
        "delta": private["delta"],
        "epsilon": {**private["epsilon"], "target": private["target_epsilon"]},
        "ledger": {"run": reserved.run, "entry": reserved.entry_sha256, **total},
        "excludes": [{"what": what, "why": why} for what, why in _EXCLUDES.items()],
        "self_test": result.self_test,
        "canaries": run.plan["finetune"]["canaries"],
        "audit": "data/audit/privacy.json",
        "spread": result.spread,
        "digests": {"split": run.plan["data"]["split"], "train_ids": run.plan["data"]["train_ids"], "plan": run.digest},
    }


def _total(reserved: Reserved) -> dict[str, Any]:
    """What the ledger's runs over these subjects had cost with this one."""
    after = total_of(read_budget(budget_folder()).runs, reserved.run)
    runs = "1 run" if len(after.runs) == 1 else f"{len(after.runs)} runs"
    say(f"  finetune: a subject's loss over {runs} is epsilon {shown(after.spent)} at most")
    return {"runs": len(after.runs), "epsilon": rounded_up(after.spent), "delta": after.delta}


def in_brief(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """What the report repeats, for `dvc metrics diff` and for `rowtrail verify`, which holds the ledger to it."""
    return {
        "epsilon": certificate["epsilon"]["record"],
        "epsilon_subject": certificate["epsilon"]["subject"],
        "epsilon_all_runs": certificate["ledger"]["epsilon"],
        "delta": certificate["delta"],
        "noise_multiplier": certificate["mechanism"]["noise_multiplier"],
        "private": certificate["private"],
        "ledger_run": certificate["ledger"]["run"],
        "ledger_entry": certificate["ledger"]["entry"],
    }
