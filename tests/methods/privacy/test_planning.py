"""What a private training will cost, and every reason for which it is refused."""

from __future__ import annotations

import math

import pytest

from stages.core.errors import PrivacyRefused
from stages.core.params import (
    CheckLabelsParams,
    DeduplicateParams,
    FinetuneParams,
    IngestParams,
    PrivacyParams,
    SplitParams,
)
from stages.methods.privacy import planning
from stages.methods.privacy.accounting import Loss, Mechanism, epsilon, epsilon_of_a_change
from stages.methods.privacy.holders import Holders
from stages.methods.privacy.planning import (
    in_words,
    noise_against_signal,
    plan_privacy,
    refuse_unsafe,
    rounded_up,
    warnings,
)
from tests import tiny

STEPS = {"total": 20}
PER_RECORD = {"exact": False, "near": False, "semantic": None}


def holders(units, rows=1, with_subject=0):
    """So many holders with so many rows each."""
    of = {f"{unit}.{row}": str(unit) for unit in range(units) for row in range(rows)}
    return Holders(of, with_subject, frozenset())


def private(**settings):
    return PrivacyParams.model_validate({"enabled": True, "accountant": "rdp", **settings})


def plan(some, batch=20, steps=STEPS, windows=1, **settings):
    return plan_privacy(private(**settings), some, batch, steps, windows=windows)


def sections(finetune=(), near=(), labels=(), split=(), ingest=()):
    return {
        "ingest": IngestParams.model_validate({"sources": [tiny.SOURCE], **dict(ingest)}),
        "finetune": FinetuneParams.model_validate(dict(finetune)),
        "deduplicate": DeduplicateParams.model_validate(dict(near)),
        "check_labels": CheckLabelsParams.model_validate(dict(labels)),
        "split": SplitParams.model_validate(dict(split)),
        "privacy": private(),
    }


@pytest.fixture
def any_noise(monkeypatch):
    """For tests to which the noise is nothing: it is not looked for, which takes a second."""
    monkeypatch.setattr(planning, "noise_for", lambda *_: 2.0)


def refused(work):
    """The places of the faults for which something is refused, without `params.yaml: `."""
    with pytest.raises(PrivacyRefused) as caught:
        work()
    assert caught.value.exit_code == 4
    assert all(fault.next_step for fault in caught.value.faults)
    return [fault.place.removeprefix("params.yaml: ") for fault in caught.value.faults]


UNSAFE = {
    "augment": {"method": "edits"},
    "contrastive": {"enabled": True},
    "class_weights": True,
    "attribute_weights": "region",
    "new_tokens": ["anna"],
    "gradient_accumulation": 2,
    "gradient_checkpointing": True,
}


@pytest.mark.parametrize("name", UNSAFE)
def test_each_setting_under_which_the_bound_would_not_hold_is_refused(name):
    given = {name: UNSAFE[name], "head_only": name == "contrastive"}
    assert refused(lambda: refuse_unsafe(private(), sections(given))) == [f"finetune.{name}"]


def test_all_unsafe_settings_are_named_at_once_with_those_of_earlier_stages():
    given = sections({**UNSAFE, "head_only": True}, labels={"policy": "drop"}, split={"shots": 8})
    places = refused(lambda: refuse_unsafe(private(preprocessing="per_record"), given))
    earlier = ["deduplicate", "check_labels.policy", "split.shots"]
    assert places == [*(f"finetune.{name}" for name in UNSAFE), *earlier]


def test_what_keeps_records_apart_is_allowed():
    """Weights by source are fixed numbers, and adapters, frozen layers and heads only train less."""
    for given in (
        {"source_weights": {"s": 2.0}}, {"lora": {"enabled": True}}, {"head_only": True}, {"frozen_layers": 1}, {},
    ):  # fmt: skip
        refuse_unsafe(private(), sections(given))


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"near": PER_RECORD | {"exact": True}}, "deduplicate"),
        ({"near": PER_RECORD | {"near": True}}, "deduplicate"),
        ({"near": PER_RECORD | {"semantic": 0.9}}, "deduplicate"),
        ({"labels": {"policy": "drop"}}, "check_labels.policy"),
        ({"labels": {"policy": "relabel"}}, "check_labels.policy"),
        ({"split": {"shots": 8}}, "split.shots"),
        ({"ingest": {"limit": 100}}, "ingest"),
        ({"ingest": {"sources": [tiny.SOURCE | {"limit": 10}]}}, "ingest"),
    ],
)
def test_a_guarantee_from_the_raw_records_on_is_refused_where_a_stage_looks_at_others(changed, place):
    sound = {"near": PER_RECORD, "labels": {"policy": "flag"}, "split": {}}
    claims = private(preprocessing="per_record")
    refuse_unsafe(claims, sections(**sound))
    assert refused(lambda: refuse_unsafe(claims, sections(**sound | changed))) == [place]
    refuse_unsafe(private(preprocessing="conditional"), sections(**sound | changed))


