"""Tune a model with transformers' Trainer by a plan, so that the same plan gives the same bits on the same machine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.core import processes
from stages.core.engine import available_cores
from stages.core.errors import Fault, UsageError
from stages.core.task import Task
from stages.methods.finetune.batching import Features, Order, length
from stages.methods.finetune.frozen import remember_frozen
from stages.methods.finetune.models import quiet

CURVE = ("step", "epoch", "train_loss", "validation_loss", "lr")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the bits depend on beside the plan."""

    device: str
    threads: int
    dtype: str
    processes: int


@dataclass(frozen=True, slots=True)
class Learner:
    """What is trained: a task's model."""

    model: Any
    tokenizer: Any
    task: Task

    def collate(self, rows: Features) -> Any:
        """The task's batch, and the `weight` of each record in the loss: 1 where nothing else is said."""
        import torch

        weights = torch.tensor([float(row.get("weight", 1.0)) for row in rows])
        return {**self.task.collate(rows, self.tokenizer), "weight": weights}


@dataclass(frozen=True, slots=True)
class Trained:
    """The tuned model, and how it went. `curve` has one row a logged step; losses are means a record, in nats."""

    model: Any
    curve: list[dict[str, Any]]
    steps: int
    best_step: int | None


def prepare(plan: Mapping[str, Any]) -> Machine:
    """Seed every generator, set the threads and choose the device. Before the model is loaded: its new head is random.

    Raises UsageError for a device that this machine does not have, and for a batch that several processes cannot share
    evenly.
    """
    sharing = processes.count()
    if plan["batch_size"] % sharing:
        problem = f"{plan['batch_size']} records cannot be shared evenly by {sharing} processes"
        raise UsageError(Fault("params.yaml: batch_size", problem, "set it to a multiple, or start fewer"))
    # cuBLAS needs a fixed workspace to sum in a fixed order (its documentation, "Results reproducibility").
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Threads that wait by spinning made a step three times slower on two cores with other work; read by libgomp once.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch
    import transformers

    quiet()
    options = plan["finetune"]
    device = _device(options["device"])
    threads = options["threads"] or max(1, available_cores() // processes.count_here())
    torch.set_num_threads(threads)
    if processes.launched():
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # without it accelerate would set the threads anew
    torch.use_deterministic_algorithms(device == "cuda", warn_only=True)
    transformers.set_seed(plan["seed"])
    # Private training computes in float32: norms that are rounded would not bound what they are taken to bound.
    bf16 = bool(options["bf16"]) and device == "cuda" and torch.cuda.is_bf16_supported()
    bf16 = bf16 and not plan["privacy"]["enabled"]
    return Machine(device, threads, "bfloat16" if bf16 else "float32", sharing)


def _device(wanted: str) -> str:
    """The wanted device, or the best of this machine; each of several processes needs one of its own."""
    import torch

    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    numbers = {"cuda": cuda, "mps": int(torch.backends.mps.is_available()), "cpu": processes.count_here()}
    found = next(name for name, number in numbers.items() if number) if wanted == "auto" else wanted
    if not numbers[found]:
        problem = f"this machine has no {found}"
        raise UsageError(Fault("params.yaml: finetune.device", problem, "set it to `auto` or `cpu`"))
    if numbers[found] < processes.count_here():
        problem = f"{processes.count_here()} processes on this machine, and {numbers[found]} {found} for them"
        raise UsageError(Fault("params.yaml: finetune.device", problem, "start fewer processes, or set it to `cpu`"))
    return found


def fit(
    learner: Learner, train: Features, validation: Features, plan: Mapping[str, Any], machine: Machine, folder: Path
) -> Trained:
    """Train on the first features, watch the loss on the second, and give the model of the best evaluation.

    A feature `weight` multiplies its record's loss. Goes on from the last checkpoint in `folder`, to the same bits as
    without the interruption. Raises DataError when the loss is no longer finite.
    """
    from transformers import EarlyStoppingCallback, PrinterCallback

    from stages.methods.finetune.trainer import Watch

    arguments = _arguments(plan, machine, folder, bool(validation))
    last = _last_checkpoint(folder)
    patience = plan["finetune"]["early_stopping"]
    trainer = _trainer(learner.task)(
        learner.task.losses,
        Order(train, plan["steps"]["effective_batch"], plan["seed"]),
        model=learner.model,
        processing_class=learner.tokenizer,
        args=arguments,
        data_collator=learner.collate,
        train_dataset=train,
        eval_dataset=sorted(validation, key=length) or None,
        callbacks=[EarlyStoppingCallback(patience)] if patience and validation else [],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Watch(plan["steps"]["total"]))
    with remember_frozen(learner, [*train, *validation], machine.device):
        trainer.train(resume_from_checkpoint=last)
    # The first process deletes the checkpoints, from which the others may still be reading the best weights.
    trainer.accelerator.wait_for_everyone()
    state = trainer.state
    return Trained(trainer.model, learning_curve(state.log_history), state.global_step, state.best_global_step)


def leave() -> None:
    """End what the processes of a training have in common; after it they cannot train together again."""
    from accelerate import PartialState  # type: ignore[import-untyped]

    PartialState().destroy_process_group()


def _trainer(task: Task) -> Any:
    """Chats are trained by TRL, all else by transformers; both with our loss over records."""
    if task.chats:
        from stages.methods.finetune.sft import RecordSFTTrainer

        return RecordSFTTrainer
    from stages.methods.finetune.trainer import RecordTrainer

    return RecordTrainer


def _last_checkpoint(folder: Path) -> str | None:
    """Where to go on, the same for all processes. Raises UsageError when they do not see the same checkpoints."""
    from accelerate.utils import gather_object  # type: ignore[import-untyped]
    from transformers.trainer_utils import get_last_checkpoint

    last: str | None = get_last_checkpoint(str(folder))
    if len(set(gather_object([f"{folder} {last}"]))) > 1:
        step = "share the project's folder under one path, and set finetune.threads where nodes differ in cores"
        raise UsageError(Fault("finetune", "its processes do not see the same checkpoints", step))
    return last


def learning_curve(log: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a logged step from the Trainer's log: `step`, `epoch`, `train_loss`, `validation_loss`, `lr`.

    The training loss is the mean since the row before. None where nothing was measured; no times.
    """
    names = {"loss": "train_loss", "eval_loss": "validation_loss", "learning_rate": "lr"}
    rows: dict[int, dict[str, Any]] = {}
    for entry in log:
        found = {name: float(f"{entry[key]:.6g}") for key, name in names.items() if key in entry}
        if found:
            row = rows.setdefault(entry["step"], {"step": entry["step"], "epoch": round(entry["epoch"], 4)})
            row.update(found)
    return [{name: rows[step].get(name) for name in CURVE} for step in sorted(rows)]


def curve_csv(curve: Sequence[Mapping[str, Any]]) -> str:
    """The learning curve as CSV with a header; an empty cell where nothing was measured."""
    lines = [",".join("" if row[name] is None else f"{row[name]:.6g}" for name in CURVE) for row in curve]
    return "\n".join([",".join(CURVE), *lines]) + "\n"


def _recomputation(options: Mapping[str, Any]) -> dict[str, Any]:
    """Gradient checkpointing under the name that this release of transformers has for it (renamed in 5.x)."""
    from transformers import TrainingArguments

    if not options["gradient_checkpointing"]:
        return {}
    name = "activation_checkpointing"
    name = name if name in TrainingArguments.__dataclass_fields__ else "gradient_checkpointing"
    return {name: True, f"{name}_kwargs": {"use_reentrant": False}}


def outcome(trained: Trained, plan: Mapping[str, Any]) -> dict[str, Any]:
    """How it went, in numbers; losses are means a record in nats, weighted if the plan weighs classes.

    With privacy there is no training loss, and the last weights are the model, whatever their validation loss.
    """
    losses = {name: [row[name] for row in trained.curve if row[name] is not None] for name in CURVE}
    private, validated = plan["privacy"]["enabled"], losses["validation_loss"]
    return {
        **({} if private else {"train_loss": losses["train_loss"][-1]}),
        "validation_loss": validated[-1] if private and validated else min(validated, default=None),
        "steps": trained.steps,
        "best_step": trained.best_step,
        "stopped_early": trained.steps < plan["steps"]["total"],
        "trainable_parameters": plan["parameters"]["trainable"],
    }


def _arguments(plan: Mapping[str, Any], machine: Machine, checkpoints: Path, evaluates: bool) -> Any:
    from transformers import TrainingArguments

    options, steps = plan["finetune"], plan["steps"]
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        # Each process draws its own dropout; the order of the records is not drawn from this seed.
        seed=(plan["seed"] + processes.index()) % 2**32,
        max_steps=steps["total"],
        num_train_epochs=plan["epochs"],
        per_device_train_batch_size=plan["batch_size"] // machine.processes,
        per_device_eval_batch_size=max(64, plan["batch_size"]),
        gradient_accumulation_steps=options["gradient_accumulation"],
        **_recomputation(options),
        learning_rate=plan["lr"],
        lr_scheduler_type=options["schedule"],
        warmup_steps=steps["warmup"],
        weight_decay=options["weight_decay"],
        max_grad_norm=options["max_grad_norm"],
        bf16=machine.dtype == "bfloat16",
        use_cpu=machine.device == "cpu",
        ddp_backend="gloo" if machine.device == "cpu" and processes.launched() else None,  # on CUDA it is NCCL
        dataloader_pin_memory=machine.device == "cuda",
        remove_unused_columns=False,
        label_names=["labels"],
        prediction_loss_only=True,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=steps["evaluate_every"],
        save_steps=steps["evaluate_every"],
        save_total_limit=1,
        load_best_model_at_end=evaluates,
        metric_for_best_model="loss" if evaluates else None,
        greater_is_better=False if evaluates else None,
        restore_callback_states_from_checkpoint=True,
        logging_steps=steps["log_every"],
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        log_level="error",
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # noqa: SLF001 - several GPUs would multiply the planned batch size
    return arguments
