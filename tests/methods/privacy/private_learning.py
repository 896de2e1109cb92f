"""Tiny models to be trained privately, rows for them, and the plan that a private training goes by."""

import importlib

from stages.core.records import Record
from stages.methods.finetune.training import Learner, Machine
from stages.methods.privacy.holders import Holders
from stages.tasks import load_task
from tests import tiny

LABELS = ("negative", "neutral", "positive")
MACHINE = Machine("cpu", 1, "float32", 1)
TRAINED = {
    "full": {},
    "lora": {"lora": {"enabled": True, "r": 4, "dropout": 0.0}},
    "head": {"head_only": True},
}


def options(**tuning):
    """The settings of a training without dropout, so that a gradient is the same twice."""
    return {**tiny.params("none", {"dropout": 0.0, **tuning}).finetune.effective()}


def learner(base, task=tiny.TASK, labels=LABELS, **tuning):
    """A model in training, a little off its first values: adapters have no gradient there."""
    import torch

    torch.manual_seed(0)
    found = Learner(*task.load(base, labels, options(**tuning)), task)
    with torch.no_grad():
        for parameter in found.model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape))
    found.model.train()
    return found


def features(one, count=8, first=0):
    """Features of records of different lengths."""
    records = [tiny.record(i, LABELS[i % 3], "train") for i in range(first, first + count)]
    return one.task.encode(records, one.tokenizer, options(), LABELS)


def sample_learner(name, folder, **tuning):
    """The model of a task's sample for the contract of tasks, its labels and its options."""
    given, task = importlib.import_module(f"tests.tasks.samples.{name}"), load_task(name)
    own = {name: value for name, value in given.OPTIONS.items() if name != "generation"}
    tuning = {"max_length": 128, **own, **tuning}
    return learner(given.save_base(folder), task, given.LABELS, **tuning), given.LABELS, options(**tuning)


def record_of(task, i, row):
    """A training record of a source row."""
    return Record(f"{i:04x}", "s", str(i), task.schema, task.read_row(row, None), split="train")


def plan(units=12, **changes):
    """A plan of six private steps; `changes` are of its section `privacy`."""
    private = {
        "enabled": True, "unit": "record", "delta": 1e-5, "accountant": "rdp", "mode": "hooks", "max_grad_norm": 1.0,
        "physical_batch": 4, "max_epsilon": None, "test_seed": 7, "runs": 1, "steps": 6, "records": units,
        "units": units, "rate": 0.5, "expected_batch": units // 2, "noise_multiplier": 1.0,
        "epsilon": {"record": 8.0, "subject": 8.0},
    }  # fmt: skip
    return {
        "privacy": {**private, **changes},
        "steps": {"total": 6, "warmup": 1, "evaluate_every": 2},
        "finetune": options(),
        "labels": list(LABELS),
        "data": {"split": "a" * 64, "train_ids": "b" * 64},
        "batch_size": units // 2,
        "lr": 1e-3,
        "seed": 13,
    }


def holders(count=12):
    """As many people, with a record each."""
    return Holders({f"{i:04x}": f"person {i}" for i in range(count)}, count, frozenset())


def weights(model):
    """Copies of the trained weights by name."""
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
