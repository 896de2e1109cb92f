"""Work out the effective training plan: a small file that one can read before paying for the run.

in:  data/split   records with their split
out: data/plan    plan.json: all that `finetune` goes by, what it will take, and what looks wrong
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.core.errors import DataError, Fault, PrivacyRefused, UsageError
from stages.core.ledger import IdSet
from stages.core.params import FinetuneParams, PrivacyParams
from stages.core.progress import say, track
from stages.core.records import Record
from stages.core.stage import Artifact, Context, artifact_stage
from stages.core.storage import write_json
from stages.methods.finetune import models
from stages.methods.finetune.batching import length
from stages.methods.finetune.planning import UNCUT, estimate, plan_steps, token_summary, warnings

REASONS: dict[str, str] = {}
_USES = ("seed", "model", "lr", "epochs", "batch_size")


def make_plan(context: Context, folder: Path) -> Artifact:
    """Write plan.json. Raises PrivacyRefused, UsageError or DataError for a training that cannot or must not run."""
    options = _options(context.params["finetune"], context.params["privacy"], str(context.shared["model"]))
    split = context.input("split")
    tokenizer = models.load_tokenizer(context.shared["model"])
    survey = Survey()
    for batch in track(split.batches(context.task.schema), "plan", len(split), 512):
        survey.add(batch, context, tokenizer)
    survey.check(context)
    plan = {name: context.shared[name] for name in _USES} | {
        "task": context.task.name,
        "base": models.identity(context.shared["model"]),
        "finetune": options,
        "labels": sorted(survey.labels),
        "data": {"split": split.digest, "train_ids": survey.train.digest, **survey.sizes},
        "steps": plan_steps(survey.sizes["train"], context.shared["epochs"], context.shared["batch_size"], options),
        "tokens": survey.tokens(tokenizer, options["max_length"]),
    }
    plan |= _costs(plan, context)
    plan["warnings"] = warnings(plan, survey.classes)
    write_json(folder / "plan.json", plan)
    _tell(plan)
    report = {name: plan[name] for name in ("steps", "tokens", "parameters", "estimated", "warnings")}
    return Artifact(report={**report, "train": survey.sizes["train"], "validation": survey.sizes["validation"]})


@dataclass
class Survey:
    """What one pass over the split tells about it."""

    sizes: Counter[str] = field(default_factory=lambda: Counter(train=0, validation=0, test=0))
    labels: set[str] = field(default_factory=set)
    classes: Counter[str] = field(default_factory=Counter)
    train: IdSet = field(default_factory=IdSet)
    lengths: list[int] = field(default_factory=list)
    unknown: int = 0
    words: int = 0

    def add(self, records: list[Record], context: Context, tokenizer: Any) -> None:
        """Look at some more records; those without a label are not used and not counted."""
        named = [(record, context.task.targets(record)) for record in records]
        usable = [record for record, label in named if label is not None or not _is_labelled(context)]
        self.labels |= {label for _, label in named if label is not None}
        self.sizes.update(str(record.split) for record in usable)
        train = [record for record in usable if record.split == "train"]
        self.classes.update(label for record in train if (label := context.task.targets(record)) is not None)
        for record, row in zip(train, context.task.encode(train, tokenizer, UNCUT), strict=True):
            self.train.add(record.id)
            self.lengths.append(length(row))
            self.unknown += row["input_ids"].count(tokenizer.unk_token_id)
            self.words += len(record.text.split())

    def tokens(self, tokenizer: Any, max_length: int) -> dict[str, Any]:
        """Lengths and the tokenizer's fit, over the training records."""
        special = tokenizer.num_special_tokens_to_add()
        return token_summary(self.lengths, max_length, self.unknown, self.words, special)

    def check(self, context: Context) -> None:
        """Raises DataError when there is nothing to learn from, or nothing to tell apart."""
        if self.sizes["train"] and (len(self.classes) > 1 or not _is_labelled(context)):
            return
        rows, labels = self.sizes["train"], len(self.classes)
        problem = f"{rows} training records with a label, {labels} different labels: nothing to learn from"
        raise DataError(Fault("data/split", problem, "look at the counts in reports/ingest.json to reports/split.json"))


def _is_labelled(context: Context) -> bool:
    return bool(context.task.schema.of_kind("label"))


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


def _costs(plan: Mapping[str, Any], context: Context) -> dict[str, Any]:
    model = context.task.outline(plan["model"], plan["labels"], plan["finetune"])
    counts = models.parameter_counts(model)
    shape = {
        **models.shape(model.config),
        "length": min(plan["finetune"]["max_length"], max(plan["tokens"]["quantiles"].values())),
    }
    tokens = plan["tokens"]["total"] * plan["epochs"]
    return {"parameters": counts, "estimated": estimate(counts, shape, plan["finetune"], plan["batch_size"], tokens)}


def _tell(plan: Mapping[str, Any]) -> None:
    steps, counts, records = plan["steps"], plan["parameters"], plan["data"]["train"]
    say(f"  plan: {records} records, {steps['total']} steps of {steps['effective_batch']}, lr {plan['lr']:g}")
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
