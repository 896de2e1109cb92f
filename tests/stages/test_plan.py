import json
from dataclasses import replace
from functools import cache

import pytest

from stages.core.budget import confirm, reserve
from stages.core.errors import DataError, PrivacyRefused, UsageError
from stages.core.runner import run
from stages.core.storage import sha256_of
from stages.finetune import STAGE as FINETUNE
from stages.methods.finetune.planning import estimate, plan_steps, token_summary, warnings
from stages.methods.finetune.token_fit import TokenFit
from stages.methods.privacy import planning as private_planning
from stages.methods.privacy.reserving import spend_of
from stages.methods.privacy.spending import gate
from stages.plan import STAGE as PLAN
from tests import tiny
from tests.repository import commit, git, store

OPTIONS = {"gradient_accumulation": 1, "evaluations": 4, "schedule": "linear", "warmup": 0.1, "frozen_layers": 0,
           "gradient_checkpointing": False, "max_length": 96, "lora": {"enabled": False}}  # fmt: skip
PRIVATE = {"enabled": True, "accountant": "rdp"}

pytestmark = pytest.mark.usefixtures("ledger_here")


@pytest.fixture(scope="module", autouse=True)
def noise_found_once():
    """The same search for noise, which takes a second, is made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private_planning, "noise_for", cache(private_planning.noise_for))
        yield


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
        ({"data": {"train": 90, "validation": 0}}, "no_validation"),
        ({"finetune": OPTIONS | {"canaries": 40}}, "many_canaries"),
        ({"finetune": OPTIONS | {"secrets": 1}}, "many_canaries"),
    ],
)
def test_each_warning_stands_alone_and_carries_its_numbers(changed, code):
    sound = {
        "lr": 5e-5, "labels": ["a", "b"], "privacy": {"enabled": False}, "data": {"train": 90, "validation": 9},
        "steps": {"total": 500, "effective_batch": 8},
        "finetune": OPTIONS, "tokens": {"truncated": 0.01, "unknown": 0, "per_word": 1.2, "quantiles": {"0.99": 20}},
    }  # fmt: skip
    counts = {"a": 40, "b": 50}
    assert warnings(sound, counts) == []
    assert [warning["code"] for warning in warnings(sound | changed, counts)] == [code]


def test_an_lr_that_is_usual_for_adapters_is_not_usual_for_all_weights():
    lora = OPTIONS | {"lora": {"enabled": True}}
    sound = {
        "lr": 5e-4, "labels": [], "steps": {"total": 500, "effective_batch": 8}, "privacy": {"enabled": False},
        "data": {"train": 90, "validation": 9},
        "tokens": {"truncated": 0, "unknown": 0, "per_word": 1.2, "quantiles": {"0.99": 20}},
    }  # fmt: skip
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


def test_the_plan_of_a_private_training_says_all_that_it_promises_and_costs(planned):
    plan = planned(privacy=PRIVATE, epochs=3, batch_size=20)
    private = plan["privacy"]
    assert private.keys() == {
        "enabled", "unit", "delta", "accountant", "mode", "max_grad_norm", "max_rows_per_subject",
        "preprocessing", "runs", "test_seed", "records", "units", "largest_unit", "with_subject", "left_out", "rate",
        "expected_batch", "steps", "noise_multiplier", "epsilon", "noise", "target_epsilon",
    }  # fmt: skip
    assert (private["records"], private["units"], private["largest_unit"], private["left_out"]) == (60, 60, 1, 0)
    assert (private["rate"], private["expected_batch"], private["steps"]) == (20 / 60, 20, 9)
    assert private["steps"] == plan["steps"]["total"]
    assert 7.9 < private["epsilon"]["record"] <= 8
    assert private["epsilon"]["subject"] == private["epsilon"]["record"]
    longest = private["noise_multiplier"] * plan["parameters"]["trainable"] ** 0.5 / 20
    assert private["noise"]["ratio"] == pytest.approx(longest, rel=1e-3)
    assert plan["finetune"]["early_stopping"] is None


def test_a_private_plan_warns_of_much_noise_and_small_batches_and_takes_larger_lrs_for_usual(planned):
    whole = {"privacy": PRIVATE, "finetune": {"lora": {"enabled": False}}, "lr": 1e-3}
    assert {"noise_drowns", "small_batch"} <= codes(planned(batch_size=8, **whole))
    assert "unusual_lr" in codes(planned(lr=1e-3))
    assert not {"noise_drowns", "small_batch", "unusual_lr"} & codes(planned(batch_size=20, **whole))


def test_delta_is_a_hundred_thousandth_where_nothing_is_said_and_else_what_is(planned):
    assert planned(privacy=PRIVATE)["privacy"]["delta"] == 1e-5
    assert planned(privacy=PRIVATE | {"delta": 1e-3})["privacy"]["delta"] == 1e-3


def test_the_same_private_plan_is_the_same_file_and_leaves_no_trace_in_the_ledger(planned, tmp_path):
    planned(privacy=PRIVATE)
    first = (tmp_path / "plan" / "plan.json").read_bytes()
    planned(privacy=PRIVATE)
    assert (tmp_path / "plan" / "plan.json").read_bytes() == first
    assert not (tmp_path / ".rowtrail" / "budget").exists()


def test_what_the_ledger_has_does_not_change_the_plan(planned, tmp_path):
    before = planned(privacy=PRIVATE)
    spend(before, tmp_path)
    assert planned(privacy=PRIVATE) == before


def test_the_cap_leaves_rows_of_a_subject_out_of_everything_that_is_counted(planned):
    whole = planned(owned(), privacy=PRIVATE)
    capped = planned(privacy=PRIVATE | {"max_rows_per_subject": 2})
    assert (whole["privacy"]["largest_unit"], whole["privacy"]["left_out"]) == (3, 0)
    assert whole["privacy"]["with_subject"] == 60
    assert whole["privacy"]["epsilon"]["subject"] > 8 >= whole["privacy"]["epsilon"]["record"]
    assert "subject_exposed" in codes(whole)
    private = capped["privacy"]
    assert (private["largest_unit"], private["left_out"], private["with_subject"]) == (2, 20, 40)
    assert (private["records"], private["units"], capped["data"]["train"], private["rate"]) == (40, 40, 40, 8 / 40)
    assert capped["steps"]["epoch"] == 5
    assert capped["data"]["train_ids"] != whole["data"]["train_ids"]
    assert private["epsilon"]["subject"] < whole["privacy"]["epsilon"]["subject"]


@pytest.mark.parametrize(
    ("said", "adapted"),
    [({}, True), ({"lora": {"enabled": False}}, False), ({"head_only": True}, False), ({"frozen_layers": 1}, False)],
)
def test_adapters_are_what_is_trained_with_privacy_unless_something_else_is_said(planned, said, adapted):
    assert planned(finetune=said, privacy=PRIVATE)["finetune"]["lora"]["enabled"] is adapted
    assert not planned(finetune=said)["finetune"]["lora"]["enabled"]


def test_by_subject_steps_rate_and_delta_go_by_subjects(planned):
    plan = planned(owned(), privacy=PRIVATE | {"unit": "subject"}, epochs=2)
    private = plan["privacy"]
    assert (private["records"], private["units"], private["largest_unit"]) == (60, 20, 3)
    assert (private["rate"], plan["steps"]["epoch"], private["steps"]) == (8 / 20, 3, 6)
    assert private["epsilon"]["subject"] <= 8 < private["epsilon"]["record"]
    assert "subject_exposed" not in codes(plan)


def test_near_duplicates_in_other_parts_tie_no_stranger_to_a_subject(planned):
    """Rows of one group are one holder; validation and test rows are not trained on and are nobody's."""
    twins = [replace(one, group="g" if i < 4 else None) for i, one in enumerate(tiny.toy_records())]
    private = planned(twins, privacy=PRIVATE)["privacy"]
    assert (private["records"], private["largest_unit"], private["with_subject"]) == (60, 4, 0)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"finetune": {"augment": {"method": "edits"}}}, "finetune.augment"),
        ({"finetune": {"class_weights": True}}, "finetune.class_weights"),
        ({"finetune": {"gradient_accumulation": 2}}, "finetune.gradient_accumulation"),
        ({"privacy": {"delta": 1 / 60}}, "privacy.delta"),
        ({"privacy": {"unit": "subject"}}, "privacy.unit"),
        ({"privacy": {"preprocessing": "per_record"}}, "deduplicate"),
        ({"batch_size": 61}, "batch_size"),
    ],
)
def test_a_private_plan_that_would_not_hold_is_refused_and_nothing_is_written(planned, tmp_path, settings, place):
    with pytest.raises(PrivacyRefused) as caught:
        planned(**{**settings, "privacy": PRIVATE | settings.get("privacy", {})})
    assert caught.value.exit_code == 4
    assert f"params.yaml: {place}" in [fault.place for fault in caught.value.faults]
    assert not (tmp_path / "plan").exists()


