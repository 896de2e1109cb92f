"""TRL's trainer with our records, loss and order."""

import dataclasses

import pytest
import torch

from stages.core.records import Record
from stages.methods.finetune.batching import Order
from stages.methods.finetune.training import Learner
from stages.tasks import load_task
from tests.tasks.samples import causal_lm as given

OPTIONS = {"max_length": 128, "lora": {"enabled": True, "r": 2, "alpha": 4, "dropout": 0.1, "target_modules": None}}
STEPS = 4


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return given.save_llama(tmp_path_factory.mktemp("llama"))


def trainer(kind, base, folder, **more):
    """A trainer over twelve chats, two of them in each of two batches a step."""
    from transformers import PrinterCallback, TrainingArguments

    task = load_task("causal_lm")
    torch.manual_seed(0)
    learner = Learner(*task.load(base, (), OPTIONS), task)
    rows = [
        {"prompt": f"{i} and", "completion": f"{i + 1} " * (i % 5 + 1)} if i % 2 else given.ROWS[i // 2]
        for i in range(12)
    ]
    records = [Record(f"{i:02x}", "s", str(i), task.schema, task.read_row(row, None)) for i, row in enumerate(rows)]
    features = task.encode(records, learner.tokenizer, OPTIONS)
    arguments = TrainingArguments(
        output_dir=str(folder), seed=3, max_steps=STEPS, per_device_train_batch_size=2, gradient_accumulation_steps=2,
        learning_rate=1e-2, use_cpu=True, save_steps=2, eval_strategy="steps", eval_steps=2,
        logging_steps=1, report_to="none", disable_tqdm=True, dataloader_pin_memory=False, log_level="error",
        remove_unused_columns=False, label_names=["labels"], prediction_loss_only=True, **more,
    )  # fmt: skip
    made = kind(
        task.losses, Order(features, 4, 13), model=learner.model, args=arguments, data_collator=learner.collate,
        train_dataset=features, eval_dataset=features[:3], processing_class=learner.tokenizer,
    )  # fmt: skip
    made.remove_callback(PrinterCallback)
    return made


def trained(model):
    return {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}


@pytest.fixture
def kinds():
    from stages.methods.finetune.sft import RecordSFTTrainer
    from stages.methods.finetune.trainer import RecordTrainer

    return RecordTrainer, RecordSFTTrainer


def test_chats_are_trained_to_the_same_weights_as_by_transformers_own_trainer(kinds, base, tmp_path):
    from trl import SFTTrainer

    assert issubclass(kinds[1], SFTTrainer)
    weights, losses = [], []
    for number, kind in enumerate(kinds):
        one = trainer(kind, base, tmp_path / str(number))
        before = trained(one.model)
        one.train()
        weights.append(trained(one.model))
        losses.append([{name: row[name] for name in row if "loss" in name} for row in one.state.log_history[:-1]])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in before)
    assert any(not torch.equal(weights[1][name], before[name]) for name in before)
    assert losses[0] == losses[1]


def test_a_training_that_was_interrupted_ends_at_the_same_weights(kinds, base, tmp_path):
    whole = trainer(kinds[1], base, tmp_path)
    whole.train()
    again = trainer(kinds[1], base, tmp_path)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert again.state.global_step == STEPS
    first, second = trained(whole.model), trained(again.model)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_nothing_is_sent_anywhere_and_no_card_is_written(kinds, base, tmp_path, monkeypatch):
    from trl.trainer import base_trainer

    def refuse(*_, **__):
        raise AssertionError("telemetry")

    monkeypatch.setattr(base_trainer, "send_telemetry", refuse)
    monkeypatch.delenv("CI", raising=False)
    trainer(kinds[1], base, tmp_path).train()
    assert (tmp_path / "checkpoint-4").is_dir()
    assert not (tmp_path / "README.md").exists()  # a checkpoint of adapters has peft's own card


def test_the_models_own_forward_is_left_as_it_was(kinds, base, tmp_path):
    model = trainer(kinds[1], base, tmp_path).model.get_base_model()
    assert "forward" not in vars(model)


def test_every_setting_is_the_same_as_for_transformers_own_trainer(kinds, base, tmp_path):
    from transformers import TrainingArguments

    ours, trls = (trainer(kind, base, tmp_path, warmup_steps=0.5, max_grad_norm=0.3).args for kind in kinds)
    names = {field.name for field in dataclasses.fields(TrainingArguments)}
    assert {name for name in names if getattr(ours, name) != getattr(trls, name)} <= {"accelerator_config"}
    assert trls.n_gpu == ours.n_gpu
