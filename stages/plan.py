"""Work out the effective training plan: a small file that one can read before paying for the run.

in:  data/split   records with their split
out: data/plan    plan.json: all that `finetune` goes by, what it will take, and what looks wrong
                  terms.csv: words that the tokenizer takes apart
                  synthetic.parquet: synthetic training records with their parents, where `augment` asks for them
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stages.core.errors import Fault, PrivacyRefused, UsageError
from stages.core.params import FinetuneParams, LoraParams, PrivacyParams
from stages.core.progress import say, track
from stages.core.stage import Artifact, Context, artifact_stage, used
from stages.core.storage import sha256_of, write_json
from stages.methods.evaluate.tables import csv_text
from stages.methods.finetune import models
from stages.methods.finetune.contrastive import contrastive_steps
from stages.methods.finetune.inheritance import Inheritance, inherited
from stages.methods.finetune.planning import estimate, in_words, plan_steps, warnings
from stages.methods.finetune.survey import Survey
from stages.methods.finetune.synthetic import synthesise, write_synthetic
from stages.methods.finetune.vocabulary import with_words
from stages.methods.privacy.gradients import freeze_shared
from stages.methods.privacy.holders import Holders, find_holders
from stages.methods.privacy.planning import noise_against_signal, plan_privacy, refuse_unsafe
from stages.methods.privacy.reserving import at_runtime, look_at_budget

REASONS = {
    "augmented": "synthetic training records were made from this one (copies: how many)",
    "known_to_parent": "a test record on which an earlier run was trained that the model comes from (by: id or text)",
}
_AT_ONCE = 16  # the default of privacy.physical_batch, which is no part of the plan
_USES = ("seed", "model", "lr", "epochs", "batch_size")


def make_plan(context: Context, folder: Path) -> Artifact:
    """Write plan.json. Raises PrivacyRefused, UsageError or DataError for a training that cannot or must not run."""
    options = _options(context)
    split = context.input("split")
    base = with_words(str(context.shared["model"]), options["new_tokens"], models.cache())
    tokenizer = models.load_tokenizer(base)
    survey, heritage = Survey(context.task), inherited(str(context.shared["model"]), context.task.schema)
    for batch in track(split.batches(context.task.schema), "plan", len(split), 512):
        survey.add(batch, tokenizer, options)
        heritage.look(batch)
    survey.check()
    holders = _holders(context, survey, heritage) if context.params["privacy"].enabled else None
    parents = _augment(context, folder, survey, tokenizer, options)
    terms = survey.fit.terms(tokenizer)
    (folder / "terms.csv").write_text(csv_text(map(asdict, terms)), encoding="utf-8")
    plan = {name: context.shared[name] for name in _USES} | {
        "task": context.task.name,
        "base": models.identity(context.shared["model"]),
        "parents": heritage.parents,
        "finetune": options,
        "labels": sorted(survey.labels),
        "data": {"split": split.digest, "train_ids": survey.train.digest, **survey.sizes},
        "steps": _steps(survey, context, options, holders),
        "tokens": survey.tokens(len(terms)),
    }
    plan |= _costs(plan, base, context)
    plan["privacy"] = _privacy(plan, context, holders, survey.windows)
    plan["warnings"] = [*warnings(plan, survey.classes), *heritage.warnings()]
    write_json(folder / "plan.json", plan)
    for line in in_words(plan):
        say(f"  plan: {line}")
    if holders:
        look_at_budget(at_runtime(plan, context.params["privacy"]), sha256_of(folder / "plan.json"), holders)
    report = {name: plan[name] for name in ("steps", "tokens", "parameters", "estimated", "privacy", "warnings")}
    usages = [used(id, "augmented", copies=count) for id, count in sorted(parents.items())]
    usages += [used(id, "known_to_parent", by=how) for id, how in sorted(heritage.leaked.items())]
    return Artifact(usages, {**report, **{name: survey.sizes[name] for name in ("train", "validation", "synthetic")}})


def _augment(
    context: Context, folder: Path, survey: Survey, tokenizer: Any, options: Mapping[str, Any]
) -> Mapping[str, int]:
    """Make the synthetic records that the params ask for; gives how many each parent got."""
    augment = options["augment"]
    if augment["method"] == "none":
        return {}
    train = (
        record for record in context.input("split").records(context.task.schema) if record.id in survey.train_labels
    )
    made = synthesise(train, context.task, survey.train_labels, augment, context.seed)
    records, parents = write_synthetic(folder, made, context.task.schema)
    survey.add_synthetic(records, tokenizer, options)
    return parents


def _holders(context: Context, survey: Survey, heritage: Inheritance) -> Holders:
    """Whose rows are trained on. Raises PrivacyRefused where the base model knows some of them, from no private run."""
    known = [name for name, ids in heritage.without_privacy.items() if not ids.isdisjoint(survey.train_labels)]
    if known or heritage.unread:
        seen = "learned from these records without privacy" if known else "may have learned from these records"
        problem = f"{', '.join(known or heritage.unread)} {seen}, and the new model comes from it"
        raise PrivacyRefused(Fault("params.yaml: model", problem, "start from a model that has not seen them"))
    private: PrivacyParams = context.params["privacy"]
    rows = context.input("split").table(columns=["id", "subject", "group"])
    holders = find_holders(rows, survey.train_labels, private.max_rows_per_subject, context.seed)
    survey.leave_out(holders.left_out)
    return holders


def _privacy(plan: Mapping[str, Any], context: Context, holders: Holders | None, windows: int) -> dict[str, Any]:
    """What the training costs, and the noise that it takes."""
    private: PrivacyParams = context.params["privacy"]
    if holders is None:
        return {"enabled": False}
    planned = plan_privacy(private, holders, plan["batch_size"], plan["steps"], windows=windows)
    return {**planned, "noise": noise_against_signal(planned, plan["parameters"]["trainable"])}


def _steps(survey: Survey, context: Context, options: Mapping[str, Any], holders: Holders | None) -> dict[str, Any]:
    """The steps of the training, and of the contrastive phase before it where that is on."""
    epochs, batch = context.shared["epochs"], context.shared["batch_size"]
    drawn = holders.count(context.params["privacy"].unit) if holders else survey.learned
    steps: dict[str, Any] = plan_steps(drawn, epochs, batch, options)
    if not options["contrastive"]["enabled"]:
        return steps
    if not context.task.schema.of_kind("label", "labels"):
        problem = "pairs of texts need labels of whole texts, which this task does not have"
        raise UsageError(Fault("params.yaml: finetune.contrastive", problem, "turn it off"))
    return {**steps, "contrastive": contrastive_steps(Counter(survey.train_labels.values()), batch, options)}


def _options(context: Context) -> dict[str, Any]:
    """The settings of the training that have an effect. Raises UsageError or PrivacyRefused for what cannot be done."""
    finetune: FinetuneParams = context.params["finetune"]
    limit = models.position_limit(models.load_config(str(context.shared["model"])))
    if limit is not None and finetune.max_length > limit:
        problem = f"{finetune.max_length} tokens, but this model has positions for {limit}"
        raise UsageError(Fault("params.yaml: finetune.max_length", problem, f"set it to at most {limit}"))
    if context.params["privacy"].enabled:
        refuse_unsafe(context.params["privacy"], context.params)
        # The best step by validation records would tell of them; the last step is as public as the plan. A weight by
        # tokens is a share of all tokens, and so tells of the other records.
        private = {"early_stopping": None, "loss_over": "records", "lora": _adapters(finetune)}
        return finetune.model_copy(update=private).effective()
    return finetune.effective()


def _adapters(finetune: FinetuneParams) -> LoraParams:
    """Adapters are what is trained with privacy, unless the params say otherwise."""
    unsaid = finetune.lora.enabled is None and not (finetune.head_only or finetune.frozen_layers)
    return finetune.lora.model_copy(update={"enabled": True}) if unsaid else finetune.lora


def _costs(plan: Mapping[str, Any], base: str, context: Context) -> dict[str, Any]:
    model = context.task.outline(base, plan["labels"], plan["finetune"])
    if context.params["privacy"].enabled:
        freeze_shared(model)
    counts = models.parameter_counts(model)
    shape = {
        **models.shape(model.config),
        "length": min(plan["finetune"]["max_length"], max(plan["tokens"]["quantiles"].values())),
    }
    tokens = plan["tokens"]["epoch"] * plan["epochs"]
    batch = min(plan["batch_size"], _AT_ONCE) if context.params["privacy"].enabled else plan["batch_size"]
    return {"parameters": counts, "estimated": estimate(counts, shape, plan["finetune"], batch, tokens)}


HEADLINE = (
    "steps.total", "steps.effective_batch", "parameters.trainable", "tokens.truncated", "estimated.*",
    "privacy.noise_multiplier", "privacy.epsilon.*", "privacy.delta", "privacy.noise.ratio",
)  # fmt: skip
STAGE = artifact_stage(
    "plan",
    make_plan,
    reasons=REASONS,
    uses=_USES,
    sections=("finetune", "privacy", "ingest", "deduplicate", "check_labels", "split"),
    headline=HEADLINE,
)