def test_a_limit_for_the_rows_of_a_subject_looks_at_the_others_too():
    sound = sections(near=PER_RECORD, labels={"policy": "flag"})
    claims = private(preprocessing="per_record", max_rows_per_subject=2)
    assert refused(lambda: refuse_unsafe(claims, sound)) == ["privacy.max_rows_per_subject"]
    refuse_unsafe(private(max_rows_per_subject=2), sound)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"delta": 1 / 80}, "privacy.delta"),
        ({"delta": 0.5}, "privacy.delta"),
        ({"batch": 81}, "batch_size"),
        ({"unit": "subject"}, "privacy.unit"),
        ({"mode": "ghost", "windows": 2}, "privacy.mode"),
    ],
)
def test_a_promise_that_cannot_be_kept_is_refused(settings, place):
    assert refused(lambda: plan(holders(80), **settings)) == [place]


@pytest.mark.usefixtures("any_noise")
def test_ghost_norms_are_refused_for_several_rows_of_one_subject_and_only_there():
    several = holders(80, rows=2, with_subject=9)
    assert refused(lambda: plan(several, unit="subject", mode="ghost")) == ["privacy.mode"]
    assert plan(several, mode="ghost")["mode"] == "ghost"
    assert plan(holders(80, with_subject=9), unit="subject", mode="ghost")["mode"] == "ghost"


def test_all_promises_that_cannot_be_kept_are_named_at_once():
    some = holders(10, rows=2)
    places = refused(lambda: plan(some, batch=11, unit="subject", delta=0.1, mode="ghost", windows=3))
    assert places == ["privacy.delta", "batch_size", "privacy.unit", "privacy.mode"]


@pytest.mark.usefixtures("any_noise")
def test_the_delta_that_is_advised_would_be_taken():
    """One in 60 rounded to a digit is more than it."""
    with pytest.raises(PrivacyRefused, match="below 1/60"):
        plan(holders(60), delta=1 / 60)
    assert plan(holders(60), delta=0.999 / 60)["delta"] == 0.999 / 60


@pytest.mark.usefixtures("any_noise")
def test_units_are_counted_for_delta_rate_and_batch_and_not_rows():
    some = holders(50, rows=4, with_subject=200)
    by_subject, by_record = plan(some, unit="subject"), plan(some)
    assert (by_subject["units"], by_subject["records"], by_subject["rate"]) == (50, 200, 20 / 50)
    assert (by_record["units"], by_record["records"], by_record["rate"]) == (200, 200, 20 / 200)
    assert refused(lambda: plan(some, unit="subject", batch=51)) == ["batch_size"]
    assert refused(lambda: plan(some, unit="subject", delta=1 / 50)) == ["privacy.delta"]
    assert plan(some, delta=1 / 201)["delta"] == 1 / 201


@pytest.mark.usefixtures("any_noise")
@pytest.mark.parametrize(("units", "delta"), [(100, 1e-5), (1_000_000, 1_000_000**-1.1)])
def test_delta_is_a_hundred_thousandth_or_less_where_there_are_many(units, delta):
    class Many(Holders):
        """So many units, without a name for each."""

        def count(self, unit):
            return units

    found = plan(Many({"a": "a"}, 0, frozenset()), batch=100)["delta"]
    assert found == pytest.approx(delta)
    assert found < 1 / units


def test_the_noise_is_for_all_steps_of_all_runs_and_keeps_the_target():
    once, thrice = plan(holders(80)), plan(holders(80), runs=3)
    assert thrice["noise_multiplier"] > once["noise_multiplier"]
    assert thrice["steps"] == once["steps"] == 20
    for found, steps in ((once, 20), (thrice, 60)):
        cost = epsilon([Loss(Mechanism(found["noise_multiplier"], 0.25, steps))], found["delta"], "rdp")
        assert found["epsilon"]["record"] == pytest.approx(cost, abs=1e-3)
        assert 7.9 < cost <= found["epsilon"]["record"] <= found["target_epsilon"] == 8.0


