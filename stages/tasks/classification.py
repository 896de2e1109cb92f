"""Text classification with one label a record."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.core.doubts import Doubted, LabelCheck
from stages.core.records import Column, Record, Schema
from stages.core.task import Metric, Options, Prediction, RowFault, Scores
from stages.methods.audit.invented import random_text
from stages.methods.check_labels.labels.single_label import single_label_doubts
from stages.methods.evaluate.baselines import majority, tfidf_logistic
from stages.methods.evaluate.comparison import macro_f1_gain
from stages.methods.evaluate.labels import score_labels
from stages.methods.finetune import models
from stages.methods.finetune.averaging import read_mean, with_mean
from stages.methods.finetune.batching import encode_texts, padded, run_batches
from stages.methods.finetune.heads import load_headed
from stages.methods.ingest.row_text import required_text


class Classification:
    """`text` in, one of the declared labels out."""

    name = "classification"
    schema = Schema((Column("text", "text"), Column("label", "label")))
    layouts: tuple[tuple[str, ...], ...] = (("text",),)
    primary = "macro_f1"
    writes = False
    chats = False

    def read_row(self, row: Mapping[str, Any], labels: Sequence[str] | None) -> dict[str, Any]:
        """Text and label of a source row; the label is None where the source has no label column at all."""
        text = required_text(row, "text")
        if "label" not in row:
            return {"text": text, "label": None}
        label = row["label"]
        if label is None or (isinstance(label, str) and not label.strip()):
            raise RowFault("missing_label", field="label")
        if isinstance(label, float) or not isinstance(label, str | int | bool):
            raise RowFault("wrong_type", field="label", type=type(label).__name__)
        label = str(label).strip()
        if labels is not None and label not in labels:
            raise RowFault("unknown_label", field="label")
        return {"text": text, "label": label}

    def stratum(self, record: Record) -> str:
        """The label."""
        return record.values["label"] or ""

    def labels(self, record: Record) -> tuple[str, ...]:
        """The label."""
        label: str | None = record.values["label"]
        return () if label is None else (label,)

    def answered(self, record: Record) -> bool:
        """Whether it has a label."""
        return record.values["label"] is not None

    def inputs(self, _: Record) -> tuple[str, ...]:
        """The text."""
        return ("text",)

    def targets(self, record: Record) -> str | None:
        """The label."""
        label: str | None = record.values["label"]
        return label

    def doubts(self, check: LabelCheck) -> Doubted:
        """Labels that models and neighbours which have not seen the record's group would not have given."""
        return single_label_doubts(self, check)

    def annotation(self, record: Record) -> str | None:
        """The label."""
        return self.targets(record)

    def with_annotation(self, record: Record, line: str) -> Record:
        """The record under another label."""
        return record.with_values(label=line)

    # --- invented records -------------------------------------------------------------------------------------------
    def canary(self, draw: random.Random, words: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
        """Random words under a random label."""
        return {"text": random_text(draw, words), "label": draw.choice(labels)}

    def secret(self, name: str, code: str) -> None:
        """None: a label holds no secret."""

    # --- the model --------------------------------------------------------------------------------------------------
    def outline(self, source: Path | str, labels: Sequence[str], options: Options) -> Any:
        """As the model of `load`, but without weights (torch's meta device): to count parameters before paying."""
        import torch
        from transformers import AutoModelForSequenceClassification

        config = self._config(source, labels, options)
        with torch.device("meta"):
            return models.adapt(AutoModelForSequenceClassification.from_config(config), options, "SEQ_CLS")

    def load(self, source: Path | str, labels: Sequence[str], options: Options) -> tuple[Any, Any]:
        """The base model with a new head, or that of an earlier tuning for these labels; seed torch before."""
        from transformers import AutoModelForSequenceClassification

        config = self._config(source, labels, options)
        model = load_headed(AutoModelForSequenceClassification, source, config)
        model = read_mean(model) if options.get("pooling") == "mean" else model
        return models.adapt(model, options, "SEQ_CLS"), models.load_tokenizer(source)

    def load_tuned(self, folder: Path) -> tuple[Any, Any]:
        """The tuned model, its labels in `config.id2label`."""
        from transformers import AutoModelForSequenceClassification

        model = models.load_model(AutoModelForSequenceClassification, folder, models.load_config(folder))
        return model.eval(), models.load_tokenizer(folder)

    def load_base(self, _: Path | str) -> None:
        """An untuned model has no head for these labels."""

    def encode(
        self, records: Sequence[Record], tokenizer: Any, options: Options, labels: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Token ids and mask; `labels` is the index of the record's label among `labels`, where it is one of them."""
        rows = encode_texts([record.values["text"] for record in records], tokenizer, options["max_length"])
        index = {label: i for i, label in enumerate(labels)}
        for row, record in zip(rows, records, strict=True):
            if record.values["label"] in index:
                row["labels"] = index[record.values["label"]]
        return rows

    def collate(self, rows: Sequence[Mapping[str, Any]], tokenizer: Any) -> Any:
        """Tensors of shape (records, tokens), and `labels` of shape (records,)."""
        return padded(rows, tokenizer, "labels")

    def losses(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """Cross-entropy (natural logarithm) of each record, shape (batch,)."""
        from torch.nn.functional import cross_entropy

        inputs = {name: value for name, value in batch.items() if name != "labels"}
        return cross_entropy(model(**inputs).logits.float(), batch["labels"], reduction="none")

    def predict(self, model: Any, tokenizer: Any, records: Sequence[Record], options: Options) -> list[Prediction]:
        """The most probable label, all probabilities, and the cross-entropy of the record's own label if it has one."""
        names = [model.config.id2label[i] for i in range(model.config.num_labels)]
        features = self.encode(records, tokenizer, options)
        logs = run_batches(model, features, lambda rows: self.collate(rows, tokenizer), _log_probabilities)
        return [_prediction(record, names, row) for record, row in zip(records, logs, strict=True)]

    def answer(self, model: Any, tokenizer: Any, record: Record, options: Options) -> Iterator[str]:
        """A line for each label with its probability, the likeliest first."""
        (prediction,) = self.predict(model, tokenizer, [record], options)
        width = max(map(len, prediction.scores))
        for label, score in sorted(prediction.scores.items(), key=lambda item: -item[1]):
            yield f"{label:<{width}}  {score:.4f}\n"

    # --- scores -----------------------------------------------------------------------------------------------------
    def truth(self, record: Record) -> str | None:
        """The label."""
        return self.targets(record)

    def said(self, prediction: Prediction) -> str:
        """The label."""
        return str(prediction.answer)

    def score(self, records: Sequence[Record], predictions: Sequence[Prediction], resamples: int, seed: int) -> Scores:
        """Accuracy, macro precision, recall and F1, calibration error; F1 per class, confusion counts, reliability."""
        truth = [str(record.values["label"]) for record in records]
        return score_labels(truth, predictions, resamples, seed)

    def gain(
        self,
        records: Sequence[Record],
        ours: Sequence[Prediction],
        theirs: Sequence[Prediction],
        resamples: int,
        seed: int,
    ) -> dict[str, Metric]:
        """The difference in macro F1."""
        truth = [str(record.values["label"]) for record in records]
        mine, other = [str(said.answer) for said in ours], [str(said.answer) for said in theirs]
        return {"macro_f1": macro_f1_gain(truth, mine, other, resamples, seed)}

    def baselines(self, train: Sequence[Record], test: Sequence[Record], seed: int) -> dict[str, list[Prediction]]:
        """The most frequent class, and TF-IDF with logistic regression."""
        texts, labels = [r.values["text"] for r in train], [str(r.values["label"]) for r in train]
        asked = [record.values["text"] for record in test]
        found = {"majority": majority(labels, len(asked)), "tfidf_logistic": tfidf_logistic(texts, labels, asked, seed)}
        return {
            name: [_from_scores(record, scores) for record, scores in zip(test, rows, strict=True)]
            for name, rows in found.items()
        }

    def _config(self, source: Path | str, labels: Sequence[str], options: Options) -> Any:
        names = dict(enumerate(labels))
        config = models.load_config(source, id2label=names, label2id={label: i for i, label in names.items()})
        config.problem_type = None  # whatever the base was tuned for
        config = models.with_dropout(config, options.get("dropout"))
        return with_mean(config) if options.get("pooling") == "mean" else config


def _log_probabilities(model: Any, batch: Any) -> list[list[float]]:
    """Natural logarithms of the probabilities, in double precision so that they add up to one."""
    rows: list[list[float]] = model(**batch).logits.double().log_softmax(dim=-1).tolist()
    return rows


def _prediction(record: Record, names: Sequence[str], logs: Sequence[float]) -> Prediction:
    by_label = dict(zip(names, logs, strict=True))
    return _from_scores(record, {name: math.exp(value) for name, value in by_label.items()}, by_label)


def _from_scores(record: Record, scores: Mapping[str, float], logs: Mapping[str, float] | None = None) -> Prediction:
    """The answer is the first of the most probable labels; a label without probability has no finite loss: None."""
    label = record.values["label"]
    if logs is None:
        logs = {name: math.log(value) for name, value in scores.items() if value > 0}
    loss = -logs[label] if label in logs else None
    return Prediction(record.id, max(scores, key=lambda name: scores[name]), scores, loss)
