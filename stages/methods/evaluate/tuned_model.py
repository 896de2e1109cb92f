"""The model that `finetune` saved, ready to be asked about records."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.records import Record
from stages.core.storage import StageFolder
from stages.core.task import Prediction, Task
from stages.methods.split.splitting import draw


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A tuned model with the labels it knows and the tokens it sees; made by `open_tuned`."""

    task: Task
    model: Any
    tokenizer: Any
    labels: tuple[str, ...]
    max_length: int

    def predict(self, records: Sequence[Record]) -> list[Prediction]:
        """One prediction a record, in order."""
        return self.task.predict(self.model, self.tokenizer, records, self.max_length)

    def refuse_other_labels(self, labels: Collection[str]) -> None:
        """Raises DataError when the data has labels that the model cannot give: it was tuned on other data."""
        unknown = sorted(set(labels) - set(self.labels))
        if unknown:
            problem = f"the data has {len(unknown)} labels that the tuned model does not know: {', '.join(unknown[:5])}"
            raise DataError(Fault("data/finetune", problem, "tune the model on this split: `dvc repro finetune`"))


def open_tuned(task: Task, folder: StageFolder) -> TunedModel:
    """The tuned model in a folder of `finetune`. Raises DataError when the folder is not complete."""
    training = folder.json("training.json")
    model, tokenizer = task.load_tuned(folder.path / "model")
    return TunedModel(task, model, tokenizer, tuple(training["labels"]), int(training["max_length"]))


def sample(records: Sequence[Record], size: int, seed: int, purpose: str) -> list[Record]:
    """At most `size` of the records, chosen by a hash of their ids and given in order of id."""
    chosen = sorted(records, key=lambda record: (draw(seed, record.id, purpose), record.id))[:size]
    return sorted(chosen, key=lambda record: record.id)