def test_a_tighter_target_takes_more_noise():
    noise = [plan(holders(80), target_epsilon=target)["noise_multiplier"] for target in (8.0, 3.0, 1.0)]
    assert noise == sorted(noise)
    assert len(set(noise)) == 3


@pytest.mark.usefixtures("any_noise")
def test_a_record_and_its_subject_lose_the_same_where_nobody_has_two():
    for unit in ("record", "subject"):
        found = plan(holders(80, with_subject=80), unit=unit)["epsilon"]
        assert found["record"] == found["subject"]


@pytest.mark.usefixtures("any_noise")
def test_by_record_a_subject_with_several_rows_loses_more():
    found = plan(holders(80, rows=3))
    mechanism = Mechanism(found["noise_multiplier"], found["rate"], 20)
    assert found["largest_unit"] == 3
    assert found["epsilon"]["subject"] == rounded_up(epsilon([Loss(mechanism, 3)], found["delta"], "rdp"))
    assert found["epsilon"]["subject"] > found["epsilon"]["record"]


def test_by_subject_the_subject_has_the_target_and_a_change_of_one_record_costs_two_steps():
    found = plan(holders(80, rows=3, with_subject=240), unit="subject")
    mechanism = Mechanism(found["noise_multiplier"], found["rate"], 20)
    assert found["epsilon"]["subject"] <= 8.0 < found["epsilon"]["record"]
    changed = epsilon_of_a_change([Loss(mechanism)], found["delta"], "rdp")
    assert found["epsilon"]["record"] == rounded_up(changed)


@pytest.mark.usefixtures("any_noise")
def test_a_subject_of_very_many_rows_has_no_bound():
    assert plan(holders(3, rows=300), batch=90)["epsilon"]["subject"] is None


def test_an_epsilon_is_never_rounded_down():
    assert [rounded_up(value) for value in (1.0, 1.0001, 7.9999999, 0.0, math.inf, math.nan)] == [
        1.0, 1.001, 8.0, 0.0, None, None,
    ]  # fmt: skip


def test_noise_is_told_against_the_longest_possible_signal():
    found = {"noise_multiplier": 2.0, "max_grad_norm": 0.5, "expected_batch": 100}
    assert noise_against_signal(found, 10_000) == {"norm": 1.0, "signal_at_most": 0.5, "ratio": 2.0}
    assert noise_against_signal(found | {"expected_batch": 200}, 10_000)["ratio"] == 1.0


def test_the_promise_in_words_names_both_losses_and_where_there_is_no_bound():
    found = {
        "epsilon": {"record": 7.998, "subject": None}, "noise_multiplier": 0.81, "noise": {"ratio": 3.14159},
        "delta": 1e-5, "rate": 0.0256,
    }  # fmt: skip
    said = in_words(found)
    assert said.startswith("epsilon 7.998 for a record and no bound for a subject at delta 1e-05")
    assert "3.1 times the largest signal" in said


def test_an_epsilon_that_no_noise_is_enough_for_is_refused_with_the_knob():
    with pytest.raises(PrivacyRefused, match=r"privacy.target_epsilon: no noise is enough for an epsilon of 1e-09"):
        plan(holders(100), target_epsilon=1e-9)


SOUND = {
    "test_seed": None, "noise": {"ratio": 2.0}, "expected_batch": 256, "units": 4000, "unit": "record",
    "largest_unit": 1, "epsilon": {"record": 8.0, "subject": 8.0},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"test_seed": 0}, "not_private", "not private"),
        ({"noise": {"ratio": 40.0}}, "noise_drowns", "40 times"),
        ({"expected_batch": 32}, "small_batch", "batch_size 32"),
        ({"largest_unit": 4, "epsilon": {"record": 8.0, "subject": 30.5}}, "subject_exposed", "4 rows loses"),
        ({"largest_unit": 400, "epsilon": {"record": 8.0, "subject": None}}, "subject_exposed", "without bound"),
    ],
)  # fmt: skip
def test_each_warning_stands_alone_and_carries_its_numbers(changed, code, said):
    assert list(warnings(SOUND)) == []
    [(found, message)] = warnings(SOUND | changed)
    assert found == code
    assert said in message


def test_few_records_are_no_reason_to_warn_of_small_batches():
    assert list(warnings(SOUND | {"expected_batch": 20, "units": 80})) == []
    assert list(warnings(SOUND | {"unit": "subject", "largest_unit": 9})) == []
