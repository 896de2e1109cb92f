"""The model that `finetune` saved, ready to be asked about records."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.records import Record
from stages.core.storage import StageFolder
from stages.core.task import Options, Prediction, Task
from stages.methods.finetune.batching import record_losses
from stages.methods.split.splitting import draw


@dataclass(frozen=True, slots=True)
class TunedModel:
    """A tuned model with the labels it knows and the options it was tuned with; made by `open_tuned`."""

    task: Task
    model: Any
    tokenizer: Any
    labels: tuple[str, ...]
    options: Options

    def predict(self, records: Sequence[Record]) -> list[Prediction]:
        """One prediction a record, in order."""
        return self.task.predict(self.model, self.tokenizer, records, self.options)

    def losses(self, records: Sequence[Record]) -> list[float | None]:
        """The loss of each record in nats, in order, without writing answers."""
        return record_losses(self.task, (self.model, self.tokenizer), records, self.options, self.labels)

    def predict_some(self, records: Sequence[Record], ids: Collection[str]) -> list[Prediction]:
        """As `predict`, but only records with these ids are answered; the others only have a loss."""
        answers = {said.id: said for said in self.predict([record for record in records if record.id in ids])}
        others = [record for record in records if record.id not in ids]
        for record, loss in zip(others, self.losses(others), strict=True):
            answers[record.id] = Prediction(record.id, None, {}, loss)
        return [answers[record.id] for record in records]

    def instead(self, model: tuple[Any, Any]) -> TunedModel:
        """Another (model, tokenizer) under the same options."""
        return replace(self, model=model[0], tokenizer=model[1])

    def refuse_other_labels(self, labels: Collection[str]) -> None:
        """Raises DataError when the data has labels that the model cannot give: it was tuned on other data."""
        unknown = sorted(set(labels) - set(self.labels))
        if unknown:
            problem = f"the data has {len(unknown)} labels that the tuned model does not know: {', '.join(unknown[:5])}"
            raise DataError(Fault("data/finetune", problem, "tune the model on this split: `dvc repro finetune`"))


def open_tuned(task: Task, folder: StageFolder, generation: Mapping[str, Any] | None = None) -> TunedModel:
    """The tuned model in a folder of `finetune`, with the params `evaluate.generation` for models that write.

    Raises DataError when the folder is not complete.
    """
    training = folder.json("training.json")
    model, tokenizer = task.load_tuned(folder.path / "model")
    options = {**training["options"], **({} if generation is None else {"generation": generation})}
    return TunedModel(task, model, tokenizer, tuple(training["labels"]), options)


def sample(records: Sequence[Record], size: int, seed: int, purpose: str) -> list[Record]:
    """At most `size` of the records, chosen by a hash of their ids and given in order of id."""
    chosen = sorted(records, key=lambda record: (draw(seed, record.id, purpose), record.id))[:size]
    return sorted(chosen, key=lambda record: record.id)
