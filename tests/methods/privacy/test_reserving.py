"""A plan as the ledger takes it, and the look at the ledger before anything is paid."""

from __future__ import annotations

import json

import pytest

from stages.core.budget import budget_folder, reserve
from stages.core.budget_chain import read_budget
from stages.core.budget_witnesses import CERTIFICATE
from stages.core.errors import PrivacyRefused
from stages.methods.privacy.accounting import Loss, Mechanism, epsilon
from stages.methods.privacy.holders import Holders
from stages.methods.privacy.reserving import look_at_budget, spend_of, within
from stages.methods.privacy.spending import shown, totals

pytestmark = pytest.mark.usefixtures("ledger_here")
PLAN, SPLIT = "a" * 64, "b" * 64
PEOPLE = Holders({"1": "ann", "2": "ann", "3": "bob"}, 3, frozenset())
TWICE = Mechanism(2.0, 0.25, 20)


def plan(**changes):
    private = {
        "unit": "record", "delta": 1e-5, "accountant": "rdp", "epsilon": {"record": 4.0, "subject": None}, "units": 3,
        "records": 3, "noise_multiplier": 2.0, "rate": 0.25, "steps": 10, "runs": 2, "test_seed": None,
        "max_epsilon": None,
    }  # fmt: skip
    return {"privacy": private | changes, "data": {"split": SPLIT}}


def pay(planned, holders=PEOPLE):
    return reserve(spend_of(planned, PLAN), holders.of, within(planned["privacy"]["max_epsilon"]))


def cost(*losses):
    return epsilon([Loss(*one) for one in losses], 1e-5, "rdp")


def test_a_plan_spends_all_steps_of_all_its_trainings():
    spend = spend_of(plan(), PLAN)
    assert (spend.plan, spend.split, spend.private) == (PLAN, SPLIT, True)
    mechanism = spend.mechanism
    assert (mechanism.noise_multiplier, mechanism.rate, mechanism.steps) == (2.0, 0.25, 20)
    facts = (spend.unit, spend.delta, spend.accountant, spend.units, spend.records)
    assert facts == ("record", 1e-5, "rdp", 3, 3)
    assert spend.epsilon.model_dump() == {"record": 4.0, "subject": None}


@pytest.mark.parametrize("seed", [0, 7])
def test_a_plan_with_a_test_seed_is_not_private(seed):
    assert not spend_of(plan(test_seed=seed), PLAN).private


def test_a_look_says_the_total_and_writes_nothing(capsys):
    look_at_budget(plan(), PLAN, PEOPLE)
    said = "".join(capsys.readouterr())
    assert f"1 run will have cost a subject epsilon {shown(cost((TWICE, 2)))}" in said
    assert not budget_folder().exists()


def test_a_look_says_what_the_ledger_will_say_once_it_is_paid(capsys):
    pay(plan())
    capsys.readouterr()
    look_at_budget(plan(), PLAN, PEOPLE)
    said = "".join(capsys.readouterr())
    pay(plan())
    [after] = totals(read_budget(budget_folder()).runs)
    assert after.spent == pytest.approx(cost((TWICE, 2), (TWICE, 2)))
    assert f"2 runs will have cost a subject epsilon {shown(after.spent)}" in said


def test_other_peoples_runs_are_not_counted(capsys):
    pay(plan(), Holders({"9": "eve"}, 1, frozenset()))
    look_at_budget(plan(), PLAN, PEOPLE)
    said = "".join(capsys.readouterr())
    assert "1 run will have cost" in said
    assert "1 run in the ledger had nobody of these" in said


def test_a_run_that_would_take_a_subject_over_the_limit_is_refused_before_and_at_the_till():
    limit = cost((TWICE, 2)) + 0.1
    planned = plan(max_epsilon=limit)
    look_at_budget(planned, PLAN, PEOPLE)
    pay(planned)
    for step in (look_at_budget, lambda planned, digest, holders: pay(planned, holders)):
        with pytest.raises(PrivacyRefused, match="max_epsilon") as caught:
            step(planned, PLAN, PEOPLE)
        assert caught.value.exit_code == 4
    assert len(read_budget(budget_folder()).runs) == 1


def test_the_limit_is_for_a_subject_with_all_rows_and_not_for_a_record():
    between = (cost((TWICE, 1)) + cost((TWICE, 2))) / 2
    with pytest.raises(PrivacyRefused):
        look_at_budget(plan(max_epsilon=between), PLAN, PEOPLE)
    look_at_budget(plan(max_epsilon=between, unit="subject"), PLAN, PEOPLE)


def test_a_limit_is_not_said_to_hold_where_a_certificate_tells_of_a_run_that_the_ledger_lacks(capsys):
    CERTIFICATE.parent.mkdir(parents=True)
    CERTIFICATE.write_text(json.dumps({"ledger": {"run": "f" * 16, "entry": "e" * 64}}), encoding="utf-8")
    for step in (look_at_budget, lambda planned, digest, holders: pay(planned, holders)):
        with pytest.raises(PrivacyRefused, match="lacks 1 private run"):
            step(plan(max_epsilon=1000.0), PLAN, PEOPLE)
        assert not read_budget(budget_folder()).runs
    pay(plan())
    assert "lacks 1 private run" in "".join(capsys.readouterr())
