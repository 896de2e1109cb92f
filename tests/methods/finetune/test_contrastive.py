"""Texts of one label are pulled together before the head is fitted."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import DataError, UsageError
from stages.methods.finetune.contrastive import Examples, contrastive_steps, draw_pairs, last_layer, pull_together
from stages.methods.finetune.planning import plan_steps
from stages.methods.finetune.training import Learner, Machine
from tests import tiny

LABELS = ["negative", "neutral", "positive"]
OPTIONS = {
    "max_length": 32, "dropout": 0.0, "frozen_layers": 0, "lora": {"enabled": False}, "early_stopping": 2,
    "gradient_accumulation": 1, "gradient_checkpointing": False, "weight_decay": 0.01, "warmup": 0.1,
    "schedule": "linear", "max_grad_norm": 1.0, "evaluations": 4, "threads": 1, "device": "cpu",
    "contrastive": {"enabled": True, "pairs": 4, "epochs": 4, "lr": 3e-3},
}  # fmt: skip
MACHINE = Machine("cpu", 1, "float32", 1)
kinds = st.lists(st.lists(st.sampled_from("abc"), unique=True).map(sorted).map(tuple), min_size=2, max_size=12)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def few(base):
    """A fresh model, and the features of twenty training records a class: an untrained one needs more than a few."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, tokenizer = tiny.TASK.load(base, LABELS, OPTIONS)
    records = tiny.toy_records(train=60, validation=0, test=0)
    labels = [tiny.TASK.labels(record) for record in records]
    examples = Examples([r.id for r in records], labels, tiny.TASK.encode(records, tokenizer, OPTIONS, LABELS))
    steps = contrastive_steps(Counter(labels), 16, OPTIONS)
    plan = {"seed": 13, "lr": 1e-2, "epochs": 3, "batch_size": 16, "finetune": OPTIONS}
    plan["steps"] = {**plan_steps(60, 3, 16, OPTIONS), "contrastive": steps}
    return Learner(model, tokenizer, tiny.TASK), examples, plan


def vectors(model, tokenizer, records):
    """What the model's last layer is given for each record."""
    import torch

    given = []
    hook = last_layer(model).register_forward_pre_hook(lambda _, args: given.append(args[0]))
    rows = tiny.TASK.encode(records, tokenizer, OPTIONS)
    model.eval()
    with torch.no_grad():
        model(**tiny.TASK.collate(rows, tokenizer))
    hook.remove()
    return torch.nn.functional.normalize(given[0], dim=-1)


def gap(model, tokenizer, records):
    """The mean cosine of pairs within a class, less that across classes."""
    found = vectors(model, tokenizer, records)
    labels = [record.values["label"] for record in records]
    cosines = {True: [], False: []}
    for i in range(len(records)):
        for j in range(i):
            cosines[labels[i] == labels[j]].append(float(found[i] @ found[j]))
    return sum(cosines[True]) / len(cosines[True]) - sum(cosines[False]) / len(cosines[False])


@given(kinds)
def test_pairs_say_whether_two_records_have_a_label_in_common(labels):
    ids = [f"{i:02x}" for i in range(len(labels))]
    for i, j, same in draw_pairs(ids, labels, 3, 13):
        assert i != j
        assert same == bool({*labels[i]} & {*labels[j]})
        assert labels[i] or labels[j]


@given(kinds)
def test_the_plan_knows_how_many_pairs_will_be_drawn(labels):
    drawn = list(draw_pairs([f"{i:02x}" for i in range(len(labels))], labels, 3, 13))
    options = {**OPTIONS, "contrastive": {"pairs": 3, "epochs": 1}}
    if {same for *_, same in drawn} == {True, False}:
        steps = contrastive_steps(Counter(labels), 4, options)
        assert steps == {"pairs": len(drawn), **plan_steps(len(drawn), 1, 4, options)}
    else:
        with pytest.raises(DataError, match="no two"):
            contrastive_steps(Counter(labels), 4, options)


def test_each_record_has_as_many_pairs_of_both_sorts():
    labels = [(name,) for name in "aaabbb"]
    drawn = Counter((i, same) for i, _, same in draw_pairs([f"{i}" for i in range(6)], labels, 5, 13))
    assert drawn == {(i, same): 5 for i in range(6) for same in (True, False)}


def test_the_pairs_of_a_record_come_from_the_seed_and_its_id_alone():
    labels = [(name,) for name in "aabb"]
    first = list(draw_pairs(["1", "2", "3", "4"], labels, 4, 13))
    assert list(draw_pairs(["1", "2", "3", "4"], labels, 4, 13)) == first
    assert list(draw_pairs(["1", "2", "3", "4"], labels, 4, 14)) != first
    other = list(draw_pairs(["1", "2", "3", "9"], labels, 4, 13))
    assert [pair for pair in other if pair[0] < 3] == [pair for pair in first if pair[0] < 3]


def test_texts_of_one_label_come_together_and_others_apart_also_those_it_has_not_seen(few, tmp_path):
    learner, examples, plan = few
    unseen = tiny.toy_records(train=120, validation=0, test=0)[60:]
    before = gap(learner.model, learner.tokenizer, unseen)
    trained = pull_together(learner, examples, plan, MACHINE, tmp_path)
    after = gap(learner.model, learner.tokenizer, unseen)
    losses = [row["train_loss"] for row in trained.curve]
    assert losses[-1] < losses[0] / 3
    assert after > before + 0.4
    assert trained.steps == plan["steps"]["contrastive"]["total"]


def test_afterwards_the_head_alone_is_left_to_train_and_has_not_changed(few, tmp_path):
    learner, examples, plan = few
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    pull_together(learner, examples, plan, MACHINE, tmp_path)
    after = learner.model.state_dict()
    trainable = {name for name, value in learner.model.named_parameters() if value.requires_grad}
    assert trainable == {"classifier.weight", "classifier.bias"}
    assert {name for name in after if not after[name].equal(before[name])} == {
        name for name, _ in learner.model.named_parameters() if name not in trainable
    }
    assert not last_layer(learner.model)._forward_pre_hooks


def test_a_killed_run_that_had_finished_this_phase_gets_the_same_encoder(few, base, tmp_path):
    import torch

    learner, examples, plan = few
    first = pull_together(learner, examples, plan, MACHINE, tmp_path).model.state_dict()
    torch.manual_seed(0)
    model, tokenizer = tiny.TASK.load(base, LABELS, OPTIONS)
    again = pull_together(Learner(model, tokenizer, tiny.TASK), examples, plan, MACHINE, tmp_path)
    assert all(value.equal(first[name]) for name, value in again.model.state_dict().items())


def test_a_model_without_an_output_for_each_label_is_refused(few):
    learner, *_ = few
    learner.model.config.num_labels = 7
    with pytest.raises(UsageError, match="an output for each label"):
        last_layer(learner.model)
