"""TRL's trainer for chats with our loss, order and records. Only what trains imports it, for it imports trl."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from stages.methods.finetune.batching import Order
from stages.methods.finetune.trainer import RecordLoss


class RecordSFTTrainer(RecordLoss, SFTTrainer):  # type: ignore[misc]
    """TRL's SFTTrainer over records: what it does for adapters, recomputation and several machines comes along.

    Its own tokenizing, masks, loss and order do not: see docs/decisions/0011. It trains to the same weights as
    `RecordTrainer`. `processing_class`, the tokenizer, must be given, or it would look for one on the hub.
    """

    _tag_names: Sequence[str] = ()

    def __init__(
        self,
        losses: Callable[[Any, Mapping[str, Any]], Any],
        order: Order,
        *,
        args: Any,
        train_dataset: Sequence[Mapping[str, Any]],
        **options: Any,
    ) -> None:
        # It insists on a Dataset, and looks at one row of it; the rows are read by our own loader.
        shown = Dataset.from_list([{"input_ids": [0], "labels": [0]}])
        super().__init__(losses, order, args=_config(args), train_dataset=shown, **options)
        self.train_dataset = train_dataset
        # It replaces the model's forward, to score tokens from the head's weight alone, without what adapters and new
        # tokens add to it. The class's own forward is uncovered again.
        inner = self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model
        vars(inner).pop("forward", None)

    def _send_telemetry(self) -> None:
        """Nothing is sent: it would tell the hub of the device, the model's architecture and how data was loaded."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """No card beside each checkpoint: `document` writes the one there is."""


def _config(arguments: Any) -> Any:
    """TrainingArguments as TRL wants them, with nothing that is to be done to the data."""
    left_alone = {"dataset_kwargs": {"skip_prepare_dataset": True}, "max_length": None}
    config = SFTConfig(**{**arguments.to_dict(), "hub_token": arguments.hub_token, **left_alone})
    config._n_gpu = arguments.n_gpu  # noqa: SLF001 - as it was set for the planned batch size
    return config