def test_a_test_seed_is_warned_of(planned):
    plan = planned(privacy=PRIVATE | {"test_seed": 0})
    assert plan["privacy"]["test_seed"] == 0
    assert "not_private" in codes(plan)


def test_a_run_that_would_exceed_the_limit_of_all_runs_is_refused(planned, tmp_path):
    limited = PRIVATE | {"max_epsilon": 9.0}
    spend(planned(privacy=limited), tmp_path)
    with pytest.raises(PrivacyRefused, match="the limit is 9") as caught:
        planned(privacy=limited)
    assert caught.value.exit_code == 4
    planned(privacy=limited | {"max_epsilon": 20.0})


def test_a_plan_by_which_a_model_was_trained_and_paid_for_is_not_refused_by_a_later_limit(planned, tmp_path):
    plan = planned(privacy=PRIVATE)
    confirm(spend(plan, tmp_path).run, plan["privacy"]["steps"])
    assert planned(privacy=PRIVATE | {"max_epsilon": 1.0, "physical_batch": 2}) == plan
    with pytest.raises(PrivacyRefused, match="the limit is 1"):
        planned(privacy=PRIVATE | {"max_epsilon": 1.0, "target_epsilon": 2.0})


def spend(plan, root):
    """Write a plan's price into the ledger, as `finetune` does before it trains on the 60 records."""
    holders = {one.id: one.id for one in tiny.toy_records() if one.split == "train"}
    return reserve(spend_of(plan, sha256_of(root / "plan" / "plan.json")), holders, gate(None))


