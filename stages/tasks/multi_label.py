"""Text classification with any number of labels a record, none among them."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.core.doubts import Doubted, LabelCheck
from stages.core.records import Column, Record, Schema
from stages.core.task import Metric, Options, Prediction, RowFault, Scores
from stages.methods.audit.invented import random_text
from stages.methods.check_labels.annotations import labels_line, labels_of_line
from stages.methods.check_labels.labels.multi_label_doubts import multi_label_doubts
from stages.methods.evaluate.baselines import tfidf_logistics
from stages.methods.evaluate.multi_label import NONE, micro_f1_gain, score_label_sets
from stages.methods.finetune.batching import encode_texts, run_batches
from stages.methods.ingest.row_text import json_in
from stages.tasks.classification import Classification

THRESHOLD = 0.5
"""A label whose probability reaches this is part of the answer. It makes the fewest wrong decisions where probabilities
are right. F1 may be better with another one; `mean_average_precision` needs none."""
Logs = tuple[float, float]
"""Natural logarithms of the probabilities of yes and no."""


class MultiLabel(Classification):
    """`text` in, some of the declared labels out; the same model as for one label, with one yes or no a label."""

    name = "multi_label"
    schema = Schema((Column("text", "text"), Column("labels", "labels")))
    primary = "micro_f1"

    def read_row(self, row: Mapping[str, Any], labels: Sequence[str] | None) -> dict[str, Any]:
        """Text and labels of a source row, sorted, each once; None where the source has no column of labels at all.

        The labels are a list, a JSON list, or names with `|` between them. An empty list says that no label fits. A
        blank cell may also mean that nobody looked, so it is a fault.
        """
        text: str = super().read_row({"text": row.get("text")}, None)["text"]
        if "labels" not in row:
            return {"text": text, "labels": None}
        found = [_name(one) for one in _listed(row["labels"])]
        if labels is not None and not {*found} <= {*labels}:
            raise RowFault("unknown_label", field="labels")
        return {"text": text, "labels": tuple(sorted({*found}))}

    def stratum(self, record: Record) -> str:
        """All labels together; for a record of which somebody said that it has none, a name for that."""
        return "|".join(self.labels(record)) or (NONE if self.answered(record) else "")

    def labels(self, record: Record) -> tuple[str, ...]:
        """The labels."""
        labels: tuple[str, ...] | None = record.values["labels"]
        return labels or ()

    def answered(self, record: Record) -> bool:
        """Whether somebody said which labels it has, if only that it has none."""
        return record.values["labels"] is not None

    def inputs(self, _: Record) -> tuple[str, ...]:
        """The text."""
        return ("text",)

    def targets(self, _: Record) -> None:
        """There is no single label to doubt."""

    def doubts(self, check: LabelCheck) -> Doubted:
        """Labels that models which have not seen the record's group would have left out, or added."""
        return multi_label_doubts(check)

    def annotation(self, record: Record) -> str | None:
        """The labels as a sorted JSON list."""
        return labels_line(self.labels(record)) if self.answered(record) else None

    def with_annotation(self, record: Record, line: str) -> Record:
        """The record with the labels of a line. Raises ValueError for one that `annotation` would not have written."""
        return record.with_values(labels=labels_of_line(line))

    # --- invented records -------------------------------------------------------------------------------------------
    def canary(self, draw: random.Random, words: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
        """Random words; a coin for each label."""
        return {"text": random_text(draw, words), "labels": tuple(one for one in labels if draw.random() < 0.5)}

    # --- the model --------------------------------------------------------------------------------------------------
    def encode(
        self, records: Sequence[Record], tokenizer: Any, options: Options, labels: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Token ids and mask; `labels` is 1.0 for each of `labels` that the record has and 0.0 for the others."""
        rows = encode_texts([record.values["text"] for record in records], tokenizer, options["max_length"])
        for row, record in zip(rows, records, strict=True):
            if labels and self.answered(record):
                row["labels"] = [float(label in record.values["labels"]) for label in labels]
        return rows

    def losses(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """The mean over the labels of the cross-entropy of each yes or no (natural logarithm), shape (records,)."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        inputs = {name: value for name, value in batch.items() if name != "labels"}
        logits = model(**inputs).logits.float()
        return binary_cross_entropy_with_logits(logits, batch["labels"], reduction="none").mean(dim=-1)

    def predict(self, model: Any, tokenizer: Any, records: Sequence[Record], options: Options) -> list[Prediction]:
        """The labels whose probability is at least `THRESHOLD`, all probabilities, and the loss of the own labels."""
        names = [model.config.id2label[i] for i in range(model.config.num_labels)]
        features = self.encode(records, tokenizer, options)
        found = run_batches(model, features, lambda rows: self.collate(rows, tokenizer), _log_chances)
        rows = [dict(zip(names, map(tuple, chances), strict=True)) for chances in found]
        return [self._prediction(record, row) for record, row in zip(records, rows, strict=True)]

    def answer(self, model: Any, tokenizer: Any, record: Record, options: Options) -> Iterator[str]:
        """A line for each label with its probability, the likeliest first, and a yes where it is part of the answer."""
        (prediction,) = self.predict(model, tokenizer, [record], options)
        width = max(map(len, prediction.scores))
        for label, score in sorted(prediction.scores.items(), key=lambda item: -item[1]):
            yield f"{label:<{width}}  {score:.4f}{'  yes' if label in prediction.answer else ''}\n"

    # --- scores -----------------------------------------------------------------------------------------------------
    def truth(self, record: Record) -> str | None:
        """The labels as a JSON list."""
        return json.dumps(self.labels(record), ensure_ascii=False) if self.answered(record) else None

    def said(self, prediction: Prediction) -> str:
        """The labels as a JSON list."""
        return json.dumps(prediction.answer, ensure_ascii=False)

    def score(self, records: Sequence[Record], predictions: Sequence[Prediction], resamples: int, seed: int) -> Scores:
        """Micro and macro F1, precision and recall, exact matches, Hamming loss, mean average precision; by label."""
        truth, answers = [self.labels(record) for record in records], [said.answer for said in predictions]
        return score_label_sets(truth, answers, [said.scores for said in predictions], resamples, seed)

    def gain(
        self,
        records: Sequence[Record],
        ours: Sequence[Prediction],
        theirs: Sequence[Prediction],
        resamples: int,
        seed: int,
    ) -> dict[str, Metric]:
        """Micro F1."""
        truth = [self.labels(record) for record in records]
        both = [[said.answer for said in some] for some in (ours, theirs)]
        return {"micro_f1": micro_f1_gain(truth, both[0], both[1], resamples, seed)}

    def baselines(self, train: Sequence[Record], test: Sequence[Record], seed: int) -> dict[str, list[Prediction]]:
        """The most frequent set of labels, and TF-IDF with one logistic regression a label."""
        texts, sets = [record.values["text"] for record in train], [self.labels(record) for record in train]
        asked = [record.values["text"] for record in test]
        known = sorted({label for own in sets for label in own})
        yes_or_no = {label: ["yes" if label in own else "no" for own in sets] for label in known}
        by_label = tfidf_logistics(texts, yes_or_no, asked, seed)
        shares = {label: _logs(sum(label in own for own in sets) / len(sets)) for label in by_label}
        commonest = min(Counter(sets).items(), key=lambda pair: (-pair[1], pair[0]))[0]
        learned = [
            {label: _logs(rows[i].get("yes", 0.0)) for label, rows in by_label.items()} for i in range(len(asked))
        ]
        return {
            "majority": [self._prediction(record, shares, commonest) for record in test],
            "tfidf_logistic": [self._prediction(record, row) for record, row in zip(test, learned, strict=True)],
        }

    def _prediction(
        self, record: Record, logs: Mapping[str, Logs], answer: tuple[str, ...] | None = None
    ) -> Prediction:
        scores = {label: math.exp(yes) for label, (yes, _) in logs.items()}
        if answer is None:
            answer = tuple(sorted(label for label, score in scores.items() if score >= THRESHOLD))
        return Prediction(
            record.id, answer, scores, _loss(self.labels(record), logs) if self.answered(record) else None
        )

    def _config(self, source: Path | str, labels: Sequence[str], options: Options) -> Any:
        """As for one label; transformers' own pipelines read from `problem_type` that several labels may be right."""
        config = super()._config(source, labels, options)
        config.problem_type = "multi_label_classification"
        return config


def _listed(value: Any) -> list[Any]:
    """The names in a cell. Raises RowFault for a blank one, and for what is no list of names."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowFault("missing_label", field="labels")
    if isinstance(value, str) and value.strip().startswith("["):
        value = json_in(value, "labels")
    elif isinstance(value, str):
        value = value.split("|")
    if not isinstance(value, list | tuple):
        raise RowFault("wrong_type", field="labels", type=type(value).__name__)
    return list(value)


def _name(value: Any) -> str:
    """A label's name. Raises RowFault for a blank one, and for what is no name."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowFault("missing_label", field="labels")
    if isinstance(value, float) or not isinstance(value, str | int | bool):
        raise RowFault("wrong_type", field="labels", type=type(value).__name__)
    return str(value).strip()


def _log_chances(model: Any, batch: Mapping[str, Any]) -> list[list[list[float]]]:
    """Each label's natural logarithms of the probabilities of yes and no, in double precision."""
    import torch
    from torch.nn.functional import logsigmoid

    logits = model(**batch).logits.double()
    rows: list[list[list[float]]] = torch.stack([logsigmoid(logits), logsigmoid(-logits)], dim=-1).tolist()
    return rows


def _logs(share: float) -> Logs:
    return math.log(share) if share > 0 else -math.inf, math.log1p(-share) if share < 1 else -math.inf


def _loss(own: Sequence[str], logs: Mapping[str, Logs]) -> float | None:
    """The mean cross-entropy over the labels; None where it is not finite, or a label has no probability."""
    loss = -sum(yes if label in own else no for label, (yes, no) in logs.items()) / max(1, len(logs))
    return loss if logs and {*own} <= logs.keys() and math.isfinite(loss) else None
