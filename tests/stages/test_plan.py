import json
from dataclasses import replace

import pytest

from stages.core.errors import DataError, PrivacyRefused, UsageError
from stages.methods.finetune.planning import estimate, plan_steps, token_summary, warnings
from stages.methods.finetune.token_fit import TokenFit
from tests import tiny

OPTIONS = {"gradient_accumulation": 1, "evaluations": 4, "schedule": "linear", "warmup": 0.1, "frozen_layers": 0,
           "gradient_checkpointing": False, "max_length": 96, "lora": {"enabled": False}}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def planned(tmp_path, base):
    """Run `plan` with some settings on some records, and give plan.json."""

    def plan(records=None, finetune=(), privacy=(), **top):
        if not (tmp_path / "split").exists():
            tiny.write_split(tmp_path / "split", tiny.toy_records() if records is None else records)
        folder = tiny.run_plan(tmp_path, tiny.params(top.pop("model", base), finetune, privacy, **top))
        return json.loads((folder / "plan.json").read_bytes())

    return plan


def codes(plan):
    return {warning["code"] for warning in plan["warnings"]}


def test_the_last_step_of_an_epoch_takes_the_records_that_are_left():
    assert plan_steps(100, 1, 32, OPTIONS)["total"] == 4
    assert plan_steps(100, 2.5, 32, OPTIONS)["total"] == 10
    assert plan_steps(100, 1, 8, OPTIONS | {"gradient_accumulation": 4}) == {
        "effective_batch": 32, "epoch": 4, "total": 4, "warmup": 1, "evaluate_every": 1, "log_every": 1,
    }  # fmt: skip


@pytest.mark.parametrize("records", [1, 7, 64, 999, 4200])
@pytest.mark.parametrize("evaluations", [1, 3, 4, 100])
def test_evaluations_are_no_more_than_asked_and_fall_on_logged_steps(records, evaluations):
    steps = plan_steps(records, 3, 8, OPTIONS | {"evaluations": evaluations})
    assert -(-steps["total"] // steps["evaluate_every"]) <= evaluations
    assert steps["evaluate_every"] % steps["log_every"] == 0


def test_a_constant_schedule_has_no_warm_up():
    assert plan_steps(100, 1, 1, OPTIONS | {"schedule": "constant"})["warmup"] == 0
    assert plan_steps(100, 1, 1, OPTIONS | {"schedule": "constant_with_warmup"})["warmup"] == 10


def test_token_summary_counts_what_max_length_cuts():
    summary = token_summary([5, 10, 20, 40], 1, TokenFit(pieces=67, unknown=3, words=25))
    assert (summary["truncated"], summary["quantiles"]["0.5"], summary["quantiles"]["1"]) == (0.25, 10, 40)
    assert (summary["unknown"], summary["per_word"]) == (round(3 / 67, 6), 67 / 25)


def test_frozen_layers_and_checkpointing_need_less_memory_and_frozen_layers_less_arithmetic():
    shape = {"layers": 6, "hidden": 384, "heads": 12, "length": 64}
    full = {"total": 22_000_000, "trainable": 22_000_000, "embedding": 11_700_000}
    half = full | {"trainable": 5_000_000}
    plain = estimate(full, shape, OPTIONS, 32, 1e6)
    frozen = estimate(half, shape, OPTIONS | {"frozen_layers": 3}, 32, 1e6)
    recomputed = estimate(full, shape, OPTIONS | {"gradient_checkpointing": True}, 32, 1e6)
    assert frozen["memory_mb"] < plain["memory_mb"]
    assert frozen["tflop"] < plain["tflop"]
    assert recomputed["memory_mb"] < plain["memory_mb"]
    assert plain["tflop"] == pytest.approx(6 * 10_300_000 * 1e6 / 1e12)
    assert plain["minutes_on_two_cores"] == pytest.approx(plain["tflop"] / 0.1 / 60, abs=0.1)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"lr": 0.01}, "unusual_lr"),
        ({"lr": 1e-7}, "unusual_lr"),
        ({"tokens": {"truncated": 0.06, "unknown": 0, "per_word": 1.2, "quantiles": {"0.99": 120}}}, "truncated"),
        ({"tokens": {"truncated": 0, "unknown": 0.02, "per_word": 1.2, "quantiles": {"0.99": 20}}}, "unknown_tokens"),
        ({"tokens": {"truncated": 0, "unknown": 0, "per_word": 2.6, "quantiles": {"0.99": 20}}}, "many_pieces"),
        (
            {"tokens": {"truncated": 0, "unknown": 0, "per_word": 1.2, "nothing_left": 3, "quantiles": {"0.99": 20}}},
            "nothing_left",
        ),
        ({"labels": ["a", "b", "c"]}, "class_not_in_train"),
        ({"steps": {"total": 500, "effective_batch": 64}}, "batch_exceeds_class"),
        ({"steps": {"total": 10, "effective_batch": 8}}, "few_steps"),
        ({"data": {"validation": 0}}, "no_validation"),
    ],
)
def test_each_warning_stands_alone_and_carries_its_numbers(changed, code):
    sound = {
        "lr": 5e-5, "labels": ["a", "b"], "steps": {"total": 500, "effective_batch": 8}, "data": {"validation": 9},
        "finetune": OPTIONS, "tokens": {"truncated": 0.01, "unknown": 0, "per_word": 1.2, "quantiles": {"0.99": 20}},
    }  # fmt: skip
    counts = {"a": 40, "b": 50}
    assert warnings(sound, counts) == []
    assert [warning["code"] for warning in warnings(sound | changed, counts)] == [code]


