"""Tune the model by the plan.

in:  data/split, data/plan   records with their split; the plan that was made for them
out: data/finetune           model/ (weights, tokenizer, labels), learning_curve.csv, live/ (DVCLive), training.json
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stages.core import processes
from stages.core.checkpoints import checkpoint_folder
from stages.core.errors import DataError, Fault
from stages.core.live import write_live
from stages.core.records import Record
from stages.core.stage import Artifact, Context, Usage, artifact_stage, skipped, used
from stages.core.storage import StageFolder, sha256_of, write_json
from stages.methods.finetune import models
from stages.methods.finetune.batching import length
from stages.methods.finetune.planning import UNCUT
from stages.methods.finetune.training import CURVE, Learner, Machine, Trained, class_weights, curve_csv, fit, prepare

REASONS = {
    "trained_on": "the model learned from this record (tokens: how many it saw)",
    "validated_on": "the record helped to choose when to stop, and the model's weights among those of all evaluations",
    "no_label": "a training or validation record without a label was left out",
}


def finetune(context: Context, folder: Path) -> Artifact:
    """Write the tuned model. Raises DataError when the plan is for other records or another base model."""
    split, planned = context.input("split"), context.input("plan")
    plan = planned.json("plan.json")
    _check(plan, split, context)
    machine = prepare(plan)
    model, tokenizer = context.task.load(plan["model"], plan["labels"], plan["finetune"])
    rows = {"train": Rows(), "validation": Rows()}
    for batch in split.batches(context.task.schema):
        for name, some in rows.items():
            some.add([record for record in batch if record.split == name], context, tokenizer, plan)
    if plan["finetune"]["class_weights"]:
        _weigh(rows)
    learner = Learner(model, tokenizer, context.task.losses)
    digest = sha256_of(planned.path / "plan.json")
    with checkpoint_folder(_key(digest, machine)) as checkpoints:
        trained = fit(learner, rows["train"].features, rows["validation"].features, plan, machine, checkpoints)
        if processes.index() > 0:
            return Artifact()  # the first of several processes has the same model, and writes it
        merged = models.merge_adapters(trained.model, plan["model"], folder / "adapter")
        models.save(merged, tokenizer, folder / "model")
    (folder / "learning_curve.csv").write_text(curve_csv(trained.curve), encoding="utf-8")
    write_live(folder / "live", trained.curve)
    outcome = _outcome(trained, plan)
    facts = {name: plan[name] for name in ("task", "model", "seed", "lr", "labels")}
    facts |= {"plan": digest, "train_ids": plan["data"]["train_ids"], "max_length": plan["finetune"]["max_length"]}
    write_json(folder / "training.json", {**outcome, **facts, **asdict(machine)})
    usages = [*rows["train"].usages("trained_on", plan), *rows["validation"].usages("validated_on", plan)]
    return Artifact(usages, outcome)


@dataclass
class Rows:
    """The records of one split as features, with what must be said about them; their texts are let go."""

    ids: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    features: list[dict[str, Any]] = field(default_factory=list)
    without: list[str] = field(default_factory=list)

    def add(self, records: list[Record], context: Context, tokenizer: Any, plan: Mapping[str, Any]) -> None:
        """Encode some more records; those without a label are only noted."""
        if context.task.schema.of_kind("label"):
            self.without += [record.id for record in records if context.task.targets(record) is None]
            records = [record for record in records if context.task.targets(record) is not None]
        self.ids += [record.id for record in records]
        self.labels += [context.task.targets(record) or "" for record in records]
        self.lengths += [length(row) for row in context.task.encode(records, tokenizer, UNCUT)]
        self.features += context.task.encode(records, tokenizer, plan["finetune"]["max_length"], plan["labels"])

    def usages(self, reason: str, plan: Mapping[str, Any]) -> Iterator[Usage]:
        """What was done with each record."""
        limit = plan["finetune"]["max_length"]
        for id, tokens in zip(self.ids, self.lengths, strict=True):
            yield used(id, reason, tokens=min(tokens, limit), truncated=tokens > limit)
        yield from (skipped(id, "no_label") for id in self.without)


def _weigh(rows: Mapping[str, Rows]) -> None:
    """Give each record the weight of its class in the training split (1 for a class that is not in it)."""
    weights = class_weights(rows["train"].labels)
    for some in rows.values():
        for features, label in zip(some.features, some.labels, strict=True):
            features["weight"] = weights.get(label, 1.0)


def _key(plan: str, machine: Machine) -> str:
    """Checkpoints fit only the same plan, threads and processes: else a resumed run would be a third result."""
    return hashlib.sha256(f"{plan} {machine}".encode()).hexdigest()[:32]


def _check(plan: Mapping[str, Any], split: StageFolder, context: Context) -> None:
    step = "run `dvc repro plan` first"
    if plan["data"]["split"] != split.digest:
        raise DataError(Fault("data/plan", "was made for another split than the one given", step))
    if plan["task"] != context.task.name:
        raise DataError(Fault("data/plan", f"was made for the task {plan['task']}", step))
    if plan["base"] != models.identity(plan["model"]):
        raise DataError(Fault("data/plan", f"{plan['model']} is not the model that the plan was made for", step))


def _outcome(trained: Trained, plan: Mapping[str, Any]) -> dict[str, Any]:
    """How it went, in numbers; losses are means a record in nats, weighted if the plan weighs classes."""
    losses = {name: [row[name] for row in trained.curve if row[name] is not None] for name in CURVE}
    return {
        "train_loss": losses["train_loss"][-1],
        "validation_loss": min(losses["validation_loss"], default=None),
        "steps": trained.steps,
        "best_step": trained.best_step,
        "stopped_early": trained.steps < plan["steps"]["total"],
        "trainable_parameters": plan["parameters"]["trainable"],
    }


HEADLINE = ("train_loss", "validation_loss", "steps", "best_step", "trainable_parameters")
STAGE = artifact_stage("finetune", finetune, reasons=REASONS, sections=(), headline=HEADLINE)
