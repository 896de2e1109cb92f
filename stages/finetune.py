"""Tune the model by the plan.

in:  data/split, data/plan   records with their split; the plan that was made for them
out: data/finetune           model/ (weights, tokenizer, labels), learning_curve.csv, live/ (DVCLive), training.json;
                             of a private training privacy.json; canaries.parquet where any were planted
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from stages.core import processes
from stages.core.checkpoints import checkpoint_folder
from stages.core.errors import DataError, Fault
from stages.core.live import write_live
from stages.core.records import Record
from stages.core.stage import Artifact, Context, artifact_stage
from stages.core.storage import StageFolder, sha256_of, write_json
from stages.methods.audit.canaries import Planted
from stages.methods.finetune import models, planting
from stages.methods.finetune.contrastive import contrastive_phase, in_numbers
from stages.methods.finetune.rows import Rows
from stages.methods.finetune.synthetic import read_synthetic
from stages.methods.finetune.training import Learner, Machine, Trained, curve_csv, fit, leave, outcome, prepare
from stages.methods.finetune.vocabulary import with_words
from stages.methods.privacy.certificate import certify, in_brief
from stages.methods.privacy.holders import find_holders
from stages.methods.privacy.private_run import PrivateRun, control, run_privately
from stages.methods.privacy.reserving import at_runtime

Given: TypeAlias = tuple[Learner, Rows, Rows, Mapping[str, Any], Machine, Path]
"""The model, the rows to train and to validate on, the plan, the machine, and the folder for checkpoints."""
REASONS = {
    "trained_on": "the model learned from this record (tokens: how many it saw)",
    "validated_on": "the record helped to choose when to stop, and the model's weights among those of all evaluations",
    "watched": "the loss on this validation record was taken now and then; with privacy it decides nothing",
    "no_label": "a training or validation record without a label or an answer to learn was left out",
    "nothing_to_learn": "cut to `finetune.max_length`, the record has no token of its answer left: it was left out",
    "over_subject_cap": "its subject has more rows than `privacy.max_rows_per_subject`: this one was left out",
}


def finetune(context: Context, folder: Path) -> Artifact:
    """Write the tuned model. Raises DataError when the plan is for other records or another base model."""
    split, planned = context.input("split"), context.input("plan")
    plan, digest = planned.json("plan.json"), sha256_of(planned.path / "plan.json")
    _check(plan, split, context)
    machine = prepare(plan)
    learner = _untrained(context, plan)
    train, validation = _rows(context, learner, plan)
    with checkpoint_folder(_key(digest, machine)) as checkpoints:
        planted = planting.plant(learner, plan, checkpoints)
        train.add_invented([*read_synthetic(planned, context.task.schema), *planting.trained_on(planted)])
        for some in (validation, train):
            some.weigh(train.facts)
        given = (learner, train, validation, plan, machine, checkpoints)
        if plan["privacy"]["enabled"]:
            trained, more = _privately(context, digest, planted, given, folder)
        else:
            trained, more = _openly(given, folder)
            planting.write(planted, folder)
        leave()
        if processes.index() > 0:
            return Artifact()  # the first of several processes has the same model, and writes it
        merged = models.merge_adapters(trained.model, plan["model"], folder / "adapter")
        models.save(merged, learner.tokenizer, folder / "model")
    (folder / "learning_curve.csv").write_text(curve_csv(trained.curve), encoding="utf-8")
    write_live(folder / "live", trained.curve)
    told = {**outcome(trained, plan), **more}
    facts = {name: plan[name] for name in ("task", "model", "parents", "seed", "lr", "labels")}
    facts |= {"plan": digest, "train_ids": plan["data"]["train_ids"], "options": plan["finetune"]}
    write_json(folder / "training.json", {**told, **facts, **asdict(machine)})
    watched = "watched" if plan["privacy"]["enabled"] else "validated_on"
    return Artifact([*train.usages("trained_on"), *validation.usages(watched)], told)


def _untrained(context: Context, plan: Mapping[str, Any]) -> Learner:
    """The model before it is trained, after `prepare`: the same each time, for its new head is drawn from the seed."""
    base = with_words(plan["model"], plan["finetune"]["new_tokens"], models.cache())
    return Learner(*context.task.load(base, plan["labels"], plan["finetune"]), context.task)


def _rows(context: Context, learner: Learner, plan: Mapping[str, Any]) -> tuple[Rows, Rows]:
    """The records to train on, and those to validate on."""
    rows = {name: Rows(context.task, learner.tokenizer, plan) for name in ("train", "validation")}
    for batch in context.input("split").batches(context.task.schema):
        for name, some in rows.items():
            some.add([record for record in batch if record.split == name])
    return rows["train"], rows["validation"]


def _openly(given: Given, folder: Path) -> tuple[Trained, dict[str, Any]]:
    """Train without privacy, with a contrastive phase before it where the plan has one."""
    learner, train, validation, plan, machine, checkpoints = given
    pulled = contrastive_phase(learner, train, plan, machine, checkpoints)
    trained = fit(learner, train.features, validation.features, plan, machine, checkpoints)
    if pulled is None:
        return trained, {}
    (folder / "contrastive_curve.csv").write_text(curve_csv(pulled.curve), encoding="utf-8")
    return trained, {"contrastive": in_numbers(pulled, plan)}


def _privately(
    context: Context, digest: str, planted: Sequence[Planted], given: Given, folder: Path
) -> tuple[Trained, dict[str, Any]]:
    """Train with privacy, and write the certificate."""
    learner, train, validation, plan, machine, checkpoints = given
    holders = find_holders(
        context.input("split").table(columns=["id", "subject", "group"]),
        train.ids,
        plan["privacy"]["max_rows_per_subject"],
        plan["seed"],
    )
    train.leave_out(holders.left_out)
    validated = partial(_validated, context)
    plan = at_runtime(plan, context.params["privacy"])
    run = PrivateRun(plan, digest, machine, checkpoints, partial(_untrained, context, plan), validated)
    result = run_privately(run, learner, holders, (train.ids, train.features, validation.features))
    certificate = certify(run, result)
    write_json(folder / "privacy.json", certificate)
    planting.write(planting.with_control(planted, partial(control, run), plan), folder)
    return result.trained, {"privacy": in_brief(certificate)}


def _validated(context: Context) -> list[Record]:
    """The validation records."""
    records = context.input("split").records(context.task.schema)
    return [record for record in records if record.split == "validation" and context.task.answered(record)]


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


HEADLINE = (
    "train_loss", "contrastive.*", "validation_loss", "steps", "best_step", "trainable_parameters", "privacy.*",
)  # fmt: skip
STAGE = artifact_stage("finetune", finetune, reasons=REASONS, sections=(), unwatched=("privacy",), headline=HEADLINE)
