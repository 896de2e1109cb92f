"""Train with DP-SGD by a plan: Poisson-sampled units, clipped gradients, noise, and the last weights.

Not transformers' Trainer: it couples the examples of a batch through its loss, and cannot take a step without any.
"""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.progress import say, track
from stages.methods.finetune.batching import Features, length, run_batches
from stages.methods.finetune.frozen import remember_frozen
from stages.methods.finetune.training import Learner, Machine, Trained
from stages.methods.privacy.chance import Chance
from stages.methods.privacy.gradients import ClippedGradients, per_row_losses

_STATE = "trainer_state.json"
"""Written last into a checkpoint: without it the checkpoint is half of one (see `core/checkpoints.py`)."""


@dataclass(frozen=True, slots=True)
class Units:
    """The rows that are trained on, and which of them make up each unit."""

    rows: Features
    units: Sequence[Sequence[int]]

    def chunks(self, drawn: Sequence[int], physical: int) -> Iterator[list[int]]:
        """The drawn units in batches of whole units of at most `physical` rows, or of one unit that is larger.

        Units of similar length stand together, for less padding; the sum does not depend on it.
        """
        chunk: list[int] = []
        for unit in sorted(drawn, key=lambda unit: max(length(self.rows[place]) for place in self.units[unit])):
            rows = sum(len(self.units[other]) for other in chunk) + len(self.units[unit])
            if chunk and rows > physical:
                yield chunk
                chunk = []
            chunk.append(unit)
        if chunk:
            yield chunk

    def of(self, chunk: Sequence[int]) -> tuple[list[dict[str, Any]], list[int]]:
        """The rows of some units, and the number of each row's unit. A unit's loss is the mean of its rows'."""
        rows: list[dict[str, Any]] = []
        owners: list[int] = []
        for owner, unit in enumerate(chunk):
            own = [self.rows[place] for place in self.units[unit]]
            rows += [{**row, "weight": row.get("weight", 1.0) / len(own)} for row in own]
            owners += [owner] * len(own)
        return rows, owners


@dataclass
class Progress:
    """Where a training is; what a checkpoint keeps beside the weights."""

    step: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)


def train_privately(
    learner: Learner, units: Units, validation: Features, plan: Mapping[str, Any], machine: Machine, folder: Path
) -> Trained:
    """Train to the planned last step and give those weights: to choose among steps by a score would cost privacy.

    Goes on from the checkpoint in `folder`. The curve has the validation loss and the learning rate; a training loss
    would tell of the records without noise, and is not taken. Raises DataError when the weights are no longer finite.
    """
    private, steps = plan["privacy"], plan["steps"]
    chance = Chance(private["test_seed"], purpose=folder.name)
    model = learner.model.to(machine.device).train()
    optimizer, schedule = _optimizer(model, plan)
    progress = _resume(folder, model, optimizer)
    _catch_up(schedule, progress.step)
    losses = per_row_losses(learner, machine.device)
    with (
        remember_frozen(learner, [*units.rows, *validation], machine.device),
        ClippedGradients(model, losses, private["mode"], private["max_grad_norm"]) as gradients,
    ):
        todo = range(progress.step, steps["total"])
        for step in track(todo, "finetune (private steps)", len(todo)):
            chance.shake(step)
            add_step(gradients, units, chance.drawn(len(units.units), private["rate"], step), private["physical_batch"])
            gradients.release(
                private["noise_multiplier"], private["expected_batch"], chance.generator(machine.device, step)
            )
            optimizer.step()
            schedule.step()
            progress.step = step + 1
            if progress.step % steps["evaluate_every"] == 0 or progress.step == steps["total"]:
                _look(learner, validation, progress, plan, schedule)
                _save(folder, model, optimizer, progress)
                _tell(progress, steps["total"])  # not before: of steps that a kill makes lost, nothing may be known
    return Trained(model, progress.curve, progress.step, None)


def add_step(gradients: ClippedGradients, units: Units, drawn: Sequence[int], physical: int) -> None:
    """Add up the clipped gradients of the drawn units, at most `physical` rows in memory at once."""
    for chunk in units.chunks(drawn, physical):
        rows, owners = units.of(chunk)
        if len(rows) > physical and len(chunk) == 1:
            gradients.add_large([rows[start : start + physical] for start in range(0, len(rows), physical)])
        else:
            gradients.add(rows, owners)


