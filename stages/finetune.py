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
from stages.methods.finetune.batching import length, was_cut
from stages.methods.finetune.contrastive import Examples, pull_together
from stages.methods.finetune.synthetic import read_synthetic
from stages.methods.finetune.training import CURVE, Learner, Machine, Trained, curve_csv, fit, leave, prepare
from stages.methods.finetune.vocabulary import with_words
from stages.methods.finetune.weights import Facts, record_weights

REASONS = {
    "trained_on": "the model learned from this record (tokens: how many it saw)",
    "validated_on": "the record helped to choose when to stop, and the model's weights among those of all evaluations",
    "no_label": "a training or validation record without a label or an answer to learn was left out",
    "nothing_to_learn": "cut to `finetune.max_length`, the record has no token of its answer left: it was left out",
}


def finetune(context: Context, folder: Path) -> Artifact:
    """Write the tuned model. Raises DataError when the plan is for other records or another base model."""
    split, planned = context.input("split"), context.input("plan")
    plan = planned.json("plan.json")
    _check(plan, split, context)
    machine = prepare(plan)
    base = with_words(plan["model"], plan["finetune"]["new_tokens"], models.cache())
    model, tokenizer = context.task.load(base, plan["labels"], plan["finetune"])
    rows = {"train": Rows(), "validation": Rows()}
    for batch in split.batches(context.task.schema):
        for name, some in rows.items():
            some.add([record for record in batch if record.split == name], context, tokenizer, plan)
    rows["train"].add_synthetic(read_synthetic(planned, context.task.schema), context, tokenizer, plan)
    for some in rows.values():
        some.weigh(rows["train"].facts, plan["finetune"])
    learner = Learner(model, tokenizer, context.task)
    digest = sha256_of(planned.path / "plan.json")
    with checkpoint_folder(_key(digest, machine)) as checkpoints:
        pulled = _pull_together(learner, rows["train"], plan, machine, checkpoints)
        trained = fit(learner, rows["train"].features, rows["validation"].features, plan, machine, checkpoints)
        leave()
        if processes.index() > 0:
            return Artifact()  # the first of several processes has the same model, and writes it
        merged = models.merge_adapters(trained.model, plan["model"], folder / "adapter")
        models.save(merged, tokenizer, folder / "model")
    (folder / "learning_curve.csv").write_text(curve_csv(trained.curve), encoding="utf-8")
    write_live(folder / "live", trained.curve)
    outcome = {**_outcome(trained, plan), **_pulled(pulled, plan, folder)}
    facts = {name: plan[name] for name in ("task", "model", "parents", "seed", "lr", "labels")}
    facts |= {"plan": digest, "train_ids": plan["data"]["train_ids"], "options": plan["finetune"]}
    write_json(folder / "training.json", {**outcome, **facts, **asdict(machine)})
    usages = [*rows["train"].usages("trained_on"), *rows["validation"].usages("validated_on")]
    return Artifact(usages, outcome)


@dataclass
class Rows:
    """The records of one split as features, with what must be said about them; their texts are let go."""

    ids: list[str] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)
    features: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[Usage] = field(default_factory=list)

    def add(self, records: list[Record], context: Context, tokenizer: Any, plan: Mapping[str, Any]) -> None:
        """Encode some more records; those from which nothing can be learned are only noted."""
        task = context.task
        self.left_out += [skipped(record.id, "no_label") for record in records if not task.answered(record)]
        records = [record for record in records if task.answered(record)]
        encoded = task.encode(records, tokenizer, plan["finetune"], plan["labels"])
        for record, features in zip(records, encoded, strict=True):
            learned = features.get("learned", 1)
            if not learned:
                self.left_out.append(skipped(record.id, "nothing_to_learn", tokens=features["tokens"]))
                continue
            self.ids.append(record.id)
            self.facts.append(Facts(record.source, task.labels(record), record.attributes, learned))
            self.features.append(features)

    def add_synthetic(self, records: list[Record], context: Context, tokenizer: Any, plan: Mapping[str, Any]) -> None:
        """Encode synthetic records: they are learned from, and the events of `plan` name their parents."""
        made = Rows()
        made.add(records, context, tokenizer, plan)
        self.facts += made.facts
        self.features += made.features

    def weigh(self, known: list[Facts], options: Mapping[str, Any]) -> None:
        """Give each record its weight in the loss; `known` are the training records, which classes are counted in."""
        for features, weight in zip(self.features, record_weights(self.facts, known, options) or (), strict=False):
            features["weight"] = weight

    def usages(self, reason: str) -> Iterator[Usage]:
        """What was done with each record."""
        for id, features in zip(self.ids, self.features, strict=False):  # synthetic ones stand behind
            yield used(id, reason, tokens=length(features), truncated=was_cut(features))
        yield from self.left_out


def _pull_together(
    learner: Learner, rows: Rows, plan: Mapping[str, Any], machine: Machine, checkpoints: Path
) -> Trained | None:
    """The contrastive phase, where the plan has one."""
    if not plan["finetune"]["contrastive"]["enabled"]:
        return None
    real = len(rows.ids)  # synthetic ones stand behind
    examples = Examples(rows.ids, [facts.labels for facts in rows.facts[:real]], rows.features[:real])
    place = checkpoints / "contrastive"
    place.mkdir(exist_ok=True)
    return pull_together(learner, examples, plan, machine, place)


def _pulled(phase: Trained | None, plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Writes the curve of the contrastive phase; how it went: a loss is the mean squared error of a pair's cosine."""
    if phase is None:
        return {}
    (folder / "contrastive_curve.csv").write_text(curve_csv(phase.curve), encoding="utf-8")
    losses = [row["train_loss"] for row in phase.curve if row["train_loss"] is not None]
    pairs = plan["steps"]["contrastive"]["pairs"]
    return {"contrastive": {"pairs": pairs, "steps": phase.steps, "first_loss": losses[0], "last_loss": losses[-1]}}


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


HEADLINE = ("train_loss", "contrastive.*", "validation_loss", "steps", "best_step", "trainable_parameters")
STAGE = artifact_stage("finetune", finetune, reasons=REASONS, sections=(), headline=HEADLINE)
