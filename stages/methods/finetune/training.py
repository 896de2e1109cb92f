"""Tune a model with transformers' Trainer by a plan, so that the same plan gives the same bits on the same machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.core.engine import available_cores
from stages.core.errors import Fault, UsageError
from stages.methods.finetune.batching import Features, Order, length
from stages.methods.finetune.models import quiet

CURVE = ("step", "epoch", "train_loss", "validation_loss", "lr")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the bits depend on beside the plan."""

    device: str
    threads: int
    dtype: str


@dataclass(frozen=True, slots=True)
class Learner:
    """What is trained: `losses(model, batch)` gives one loss a record."""

    model: Any
    tokenizer: Any
    losses: Callable[[Any, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Trained:
    """The tuned model, and how it went. `curve` has one row a logged step; losses are means a record, in nats."""

    model: Any
    curve: list[dict[str, Any]]
    steps: int
    best_step: int | None
    resumed_at: int | None


def prepare(seed: int, options: Mapping[str, Any]) -> Machine:
    """Seed every generator, set the threads and choose the device. Before the model is loaded: its new head is random.

    Raises UsageError for a device that this machine does not have.
    """
    # cuBLAS needs a fixed workspace to sum in a fixed order (its documentation, "Results reproducibility").
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Threads that wait by spinning made a step three times slower on two cores with other work; read by libgomp once.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch
    import transformers

    quiet()
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    device = options["device"]
    if device == "auto":
        device = next(name for name, there in has.items() if there)
    if not has[device]:
        problem = f"this machine has no {device}"
        raise UsageError(Fault("params.yaml: finetune.device", problem, "set it to `auto` or `cpu`"))
    threads = options["threads"] or available_cores()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(device == "cuda", warn_only=True)
    transformers.set_seed(seed)
    bf16 = bool(options["bf16"]) and device == "cuda" and torch.cuda.is_bf16_supported()
    return Machine(device, threads, "bfloat16" if bf16 else "float32")


def class_weights(labels: Sequence[str]) -> dict[str, float]:
    """Weight of each class: records / (classes * records of the class), so that the mean over the records is 1."""
    counts = {label: labels.count(label) for label in sorted(set(labels))}
    return {label: len(labels) / (len(counts) * count) for label, count in counts.items()}


def fit(
    learner: Learner, train: Features, validation: Features, plan: Mapping[str, Any], machine: Machine, folder: Path
) -> Trained:
    """Train on the first features, watch the loss on the second, and give the model of the best evaluation.

    A feature `weight` multiplies its record's loss. Goes on from the last checkpoint in `folder`, to the same bits as
    without the interruption. Raises DataError when the loss is no longer finite.
    """
    from transformers import EarlyStoppingCallback, PrinterCallback
    from transformers.trainer_utils import get_last_checkpoint

    from stages.methods.finetune.trainer import MeanLossTrainer, Watch

    arguments = _arguments(plan, machine, folder, bool(validation))
    patience = plan["finetune"]["early_stopping"]
    last = get_last_checkpoint(str(folder))
    trainer = MeanLossTrainer(
        learner.losses,
        Order(train, plan["steps"]["effective_batch"], plan["seed"]),
        model=learner.model,
        args=arguments,
        data_collator=lambda rows: learner.tokenizer.pad(rows, return_tensors="pt"),
        train_dataset=train,
        eval_dataset=sorted(validation, key=length) or None,
        callbacks=[EarlyStoppingCallback(patience)] if patience and validation else [],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Watch(plan["steps"]["total"]))
    trainer.train(resume_from_checkpoint=last)
    state = trainer.state
    resumed = int(last.rpartition("-")[2]) if last else None
    return Trained(trainer.model, learning_curve(state.log_history), state.global_step, state.best_global_step, resumed)


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


def _arguments(plan: Mapping[str, Any], machine: Machine, checkpoints: Path, evaluates: bool) -> Any:
    from transformers import TrainingArguments

    options, steps = plan["finetune"], plan["steps"]
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        seed=plan["seed"],
        data_seed=plan["seed"],
        max_steps=steps["total"],
        num_train_epochs=plan["epochs"],
        per_device_train_batch_size=plan["batch_size"],
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