def test_an_lr_that_is_usual_for_adapters_is_not_usual_for_all_weights():
    lora = OPTIONS | {"lora": {"enabled": True}}
    sound = {"lr": 5e-4, "labels": [], "steps": {"total": 500, "effective_batch": 8}, "data": {"validation": 9},
             "tokens": {"truncated": 0, "unknown": 0, "per_word": 1.2, "quantiles": {"0.99": 20}}}  # fmt: skip
    assert warnings(sound | {"finetune": lora}, {}) == []
    assert [w["code"] for w in warnings(sound | {"finetune": OPTIONS}, {})] == ["unusual_lr"]


def test_the_plan_holds_what_finetune_goes_by(planned):
    plan = planned(lr=2e-5)
    assert plan["lr"] == 2e-5
    assert plan["labels"] == ["negative", "neutral", "positive"]
    assert (plan["data"]["train"], plan["data"]["validation"]) == (60, 15)
    assert plan["steps"]["total"] == 32
    assert plan["parameters"]["total"] == plan["parameters"]["trainable"]
    assert plan["tokens"]["unknown"] == 0
    assert {"config.json", "model.safetensors"} <= set(plan["base"])


def test_frozen_layers_and_adapters_are_not_counted_as_trainable(planned):
    total = planned()["parameters"]["total"]
    frozen = planned(finetune={"frozen_layers": 1})["parameters"]
    lora = planned(finetune={"lora": {"enabled": True}})["parameters"]
    assert frozen["total"] == total
    assert 0 < frozen["trainable"] < total
    assert lora["total"] > total
    assert 0 < lora["trainable"] < total / 5


def test_privacy_knobs_change_nothing_while_privacy_is_off(planned, tmp_path):
    planned()
    before = (tmp_path / "plan" / "manifest.json").read_bytes()
    planned(privacy={"delta": 1e-3})
    assert (tmp_path / "plan" / "manifest.json").read_bytes() == before


def test_privacy_is_refused_rather_than_promised(planned):
    with pytest.raises(PrivacyRefused, match="not available yet"):
        planned(privacy={"enabled": True})


def test_rows_without_a_label_are_not_planned_for(planned):
    bare = [tiny.record(i, None, "train") for i in range(900, 905)]
    assert planned(tiny.toy_records() + bare)["data"]["train"] == 60


@pytest.mark.parametrize(
    "records",
    [
        tiny.toy_records(labels=("positive",)),
        [tiny.record(i, None, "train") for i in range(9)],
        [replace(one, split="test") for one in tiny.toy_records()],
    ],
    ids=["one class", "no labels", "no training rows"],
)
def test_what_cannot_be_learned_is_refused(planned, records):
    with pytest.raises(DataError, match="nothing to learn from"):
        planned(records)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "pkg://no_such_package/model"}, "no such package"),
        ({"model": "./no/such/folder"}, "no model there"),
        ({"model": "nobody/no-such-model"}, "not found on the hub"),
        ({"finetune": {"max_length": 500}}, "positions for 64"),
        ({"finetune": {"frozen_layers": 9}}, "9 of 2 layers"),
        ({"finetune": {"lora": {"enabled": True, "target_modules": ["nonsense"]}}}, "not found in this architecture"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_refused_before_training(planned, settings, said):
    with pytest.raises(UsageError, match=said):
        planned(**settings)
