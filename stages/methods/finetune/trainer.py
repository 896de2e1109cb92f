"""transformers' Trainer with our loss, order and progress. Only what trains imports it, for it imports transformers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from accelerate.data_loader import prepare_data_loader  # type: ignore[import-untyped]
from torch.utils.data import BatchSampler, DataLoader
from transformers import Trainer, TrainerCallback

from stages.core.errors import DataError, Fault
from stages.core.progress import say, track
from stages.methods.finetune.batching import Order, length


class Part(BatchSampler):  # type: ignore[misc]
    """One process's part of each batch: every `count`-th record from `index` on. All parts make up the whole batch.

    A process that a short last batch leaves without a record gets `blank`: all must take every step together.
    """

    def __init__(self, order: Order, batch: int, index: int, count: int, blank: int) -> None:
        super().__init__(order, batch, drop_last=False)
        self.index, self.count, self.blank = index, count, blank

    def __iter__(self) -> Iterator[list[int]]:
        for batch in super().__iter__():
            yield batch[self.index :: self.count] or [self.blank]


class RecordLoss:
    """Mixed into a Trainer, the loss of a step is the mean over its records, each with its `weight`.

    However many uneven batches and processes they are in: transformers averages over batches, or over tokens.
    """

    loss_is_scaled_for_ga = True
    args: Any
    accelerator: Any
    model: Any
    train_dataset: Any
    eval_dataset: Any
    data_collator: Any
    state: Any
    callback_handler: Any

    def __init__(self, losses: Callable[[Any, Mapping[str, Any]], Any], order: Order, **options: Any) -> None:
        super().__init__(**options)
        self.record_losses, self.order = losses, order

    def get_train_dataloader(self) -> Any:
        """The part of the order for this process; accelerate would repeat records to fill the last batch."""
        rank, count = self.args.process_index, self.args.world_size
        shortest: Mapping[str, Any] = min(self.train_dataset, key=length)
        part = Part(self.order, self.args.train_batch_size * count, rank, count, len(self.train_dataset))
        loader = DataLoader(
            [*self.train_dataset, {**shortest, "weight": 0.0}], batch_sampler=part, collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )  # fmt: skip
        return prepare_data_loader(loader, self.args.device, num_processes=1, process_index=0, put_on_device=True)

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> tuple[list[Any], Any]:
        """The batches of one step here, and the records of that step in all processes."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)  # type: ignore[misc]
        records = sum(int((batch["weight"] > 0).sum()) for batch in batches)
        return batches, self.accelerator.reduce(torch.tensor(records, device=device))

    def compute_loss(self, model: Any, inputs: Any, num_items_in_batch: Any = None, **_: Any) -> Any:
        """A batch's part of the step's mean, times the processes: their gradients and losses are averaged."""
        return self._summed(model, inputs) * self.args.world_size / num_items_in_batch

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The mean loss over the validation records, each of them counted once whatever the number of processes."""
        part = self.eval_dataset[self.args.process_index :: self.args.world_size]
        total = 0.0
        self.model.eval()
        with torch.no_grad():
            for batch in DataLoader(part, self.args.eval_batch_size, collate_fn=self.data_collator):
                total += self._summed(self.model, self._prepare_inputs(batch)).item()  # type: ignore[attr-defined]
        summed = self.accelerator.reduce(torch.tensor(total, device=self.args.device)).item()
        metrics = {"eval_loss": summed / len(self.eval_dataset)}
        self.log(metrics)  # type: ignore[attr-defined]
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _summed(self, model: Any, inputs: Any) -> Any:
        """The weighted sum of a batch's losses."""
        weights = inputs.pop("weight")
        return (self.record_losses(model, inputs) * weights).sum()

    def _save_rng_state(self, output_dir: str) -> None:
        """Wait until all processes have saved theirs: next comes the file that says the checkpoint is complete."""
        super()._save_rng_state(output_dir)  # type: ignore[misc]
        self.accelerator.wait_for_everyone()


class RecordTrainer(RecordLoss, Trainer):  # type: ignore[misc]
    """transformers' Trainer over records."""


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