def _optimizer(model: Any, plan: Mapping[str, Any]) -> tuple[Any, Any]:
    """AdamW and the schedule, as transformers' Trainer sets them up: biases and norms do not decay."""
    import torch
    from transformers import get_scheduler

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": plan["finetune"]["weight_decay"]},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=plan["lr"])
    schedule = get_scheduler(
        plan["finetune"]["schedule"],
        optimizer,
        num_warmup_steps=plan["steps"]["warmup"],
        num_training_steps=plan["steps"]["total"],
    )
    return optimizer, schedule


def _catch_up(schedule: Any, steps: int) -> None:
    """Bring the schedule to the step that the training goes on from."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step", category=UserWarning)
        for _ in range(steps):
            schedule.step()


def _look(learner: Learner, validation: Features, progress: Progress, plan: Mapping[str, Any], schedule: Any) -> None:
    """Add a row to the curve. Raises DataError when the loss, and so the weights, are not finite."""
    loss = None
    if validation:
        found = run_batches(
            learner.model,
            validation,
            lambda rows: learner.task.collate(rows, learner.tokenizer),
            lambda model, batch: learner.task.losses(model, batch).double().tolist(),
        )
        loss = float(f"{sum(found) / len(found):.6g}")
        if not math.isfinite(loss):
            problem = f"the validation loss is no longer a finite number at step {progress.step}"
            raise DataError(Fault("finetune", problem, "lower lr, or raise finetune.warmup"))
    epoch = round(progress.step * plan["privacy"]["rate"], 4)
    lr = float(f"{schedule.get_last_lr()[0]:.6g}")
    progress.curve.append(
        {"step": progress.step, "epoch": epoch, "train_loss": None, "validation_loss": loss, "lr": lr}
    )


def _tell(progress: Progress, total: int) -> None:
    loss = progress.curve[-1]["validation_loss"]
    if loss is not None:
        say(f"  finetune: step {progress.step} of {total}, validation loss {loss:.4f}")


# --- checkpoints ------------------------------------------------------------------------------------------------------


def _save(folder: Path, model: Any, optimizer: Any, progress: Progress) -> None:
    """The trained weights, the optimizer's moments and the progress; older checkpoints go when this one is whole."""
    from safetensors.torch import save_file

    place = folder / f"checkpoint-{progress.step}"
    place.mkdir(parents=True, exist_ok=True)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    save_file({name: p.detach().cpu().contiguous() for name, p in trained.items()}, place / "weights.safetensors")
    moments = {
        f"{name}/{key}": value.detach().cpu().contiguous()
        for name, p in trained.items()
        for key, value in optimizer.state[p].items()
    }
    save_file(moments, place / "moments.safetensors")
    state = {"step": progress.step, "curve": progress.curve}
    (place / _STATE).write_text(json.dumps(state), encoding="utf-8")
    for other in folder.glob("checkpoint-*"):
        if other != place:
            shutil.rmtree(other)


def _resume(folder: Path, model: Any, optimizer: Any) -> Progress:
    """The progress of the last checkpoint, its weights and moments put back; else the beginning.

    Steps after the checkpoint are taken again with new coins and new noise. Nobody has seen what the lost ones gave, so
    that the accountant's count, one for each step up to the last, stays exact.
    """
    from safetensors.torch import load_file

    places = sorted(folder.glob("checkpoint-*"), key=lambda place: int(place.name.rpartition("-")[2]))
    if not places:
        return Progress()
    state = json.loads((places[-1] / _STATE).read_text(encoding="utf-8"))
    weights, moments = (load_file(places[-1] / f"{name}.safetensors") for name in ("weights", "moments"))
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    for name, parameter in trained.items():
        parameter.data.copy_(weights[name])
        found = {key.rpartition("/")[2]: value for key, value in moments.items() if key.rpartition("/")[0] == name}
        on_device = ((key, value if key == "step" else value.to(parameter.device)) for key, value in found.items())
        optimizer.state[parameter] = dict(on_device)
    say(f"  finetune: goes on from the checkpoint of step {state['step']}")
    return Progress(state["step"], state["curve"])
