"""Search spaces as people write them."""

import pytest

from stages.core.errors import UsageError
from stages.core.params import FinetuneParams, LoraParams
from stages.methods.tune.space import Knob, check_space, combinations, default_space, override, parse
from stages.tasks import TASKS, load_task


@pytest.mark.parametrize(
    ("text", "knob"),
    [
        ("lr=1e-5..1e-4:log", Knob("lr", (), 1e-5, 1e-4, log=True)),
        ("finetune.weight_decay=0..0.1", Knob("finetune.weight_decay", (), 0.0, 0.1)),
        ("finetune.lora.r=4..16", Knob("finetune.lora.r", (), 4, 16)),
        ("epochs=2,3,4", Knob("epochs", (2, 3, 4))),
        ("finetune.dropout=null, 0.1", Knob("finetune.dropout", (None, 0.1))),
        ("finetune.head_only=true,false", Knob("finetune.head_only", (True, False))),
        ("model=pkg://a/b,../base", Knob("model", ("pkg://a/b", "../base"))),
    ],
)
def test_a_space_is_read_as_params_yaml_would_be(text, knob):
    found = parse(text)
    assert found == knob
    assert [type(value) for value in found.choices] == [type(value) for value in knob.choices]
    assert parse(str(knob)) == knob


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("lr", "does not name"),
        ("lr=1e-5", "two different values"),
        ("epochs=2,2", "two different values"),
        ("lr=1e-4..1e-5", "not a range"),
        ("lr=a..b", "not a range"),
        ("lr=0..1:log", "starts above 0"),
        ("epochs=2,,3", "not a plain one"),
        ("epochs=2,{a: 1}", "not a plain one"),
    ],
)
def test_a_space_that_cannot_be_searched_says_why(text, word):
    with pytest.raises(UsageError, match=word):
        parse(text)


@pytest.mark.parametrize("name", ["seed", "task", "split.test", "clean.min_chars", "finetune.unheard_of", "evaluate"])
def test_what_would_change_the_validation_rows_or_the_luck_cannot_be_searched(name):
    with pytest.raises(UsageError, match="cannot be searched"):
        parse(f"{name}=1,2")


def test_a_knob_that_changes_what_the_loss_means_is_refused_for_a_loss_and_allowed_for_a_score():
    knobs = [parse("finetune.class_weights=true,false")]
    written = {"finetune": {"class_weights": False}}
    with pytest.raises(UsageError, match="cannot be compared"):
        check_space(knobs, written, "validation_loss")
    check_space(knobs, written, "validation_f1")


def test_all_faults_of_a_space_are_told_at_once():
    knobs = [parse("lr=1e-5,1e-4"), parse("lr=1e-5..1e-4"), parse("finetune.lora.r=2,4")]
    with pytest.raises(UsageError) as caught:
        check_space(knobs, {"lr": 1e-5, "finetune": {"lora": {}}}, "validation_loss")
    assert [fault.problem.split(",")[0] for fault in caught.value.faults] == [
        "is there twice",
        "is there twice",
        "is not in params.yaml",
    ]


def test_combinations_are_counted_only_where_they_can_be():
    both = list(combinations([parse("epochs=2,3"), parse("batch_size=8..9")]) or ())
    assert both == [{"epochs": e, "batch_size": b} for e in (2, 3) for b in (8, 9)]
    assert combinations([parse("epochs=2,3"), parse("lr=1e-5..1e-4")]) is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lr", 2e-5, "lr=2e-05"),
        ("finetune.dropout", None, "finetune.dropout=null"),
        ("finetune.head_only", True, "finetune.head_only=true"),
        ("model", "pkg://it's/b", "model='pkg://it\\'s/b'"),
    ],
)
def test_values_are_written_so_that_dvc_reads_them_back(name, value, said):
    from dvc.utils.hydra import to_hydra_overrides

    assert override(name, value) == said
    (parsed,) = to_hydra_overrides([override(name, value)])
    assert parsed.value() == value
    assert type(parsed.value()) is type(value) or isinstance(value, str)


@pytest.mark.parametrize("task", TASKS)
def test_every_way_of_training_has_a_space_with_rates_that_fit_it(task):
    full, lora, head = (
        {knob.name: knob for knob in default_space(load_task(task), FinetuneParams(**options))}
        for options in ({}, {"lora": LoraParams(enabled=True)}, {"head_only": True})
    )
    assert full["lr"].high < lora["lr"].high < head["lr"].high
    assert "finetune.lora.r" in lora
    assert all(knob.allows(value) for knob in full.values() for value in (knob.values() or (knob.low, knob.high)))
