"""The certificate says what was planned and paid, no more, and nothing of any record."""

from __future__ import annotations

import json
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from stages.core.budget import budget_folder, reserve
from stages.core.budget_chain import read_budget
from stages.methods.privacy.accounting import Loss, Mechanism, epsilon
from stages.methods.privacy.certificate import certify, in_brief
from stages.methods.privacy.planning import rounded_up
from stages.methods.privacy.private_run import PrivateResult, PrivateRun
from stages.methods.privacy.reserving import spend_of
from stages.methods.privacy.spending import gate

pytestmark = pytest.mark.usefixtures("ledger_here")
PLAN, SPLIT = "a" * 64, "b" * 64
PEOPLE = {"record-of-ann": "ann", "second-of-ann": "ann", "record-of-bob": "bob"}
FIELDS = {
    "format", "private", "not_private_because", "unit", "adjacency", "records", "units", "largest_unit", "with_subject",
    "left_out", "mechanism", "accountant", "delta", "epsilon", "ledger", "excludes", "self_test", "canaries", "audit",
    "spread", "digests",
}  # fmt: skip


def plan(**changes):
    private = {
        "enabled": True, "unit": "record", "delta": 1e-5, "accountant": "rdp", "mode": "ghost", "max_grad_norm": 0.5,
        "target_epsilon": 8.0, "max_epsilon": None, "epsilon": {"record": 7.9, "subject": None}, "units": 3,
        "records": 3, "largest_unit": 2, "with_subject": 2, "left_out": 1, "noise_multiplier": 2.0, "rate": 0.25,
        "expected_batch": 1, "steps": 10, "runs": 2, "test_seed": None,
    }  # fmt: skip
    data = {"split": SPLIT, "train_ids": "c" * 64}
    return {"privacy": private | changes, "data": data, "finetune": {"canaries": 40}}


def certified(planned, spread=None):
    """Reserve for a plan and certify it; the model itself is nothing to the certificate."""
    reserved = reserve(spend_of(planned, PLAN), PEOPLE, gate(None))
    run = PrivateRun(planned, PLAN, SimpleNamespace(), None, None, None)
    return certify(run, PrivateResult(SimpleNamespace(), reserved, {"norms": 1e-7}, spread)), reserved


def test_it_has_every_field_and_repeats_the_plan():
    planned = plan()
    found, _ = certified(planned, {"metric": "accuracy", "values": [0.5, 0.7], "mean": 0.6, "sd": 0.141421})
    assert found.keys() == FIELDS
    assert found["mechanism"] == {
        "noise_multiplier": 2.0, "rate": 0.25, "expected_batch": 1, "steps": 10, "max_grad_norm": 0.5, "mode": "ghost",
        "runs": 2,
    }  # fmt: skip
    for name in ("unit", "delta", "records", "units", "largest_unit", "with_subject", "left_out"):
        assert found[name] == planned["privacy"][name]
    assert found["epsilon"] == {"record": 7.9, "subject": None, "target": 8.0}
    assert found["accountant"] == {"name": "rdp", "library": "opacus", "version": version("opacus")}
    assert found["digests"] == {"split": SPLIT, "train_ids": "c" * 64, "plan": PLAN}
    assert (found["canaries"], found["self_test"]) == (40, {"norms": 1e-7})
    assert found["spread"]["values"] == [0.5, 0.7]


def test_it_names_the_ledgers_entry_and_what_all_runs_have_cost():
    once = Loss(Mechanism(2.0, 0.25, 20), 2)
    for runs in (1, 2):
        found, reserved = certified(plan())
        assert found["ledger"] == {
            "run": reserved.run, "entry": reserved.entry_sha256, "runs": runs, "delta": 1e-5,
            "epsilon": rounded_up(epsilon([once] * runs, 1e-5, "rdp")),
        }  # fmt: skip
        assert read_budget(budget_folder()).runs[-1].sha256 == reserved.entry_sha256


def test_runs_that_came_after_are_not_in_it():
    """A certificate written late says what it would have said at once."""
    planned = plan()
    found, reserved = certified(planned)
    certified(planned)
    run = PrivateRun(planned, PLAN, SimpleNamespace(), None, None, None)
    assert certify(run, PrivateResult(SimpleNamespace(), reserved, {"norms": 1e-7}, None)) == found


@pytest.mark.parametrize("seed", [0, 7])
def test_with_a_test_seed_it_says_that_nothing_is_private_and_bounds_no_total(seed):
    found, _ = certified(plan(test_seed=seed))
    assert (found["private"], found["not_private_because"]) == (False, "test_seed")
    assert found["ledger"]["epsilon"] is None
    found, _ = certified(plan())
    assert (found["private"], found["not_private_because"]) == (True, None)
    assert found["ledger"]["epsilon"] is None  # for the run with the seed was on the same people


@pytest.mark.parametrize(("unit", "said"), [("record", "one record more"), ("subject", "one subject more, with all")])
def test_it_says_when_two_data_sets_are_neighbours(unit, said):
    assert said in certified(plan(unit=unit))[0]["adjacency"]


def test_it_says_what_it_does_not_cover_each_once_with_a_reason():
    excludes = certified(plan())[0]["excludes"]
    whats = [one["what"] for one in excludes]
    assert len(set(whats)) == len(whats)
    assert {"preprocessing", "validation", "metrics", "base_model", "arithmetic"} <= set(whats)
    assert all(len(one["why"]) > 30 for one in excludes)


def test_it_holds_nothing_of_a_record_and_neither_does_the_ledger():
    found, _ = certified(plan())
    written = json.dumps(found, allow_nan=False) + (budget_folder() / "ledger.jsonl").read_text(encoding="utf-8")
    assert not [name for pair in PEOPLE.items() for name in pair if name in written]


def test_in_brief_it_is_the_same_numbers():
    found, reserved = certified(plan())
    assert in_brief(found) == {
        "epsilon": 7.9, "epsilon_subject": None, "epsilon_all_runs": found["ledger"]["epsilon"], "delta": 1e-5,
        "noise_multiplier": 2.0, "private": True, "ledger_run": reserved.run, "ledger_entry": reserved.entry_sha256,
    }  # fmt: skip
