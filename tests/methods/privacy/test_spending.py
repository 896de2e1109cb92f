"""What private runs cost together: who is who, which runs meet, and what is composed."""

from __future__ import annotations

import itertools
import math

import pyarrow as pa
import pytest

from stages.core.budget_chain import Budget, Run
from stages.core.budget_entries import START, Reserve
from stages.core.errors import PrivacyRefused
from stages.methods.privacy import spending
from stages.methods.privacy.accounting import Loss, Mechanism, epsilon
from stages.methods.privacy.spending import gate, shown, total_of, totals

DELTA = 1e-5
CHEAP, DEAR = Mechanism(2.0, 0.05, 40), Mechanism(1.0, 0.1, 60)
numbers = itertools.count()


def run(holders, mechanism=CHEAP, **more):
    """A run over holders, by the id of a record."""
    number = next(numbers)
    noise = {"noise_multiplier": mechanism.noise_multiplier, "rate": mechanism.rate, "steps": mechanism.steps}
    facts = {
        "seq": number, "previous": START, "time": "2026-01-01T00:00:00Z", "run": f"{number:016x}", "experiment": None,
        "plan": START, "split": START, "unit": "record", "delta": DELTA, "accountant": "rdp", "mechanism": noise,
        "epsilon": {"record": None, "subject": None}, "units": 1, "records": len(holders), "private": True,
        "holders": f"{abs(hash(tuple(sorted(holders.items())))):064x}",
    }  # fmt: skip
    table = pa.table({"id": pa.array([*holders], pa.string()), "holder": pa.array([*holders.values()], pa.string())})
    return Run(Reserve.model_validate({**facts, **more}), f"{number:064x}", table)


def cost(*losses, delta=DELTA):
    return pytest.approx(epsilon([Loss(*one) for one in losses], delta, "rdp"))


def test_one_run_costs_what_it_costs_alone_for_a_record_and_for_the_holder_of_most_rows():
    [total] = totals([run({"a": "x", "b": "x", "c": "y"})])
    assert (total.holders, total.records, total.delta) == (2, 3, DELTA)
    assert total.record == cost((CHEAP, 1))
    assert total.subject == total.spent == cost((CHEAP, 2))


def test_runs_over_the_same_records_are_composed_and_not_summed():
    people = {"a": "x", "b": "y"}
    [total] = totals([run(people), run(people, DEAR)])
    assert total.record == total.subject == cost((CHEAP, 1), (DEAR, 1))
    assert total.subject < epsilon([Loss(CHEAP)], DELTA, "rdp") + epsilon([Loss(DEAR)], DELTA, "rdp")


def test_by_the_numerical_accountant_too_and_by_orders_as_soon_as_one_run_was():
    people = {"a": "x"}
    [prv] = totals([run(people, accountant="prv"), run(people, accountant="prv")])
    assert prv.subject == pytest.approx(epsilon([Loss(CHEAP), Loss(CHEAP)], DELTA, "prv"))
    [mixed] = totals([run(people, accountant="prv"), run(people)])
    assert mixed.subject == cost((CHEAP,), (CHEAP,))
    assert mixed.subject > prv.subject


def test_runs_over_other_people_are_another_data_set_and_cost_nothing_here():
    first, second = totals([run({"a": "x"}), run({"b": "y"}, DEAR)])
    assert (first.subject, second.subject) == (cost((CHEAP,)), cost((DEAR,)))


def test_the_total_is_that_of_who_was_in_most_and_not_of_all_runs_at_once():
    """Runs that overlap in somebody meet, but nobody was in both dear ones."""
    runs = [run({"a": "x", "b": "y"}, DEAR), run({"b": "y", "c": "z"}), run({"c": "z", "d": "w"}, DEAR)]
    [total] = totals(runs)
    assert total.holders == 4
    assert total.record == total.subject == cost((DEAR,), (CHEAP,))


def test_components_that_changed_between_versions_still_meet():
    """In the second version a near duplicate ties two people together: both have been one all along."""
    before, after = run({"a": "x", "b": "y"}), run({"a": "x", "b": "x", "n": "x"})
    [total] = totals([before, after])
    assert total.holders == 1
    assert total.record == cost((CHEAP, 1), (CHEAP, 1))
    assert total.subject == cost((CHEAP, 2), (CHEAP, 3))


def test_a_holder_is_known_by_the_key_where_no_record_is_the_same():
    [total] = totals([run({"a": "x"}), run({"b": "x"})])
    assert (total.holders, total.records) == (1, 2)
    assert total.subject == cost((CHEAP,), (CHEAP,))
    assert total.record == cost((CHEAP,))


def test_an_id_and_a_key_of_the_same_letters_are_not_the_same():
    assert len(totals([run({"a": "b"}), run({"b": "c"})])) == 2


def test_whole_holders_count_once_however_many_rows_they_have():
    [total] = totals([run({"a": "x", "b": "x"}, unit="subject")])
    assert total.subject == cost((CHEAP, 1))
    assert total.record is None


