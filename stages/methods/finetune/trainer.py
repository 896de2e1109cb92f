"""transformers' Trainer with our loss, order and progress. Only what trains imports it, for it imports transformers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from transformers import Trainer, TrainerCallback

from stages.core.errors import DataError, Fault
from stages.core.progress import say, track
from stages.methods.finetune.batching import Order


class MeanLossTrainer(Trainer):  # type: ignore[misc]
    """The loss of a step is the mean over its records, also when several uneven batches make up the step."""

    loss_is_scaled_for_ga = True

    def __init__(self, losses: Callable[[Any, Mapping[str, Any]], Any], order: Order, **options: Any) -> None:
        super().__init__(**options)
        self.record_losses, self.order = losses, order

    def _get_train_sampler(self, *_: Any) -> Order:
        return self.order

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> tuple[list[Any], int]:
        """The batches of one step, and their number of records."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        return batches, sum(len(batch["input_ids"]) for batch in batches)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """A batch's part of the step's mean in training, its own mean in evaluation; weighted if there are weights."""
        weights = inputs.pop("weight", 1.0)
        records = num_items_in_batch if model.training else len(inputs["input_ids"])
        loss = (self.record_losses(model, inputs) * weights).sum() / records
        return (loss, {"loss": loss}) if return_outputs else loss


class Watch(TrainerCallback):  # type: ignore[misc]
    """Progress for people; ends a training whose loss is no longer a number."""

    def __init__(self, total: int) -> None:
        self.total = total

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Show the bar, from the checkpoint on."""
        if state.global_step:
            say(f"  finetune: goes on from the checkpoint of step {state.global_step}")
        left = self.total - state.global_step
        self.bar: Any = iter(track(range(left), "finetune (steps)", left))
        next(self.bar, None)

    def on_step_end(self, _args: Any, _state: Any, _control: Any, **_: Any) -> None:
        """One step further."""
        next(self.bar, None)

    def on_log(self, _args: Any, state: Any, _control: Any, logs: Mapping[str, Any], **_: Any) -> None:
        """Tell the validation loss. Raises DataError when a loss is not finite."""
        if not all(math.isfinite(logs.get(name, 0.0)) for name in ("loss", "eval_loss")):
            problem = f"the loss is no longer a finite number at step {state.global_step}"
            raise DataError(Fault("finetune", problem, "lower lr, or raise finetune.warmup"))
        if "eval_loss" in logs:
            say(f"  finetune: step {state.global_step} of {self.total}, validation loss {logs['eval_loss']:.4f}")

    def on_train_end(self, _args: Any, _state: Any, _control: Any, **_: Any) -> None:
        """Take the bar away, also after an early stop."""
        self.bar.close()
