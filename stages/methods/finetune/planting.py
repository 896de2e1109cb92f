"""Plant invented records among those that are trained on, for `audit` to look for: on coins that nobody sees."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stages.core.errors import Fault, UsageError
from stages.core.records import Record
from stages.methods.audit.canaries import (
    CANARY,
    FILE,
    Planted,
    draw_canaries,
    draw_secrets,
    planted_rows,
    planted_table,
    vocabulary,
)
from stages.methods.finetune.batching import record_losses
from stages.methods.finetune.training import Learner
from stages.methods.privacy.chance import Chance


def plant(learner: Learner, plan: Mapping[str, Any], checkpoints: Path) -> list[Planted]:
    """The canaries and secrets that the plan asks for, with the losses of the untrained model.

    They are kept beside the checkpoints: a training that goes on after a kill goes on with the coins it began with.
    With privacy the coins come from the operating system. Without it they are drawn from the seed: the run stays the
    same bits, and its coins are no secret.
    """
    task, options = learner.task, plan["finetune"]
    if not options["canaries"] and not options["secrets"]:
        return []
    if (checkpoints / FILE).exists():
        return planted_rows(pq.read_table(checkpoints / FILE), task.schema)
    draw = _chance(plan)
    canaries = draw_canaries(task, options["canaries"], vocabulary(learner.tokenizer), plan["labels"], draw)
    losses = record_losses(task, (learner.model, learner.tokenizer), canaries, options, plan["labels"])
    if None in losses:
        problem = f"{losses.count(None)} of {len(losses)} canaries are cut to nothing"
        raise UsageError(Fault("params.yaml: finetune.max_length", problem, "raise it, or set canaries to 0"))
    made = [Planted(one, 1, draw.random() < 0.5, loss) for one, loss in zip(canaries, losses, strict=True)]
    made += [Planted(one, repeats, repeats > 0) for one, repeats in draw_secrets(task, options["secrets"], draw)]
    write(made, checkpoints)
    return made


def _chance(plan: Mapping[str, Any]) -> random.Random:
    private = plan["privacy"]
    if private["enabled"]:
        return Chance(private["test_seed"]).random()
    return random.Random(f"{plan['seed']}:canaries")


def write(planted: Sequence[Planted], folder: Path) -> None:
    """Write what was planted into a folder, where anything was."""
    if planted:
        pq.write_table(planted_table(planted), folder / FILE, compression="zstd")


def trained_on(planted: Sequence[Planted]) -> Iterator[Record]:
    """The records to train on, each as often as it is repeated."""
    for one in planted:
        yield from [one.record] * (one.repeats if one.included else 0)


def with_control(
    planted: Sequence[Planted], train: Callable[[Sequence[Record]], Learner], plan: Mapping[str, Any]
) -> list[Planted]:
    """The same, with the losses of the canaries under a model that `train` makes of those planted, without noise."""
    canaries = [one.record for one in planted if one.kind == CANARY]
    if not canaries:
        return list(planted)
    control = train([one.record for one in planted if one.kind == CANARY and one.included])
    losses = record_losses(control.task, (control.model, control.tokenizer), canaries, plan["finetune"], plan["labels"])
    found = {record.id: loss for record, loss in zip(canaries, losses, strict=True)}
    return [replace(one, control_loss=found.get(one.record.id)) for one in planted]