def test_two_holders_of_a_run_that_turn_out_to_be_one_can_both_be_drawn():
    [total] = totals([run({"a": "x", "b": "y"}, unit="subject"), run({"a": "x", "b": "x"}, unit="subject")])
    assert total.subject == cost((CHEAP, 2), (CHEAP, 1))


def test_the_smallest_delta_of_the_runs_holds_for_the_total():
    people = {"a": "x"}
    [total] = totals([run(people), run(people, delta=1e-7)])
    assert total.delta == 1e-7
    assert total.subject == cost((CHEAP,), (CHEAP,), delta=1e-7)


def test_a_run_that_was_never_confirmed_counts_as_one_that_was():
    people = {"a": "x"}
    ended = run(people)
    [total] = totals([Run(ended.entry, ended.sha256, ended.exposed, confirmed=40), run(people)])
    assert total.subject == cost((CHEAP,), (CHEAP,))


def test_a_run_with_a_test_seed_leaves_nothing_that_bounds_the_total():
    people = {"a": "x"}
    [total] = totals([run(people), run(people, private=False)])
    assert (total.bounded, total.spent) == (False, math.inf)
    assert total.subject == cost((CHEAP,))


def test_no_runs_have_no_total_and_a_run_over_nobody_costs_nothing():
    assert totals([]) == []
    [total] = totals([run({})])
    assert (total.holders, total.subject) == (0, 0.0)


def test_a_total_does_not_depend_on_the_order_of_the_runs():
    runs = [run({"a": "x", "b": "x"}, DEAR), run({"b": "y", "c": "y"}), run({"c": "q"}, DEAR)]
    values = {(total.subject, total.record) for some in itertools.permutations(runs) for total in totals(some)}
    assert len(values) == 1


def test_a_sweep_is_composed_once_and_not_once_for_every_person(monkeypatch):
    asked = []
    monkeypatch.setattr(spending, "epsilon", lambda losses, *_: float(asked.append(losses) or len(losses)))
    people = {f"r{i}": f"h{i // 3}" for i in range(3000)}
    [total] = totals([run(people) for _ in range(30)])
    assert total.subject == 30
    assert len(asked) == 2


def test_too_many_kinds_of_people_are_joined_so_that_the_total_is_never_too_small(monkeypatch):
    """Every pair of 12 runs has somebody of its own: 66 patterns, none of which covers another."""
    asked = []
    monkeypatch.setattr(spending, "epsilon", lambda losses, *_: float(asked.append(losses) or len(losses)))
    shared = [*itertools.combinations(range(12), 2)]
    [total] = totals([run({f"{pair}": f"{pair}" for pair in shared if i in pair}) for i in range(12)])
    assert len(asked) <= 2 * spending._MOST_PATTERNS
    assert total.subject >= 2


def test_the_total_of_a_run_leaves_out_later_ones_and_other_people():
    people = {"a": "x"}
    first, other, second, later = run(people), run({"b": "y"}), run(people), run(people)
    total = total_of([first, other, second, later], second.id)
    assert [one.id for one in total.runs] == [first.id, second.id]


def test_the_gate_lets_a_run_through_until_the_limit_and_not_beyond():
    people = {"a": "x", "b": "x"}
    first, second = run(people), run(people)
    together = epsilon([Loss(CHEAP, 2), Loss(CHEAP, 2)], DELTA, "rdp")
    gate(together + 1e-6)(Budget((first,)), second)
    gate(None)(Budget((first,)), second)
    gate(together - 0.1)(Budget((first,)), run({"c": "y"}))
    with pytest.raises(PrivacyRefused) as error:
        gate(together - 0.1)(Budget((first,)), second)
    said = str(error.value)
    spent = shown(epsilon([Loss(CHEAP, 2)], DELTA, "rdp"))
    for part in (
        "privacy.max_epsilon",
        "1 run spent",
        spent,
        shown(together),
        f"{together - 0.1:g}",
        "rowtrail budget",
    ):
        assert part in said


def test_the_first_run_may_be_too_dear_as_well():
    with pytest.raises(PrivacyRefused, match="this run would cost a subject epsilon"):
        gate(0.1)(Budget(), run({"a": "x"}))


def test_a_limit_keeps_runs_with_a_test_seed_out_and_everything_after_one():
    people = {"a": "x"}
    test = run(people, private=False)
    with pytest.raises(PrivacyRefused, match="test_seed"):
        gate(100)(Budget(), test)
    with pytest.raises(PrivacyRefused, match="1 run with test_seed"):
        gate(100)(Budget((test,)), run(people))


@pytest.mark.parametrize(("value", "text"), [(1.0, "1.00"), (1.001, "1.01"), (math.inf, "without bound")])
def test_an_epsilon_is_rounded_up(value, text):
    assert shown(value) == text
