"""A private training from the first check to the certificate: prove, pay, train, and say what was promised.

The order matters. No real record goes through the model before the self-test has passed, and no step is taken before
the ledger has the whole price.
"""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.core import processes
from stages.core.budget import Reserved, confirm, find, reserve
from stages.core.errors import DataError, Fault, PrivacyRefused
from stages.core.progress import say
from stages.core.records import Record
from stages.core.storage import write_json
from stages.methods.audit.canaries import draw_canaries, vocabulary
from stages.methods.finetune.batching import Features, record_losses
from stages.methods.finetune.training import Learner, Machine, Trained, prepare
from stages.methods.privacy.gradients import freeze_shared
from stages.methods.privacy.holders import Holders
from stages.methods.privacy.reserving import spend_of, within
from stages.methods.privacy.self_test import self_test
from stages.methods.privacy.training import Units, train_privately

_RESERVED = "reserved.json"


@dataclass(frozen=True, slots=True)
class PrivateRun:
    """What a private training needs. `load` loads the untrained model, `validated` gives the validation records."""

    plan: Mapping[str, Any]
    digest: str
    machine: Machine
    folder: Path
    load: Callable[[], Learner]
    validated: Callable[[], Sequence[Record]]

    def untrained(self) -> Learner:
        """The model as it was before the training, ready to be trained."""
        prepare(self.plan)
        learner = self.load()
        freeze_shared(learner.model)
        return learner


@dataclass(frozen=True, slots=True)
class PrivateResult:
    """The model of the first training, and what the certificate says of it all."""

    trained: Trained
    reserved: Reserved
    self_test: Mapping[str, Any]
    spread: Mapping[str, Any] | None


def run_privately(
    run: PrivateRun, learner: Learner, holders: Holders, rows: tuple[Sequence[str], Features, Features]
) -> PrivateResult:
    """Train as often as the plan says; `rows` are ids and features to train on, and features to validate on.

    Features without an id stand behind: they are invented, and each is a unit. Raises PrivacyRefused where the
    self-test or the ledger refuses, DataError where the ledger is not whole.
    """
    ids, features, validation = rows
    if processes.count() > 1:
        problem = "each process would draw, clip and add noise for itself"
        raise PrivacyRefused(Fault("params.yaml: engine.processes", problem, "set it to 1"))
    freeze_shared(learner.model)
    tested = _tested(run, learner)
    units = Units(features, _units(run.plan["privacy"]["unit"], holders, ids, len(features)))
    reserved = _paid(run, holders)
    trained = train_privately(learner, units, validation, run.plan, run.machine, _place(run.folder, "run-1"))
    spread = _spread(run, units, validation, Learner(trained.model, learner.tokenizer, learner.task))
    confirm(reserved.run, run.plan["privacy"]["steps"] * run.plan["privacy"]["runs"])
    return PrivateResult(trained, reserved, tested, spread)


def control(run: PrivateRun, records: Sequence[Record]) -> Learner:
    """A model trained by the same plan without noise, on invented records alone: what an attack can find at best."""
    learner = run.untrained()
    say("  finetune: the positive control, without noise and on canaries alone")
    features = learner.task.encode(records, learner.tokenizer, run.plan["finetune"], run.plan["labels"])
    plan = {**run.plan, "privacy": {**run.plan["privacy"], "noise_multiplier": 0.0}}
    units = Units(features, [[place] for place in range(len(features))])
    trained = train_privately(learner, units, (), plan, run.machine, _place(run.folder, "control"))
    return Learner(trained.model, learner.tokenizer, learner.task)


def _place(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    return place


def _tested(run: PrivateRun, learner: Learner) -> dict[str, Any]:
    draw = random.Random("privacy self-test")
    words = vocabulary(learner.tokenizer)
    records = draw_canaries(learner.task, 16, words, run.plan["labels"], draw)
    return self_test(learner, records, run.plan, run.machine.device)


def _units(unit: str, holders: Holders, ids: Sequence[str], rows: int) -> list[list[int]]:
    return [*holders.units(unit, ids), *([place] for place in range(len(ids), rows))]


def _paid(run: PrivateRun, holders: Holders) -> Reserved:
    """Write the price into the ledger, or find what was written when the training was begun that now goes on.

    Only one that has a checkpoint goes on: what was lost before it is paid for again. So is what a copy of old
    checkpoints would make a second time of a training that has ended.
    """
    file = run.folder / _RESERVED
    if file.exists() and any(run.folder.glob("run-*/checkpoint-*")):
        reserved = Reserved(*json.loads(file.read_text(encoding="utf-8")))
        known = find(reserved.run)
        if known.sha256 != reserved.entry_sha256 or known.entry.plan != run.digest:
            problem = f"its entry of run {reserved.run} is not the one that this training was begun with"
            raise DataError(Fault("budget ledger", problem, "run `rowtrail verify`"))
        if known.confirmed is None or _ended(run):
            return reserved
    spend = spend_of(run.plan, run.digest)
    reserved = reserve(spend, holders.of, within(run.plan["privacy"]["max_epsilon"]))
    write_json(file, list(reserved))
    return reserved


def _ended(run: PrivateRun) -> bool:
    """Whether all trainings have taken their last step."""
    private = run.plan["privacy"]
    numbers, last = range(1, private["runs"] + 1), f"checkpoint-{private['steps']}"
    return all((run.folder / f"run-{number}" / last).exists() for number in numbers)


def _spread(run: PrivateRun, units: Units, validation: Features, first: Learner) -> dict[str, Any] | None:
    """How much the score on the validation records varies between trainings that differ in noise and coins alone."""
    runs = run.plan["privacy"]["runs"]
    if runs == 1:
        return None
    records = run.validated()
    scores = [_score(run, first, records)]
    for number in range(2, runs + 1):
        say(f"  finetune: training {number} of {runs}, to see how much the score varies")
        learner = run.untrained()
        place = _place(run.folder, f"run-{number}")
        trained = train_privately(learner, units, validation, run.plan, run.machine, place)
        scores.append(_score(run, Learner(trained.model, learner.tokenizer, learner.task), records))
    values = [round(value, 6) for _, value in scores]
    found = {"mean": round(statistics.fmean(values), 6), "sd": round(statistics.stdev(values), 6)}
    return {"metric": scores[0][0], "values": values, **found}


def _score(run: PrivateRun, learner: Learner, records: Sequence[Record]) -> tuple[str, float]:
    """The task's main metric on the validation records; for models that write, which is slow, the loss."""
    task, options = learner.task, run.plan["finetune"]
    if task.writes:
        tuned = (learner.model, learner.tokenizer)
        found = record_losses(task, tuned, records, options, run.plan["labels"])
        return "loss", statistics.fmean(loss for loss in found if loss is not None)
    said = task.predict(learner.model.eval(), learner.tokenizer, records, options)
    return task.primary, task.score(records, said, 100, run.plan["seed"]).metrics[task.primary].value