def owned():
    """Toy records of which each three in a row are one subject's."""
    return [replace(one, subject=f"{i // 3:032x}") for i, one in enumerate(tiny.toy_records())]


@pytest.fixture(scope="module")
def earlier(base, tmp_path_factory):
    """A project whose tag `open` was trained without privacy, `seeded` and `private` with certificates that say so."""
    root = tmp_path_factory.mktemp("earlier")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("DVC_ROOT", raising=False)
        git(root, "init", "-q", "-b", "main")
        (root / ".gitignore").write_text("/data/\n/.dvc/\n/.rowtrail/\n/new/\n", encoding="utf-8")
        commit(root)
        tiny.write_split(root / "data" / "split", of_true_length(tiny.toy_records()))
        settings = tiny.params(base, epochs=1)
        run(PLAN, [root / "data" / "split"], root / "data" / "plan", settings, tiny.TASK)
        run(
            FINETUNE, [root / "data" / "split", root / "data" / "plan"], root / "data" / "finetune", settings, tiny.TASK
        )
        for tag, certificate in (("open", None), ("seeded", {"private": False}), ("private", {"private": True})):
            if certificate:
                (root / "data" / "finetune" / "privacy.json").write_text(json.dumps(certificate), encoding="utf-8")
            store(root)
            git(root, "tag", tag)
    return root


def of_true_length(records):
    return [replace(one, id=f"{int(one.id, 16):020x}") for one in records]


@pytest.mark.parametrize(
    ("model", "first", "refused"),
    [("open", 0, True), ("open", 50, True), ("open", 1000, False), ("seeded", 0, True), ("private", 0, False)],
)
def test_a_base_model_that_learned_from_these_records_without_privacy_is_refused(
    earlier, monkeypatch, tmp_path, model, first, refused
):
    """From number 50 on ten records are the same; from 1000 on none."""
    monkeypatch.chdir(earlier)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    mine = [tiny.record(first + i, one.values["label"], one.split) for i, one in enumerate(tiny.toy_records())]
    tiny.write_split(tmp_path / "split", of_true_length(mine))
    settings = tiny.params(f"run://{model}", privacy=PRIVATE)
    if not refused:
        assert tiny.run_plan(tmp_path, settings).joinpath("plan.json").exists()
        return
    with pytest.raises(PrivacyRefused, match=f"{model} learned from these records without privacy") as caught:
        tiny.run_plan(tmp_path, settings)
    assert caught.value.exit_code == 4
    tiny.run_plan(tmp_path, tiny.params(f"run://{model}"))  # without a promise, it is no fault


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
