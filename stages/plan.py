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
from stages.core.params import FinetuneParams, PrivacyParams
from stages.core.progress import say, track
from stages.core.stage import Artifact, Context, artifact_stage, used
from stages.core.storage import write_json
from stages.methods.evaluate.tables import csv_text
from stages.methods.finetune import models
from stages.methods.finetune.contrastive import contrastive_steps
from stages.methods.finetune.inheritance import inherited
from stages.methods.finetune.planning import estimate, plan_steps, warnings
from stages.methods.finetune.survey import Survey
from stages.methods.finetune.synthetic import synthesise, write_synthetic
from stages.methods.finetune.vocabulary import with_words

REASONS = {
    "augmented": "synthetic training records were made from this one (copies: how many)",
    "known_to_parent": "a test record on which an earlier run was trained that the model comes from (by: id or text)",
}
_USES = ("seed", "model", "lr", "epochs", "batch_size")


def make_plan(context: Context, folder: Path) -> Artifact:
    """Write plan.json. Raises PrivacyRefused, UsageError or DataError for a training that cannot or must not run."""
    options = _options(context.params["finetune"], context.params["privacy"], str(context.shared["model"]))
    split = context.input("split")
    base = with_words(str(context.shared["model"]), options["new_tokens"], models.cache())
    tokenizer = models.load_tokenizer(base)
    survey, heritage = Survey(context.task), inherited(str(context.shared["model"]), context.task.schema)
    for batch in track(split.batches(context.task.schema), "plan", len(split), 512):
        survey.add(batch, tokenizer, options)
        heritage.look(batch)
    survey.check()
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
        "steps": _steps(survey, context, options),
        "tokens": survey.tokens(len(terms)),
    }
    plan |= _costs(plan, base, context)
    plan["warnings"] = [*warnings(plan, survey.classes), *heritage.warnings()]
    write_json(folder / "plan.json", plan)
    _tell(plan)
    report = {name: plan[name] for name in ("steps", "tokens", "parameters", "estimated", "warnings")}
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


def _steps(survey: Survey, context: Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """The steps of the training, and of the contrastive phase before it where that is on."""
    epochs, batch = context.shared["epochs"], context.shared["batch_size"]
    steps: dict[str, Any] = plan_steps(survey.learned, epochs, batch, options)
    if not options["contrastive"]["enabled"]:
        return steps
    if not context.task.schema.of_kind("label", "labels"):
        problem = "pairs of texts need labels of whole texts, which this task does not have"
        raise UsageError(Fault("params.yaml: finetune.contrastive", problem, "turn it off"))
    return {**steps, "contrastive": contrastive_steps(Counter(survey.train_labels.values()), batch, options)}


def _options(finetune: FinetuneParams, privacy: PrivacyParams, model: str) -> dict[str, Any]:
    if privacy.enabled:
        problem = (
            "training with differential privacy is not available yet, and training without it is not what this asks"
        )
        raise PrivacyRefused(Fault("params.yaml: privacy.enabled", problem, "set it to false, or wait"))
    limit = models.position_limit(models.load_config(model))
    if limit is not None and finetune.max_length > limit:
        problem = f"{finetune.max_length} tokens, but this model has positions for {limit}"
        raise UsageError(Fault("params.yaml: finetune.max_length", problem, f"set it to at most {limit}"))
    return finetune.effective()


def _costs(plan: Mapping[str, Any], base: str, context: Context) -> dict[str, Any]:
    model = context.task.outline(base, plan["labels"], plan["finetune"])
    counts = models.parameter_counts(model)
    shape = {
        **models.shape(model.config),
        "length": min(plan["finetune"]["max_length"], max(plan["tokens"]["quantiles"].values())),
    }
    tokens = plan["tokens"]["epoch"] * plan["epochs"]
    return {"parameters": counts, "estimated": estimate(counts, shape, plan["finetune"], plan["batch_size"], tokens)}


def _tell(plan: Mapping[str, Any]) -> None:
    steps, counts, records = plan["steps"], plan["parameters"], plan["data"]["train"]
    more = f" and {plan['data']['synthetic']} synthetic" if plan["data"].get("synthetic") else ""
    say(f"  plan: {records} records{more}, {steps['total']} steps of {steps['effective_batch']}, lr {plan['lr']:g}")
    if "contrastive" in steps:
        pairs = steps["contrastive"]
        say(f"  plan: before that, {pairs['total']} steps over {pairs['pairs']} pairs; then the head alone is trained")
    say(f"  plan: {counts['trainable']:,} of {counts['total']:,} parameters trained")
    cost = plan["estimated"]
    minutes = f"{cost['minutes_on_two_cores']:.0f} minutes on two CPU cores"
    say(f"  plan: about {cost['memory_mb']:.0f} MB, {cost['tflop']:.1f} TFLOP: {minutes}")
    for warning in plan["warnings"]:
        say(f"  plan: warning: {warning['message']}")


HEADLINE = ("steps.total", "steps.effective_batch", "parameters.trainable", "tokens.truncated", "estimated.*")
STAGE = artifact_stage(
    "plan", make_plan, reasons=REASONS, uses=_USES, sections=("finetune", "privacy"), headline=HEADLINE
)
