"""Entities in texts (NER): labelled spans of characters, found by tagging words."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.core.doubts import Doubted, LabelCheck
from stages.core.errors import DataError, Fault, UsageError
from stages.core.records import Column, Record, Schema, Span
from stages.core.task import Metric, Options, Prediction, RowFault, Scores
from stages.methods.audit.invented import random_text
from stages.methods.check_labels.annotations import spans_line, spans_of_line
from stages.methods.check_labels.spans.token_doubts import token_doubts
from stages.methods.evaluate.entities import Found, f1_gain, score_entities
from stages.methods.evaluate.gazetteer import Gazetteer
from stages.methods.finetune import models
from stages.methods.finetune.alignment import Unit, Window, bio, spans_of, tags_of, types_of, units, windows
from stages.methods.finetune.batching import padded, run_batches
from stages.methods.finetune.heads import load_headed
from stages.methods.ingest.marked_spans import spans_in, text_and_spans
from stages.methods.ingest.row_text import required_text

_IGNORED = -100
"""The target of a token that no loss is taken over."""
_STRIDE = 32
_AT_ONCE = 256
"""Records whose probabilities are held together: 13 tags for 10,000 texts of 100 tokens would be 100 MB."""


class TokenLabels:
    """`text` in, spans of it with a type each out.

    The model tags words as in BIO, at their first sub-words. Training sees the first `max_length` tokens of a text;
    predictions are made over windows of that size, so that nothing behind the cut is passed over.
    """

    name = "token_labels"
    schema = Schema((Column("text", "text"), Column("spans", "spans", of="text")))
    layouts: tuple[tuple[str, ...], ...] = (("text",), ("tokens",))
    primary = "f1"
    writes = False
    chats = False

    def read_row(self, row: Mapping[str, Any], labels: Sequence[str] | None) -> dict[str, Any]:
        """Text and spans of a source row; the spans are None where the source has no column for them at all.

        Either `text` and `spans`, or `tokens` and `tags` (or `ner_tags`); see `marked_spans`.
        """
        if "tokens" in row and "spans" not in row:
            text, spans = text_and_spans(row, labels)
        else:
            text = required_text(row, "text")
            spans = spans_in(text, row["spans"]) if "spans" in row else None
        if labels is not None and not {span.label for span in spans or ()} <= {*labels}:
            raise RowFault("unknown_label", field="spans")
        return {"text": text, "spans": spans}

    def stratum(self, record: Record) -> str:
        """All types in it together, for a record without any the empty word."""
        return "|".join(self.labels(record))

    def labels(self, record: Record) -> tuple[str, ...]:
        """The types of its spans."""
        return tuple(sorted({span.label for span in record.values["spans"] or ()}))

    def answered(self, record: Record) -> bool:
        """Whether somebody looked for spans, if only to find none."""
        return record.values["spans"] is not None

    def inputs(self, _: Record) -> tuple[str, ...]:
        """The text; its spans move along."""
        return ("text",)

    def targets(self, _: Record) -> None:
        """There is no single label to doubt."""

    def doubts(self, check: LabelCheck) -> Doubted:
        """Words that taggers which have not seen the record's group would have tagged otherwise."""
        return token_doubts(check)

    def annotation(self, record: Record) -> str | None:
        """The spans, e.g. `0-4:person 8-12:place`."""
        return spans_line(record.values["spans"]) if self.answered(record) else None

    def with_annotation(self, record: Record, line: str) -> Record:
        """The record with the spans of a line. Raises ValueError for one that `annotation` would not have written."""
        return record.with_values(spans=spans_of_line(line, record.values["text"]))

    # --- invented records -------------------------------------------------------------------------------------------
    def canary(self, draw: random.Random, words: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
        """Random words; each is a span of a random type, or none."""
        text = random_text(draw, words)
        tagged = ((word, draw.choice([None, *labels])) for word in re.finditer(r"\S+", text))
        return {"text": text, "spans": tuple(Span(word.start(), word.end(), label) for word, label in tagged if label)}

    def secret(self, name: str, code: str) -> None:
        """None: a span points at the text it stands in."""

    # --- the model --------------------------------------------------------------------------------------------------
    def outline(self, source: Path | str, labels: Sequence[str], options: Options) -> Any:
        """As the model of `load`, but without weights (torch's meta device): to count parameters before paying."""
        import torch
        from transformers import AutoModelForTokenClassification

        config = self._config(source, labels, options)
        try:
            with torch.device("meta"):
                model = AutoModelForTokenClassification.from_config(config)
        except ValueError:
            problem = f"{source}: transformers has no head for tagging words on a {config.model_type} model"
            raise UsageError(Fault("params.yaml: model", problem, "take another model, e.g. a BERT")) from None
        return models.adapt(model, options, "TOKEN_CLS")

    def load(self, source: Path | str, labels: Sequence[str], options: Options) -> tuple[Any, Any]:
        """The base model with a new head, O first, then B and I of each type; seed torch before."""
        from transformers import AutoModelForTokenClassification

        model = load_headed(AutoModelForTokenClassification, source, self._config(source, labels, options))
        return models.adapt(model, options, "TOKEN_CLS"), _tokenizer(source)

    def load_tuned(self, folder: Path) -> tuple[Any, Any]:
        """The tuned model, its tags in `config.id2label`."""
        from transformers import AutoModelForTokenClassification

        model = models.load_model(AutoModelForTokenClassification, folder, models.load_config(folder))
        return model.eval(), _tokenizer(folder)

    def load_base(self, _: Path | str) -> None:
        """An untuned model has no head for these types."""

    def encode(
        self, records: Sequence[Record], tokenizer: Any, options: Options, labels: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """The first window of each text; `labels` are the tags' indices at the first sub-words, -100 elsewhere.

        Words of a type that is not among `labels` are not learned.
        """
        tags, rows = bio(labels), []
        for record, some in zip(records, self._windows(records, tokenizer, options), strict=True):
            row: dict[str, Any] = {**some[0].inputs, "tokens": sum(window.new for window in some)}
            if self.answered(record):
                seen = units(record.values["text"], some[:1])
                row["learned"] = len(seen)
                if labels:
                    targets = [_IGNORED] * len(row["input_ids"])
                    for unit, target in zip(seen, _targets(record, seen, tags), strict=True):
                        targets[unit.token] = target
                    row["labels"] = targets
            rows.append(row)
        return rows

    def collate(self, rows: Sequence[Mapping[str, Any]], tokenizer: Any) -> Any:
        """Tensors of shape (records, tokens), `labels` among them where the rows have them."""
        import torch

        batch = padded(rows, tokenizer)
        if "labels" in rows[0]:
            batch["labels"] = torch.full_like(batch["input_ids"], _IGNORED)
            for target, mask, row in zip(batch["labels"], batch["attention_mask"].bool(), rows, strict=True):
                target[mask] = torch.tensor(row["labels"])
        return batch

    def losses(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """The mean cross-entropy over a record's words (natural logarithm), 0 without any; shape (records,)."""
        from torch.nn.functional import cross_entropy

        inputs = {name: value for name, value in batch.items() if name != "labels"}
        logits = model(**inputs).logits.float().transpose(1, 2)
        summed = cross_entropy(logits, batch["labels"], reduction="none", ignore_index=_IGNORED).sum(dim=1)
        return summed / (batch["labels"] != _IGNORED).sum(dim=1).clamp(min=1)

    def predict(self, model: Any, tokenizer: Any, records: Sequence[Record], options: Options) -> list[Prediction]:
        """The spans of each text, the highest probability that a word of it has of each type, and the mean loss.

        A text of several windows is read in all of them: each word in the window that shows most around it.
        """
        found: list[Prediction] = []
        tags = [model.config.id2label[i] for i in range(model.config.num_labels)]
        for start in range(0, len(records), _AT_ONCE):
            some = records[start : start + _AT_ONCE]
            read = self._windows(some, tokenizer, options)
            flat = [window.inputs for parts in read for window in parts]
            logs = iter(run_batches(model, flat, lambda rows: padded(rows, tokenizer), _log_probabilities))
            for record, parts in zip(some, read, strict=True):
                seen = units(record.values["text"], parts)
                by_window = [next(logs) for _ in parts]
                rows = np.array([by_window[unit.window][unit.token] for unit in seen]).reshape(len(seen), len(tags))
                found.append(_prediction(record, tags, seen, rows))
        return found

    def answer(self, model: Any, tokenizer: Any, record: Record, options: Options) -> Iterator[str]:
        """A line for each span: where it is, its type, its text."""
        (prediction,) = self.predict(model, tokenizer, [record], options)
        for span in prediction.answer:
            text = " ".join(record.values["text"][span.start : span.end].split())
            yield f"{span.start}-{span.end}  {span.label}  {text}\n"
        if not prediction.answer:
            yield "(none)\n"

    # --- scores -----------------------------------------------------------------------------------------------------
    def truth(self, record: Record) -> str | None:
        """The spans as a JSON list of [start, end, type]."""
        return _json(record.values["spans"]) if self.answered(record) else None

    def said(self, prediction: Prediction) -> str:
        """The spans as a JSON list of [start, end, type]."""
        return _json(prediction.answer)

    def score(self, records: Sequence[Record], predictions: Sequence[Prediction], resamples: int, seed: int) -> Scores:
        """F1, precision and recall of spans that are exactly right, F1 of each type, which types are confused."""
        return score_entities(_found(records, predictions), resamples, seed)

    def gain(
        self,
        records: Sequence[Record],
        ours: Sequence[Prediction],
        theirs: Sequence[Prediction],
        resamples: int,
        seed: int,
    ) -> dict[str, Metric]:
        """The difference in micro F1."""
        return {"f1": f1_gain(_found(records, ours), _found(records, theirs), resamples, seed)}

    def baselines(self, train: Sequence[Record], test: Sequence[Record], _: int) -> dict[str, list[Prediction]]:
        """Finding nothing at all, and looking up what was marked in the training texts."""
        known = Gazetteer.of([(record.values["text"], record.values["spans"]) for record in train])
        return {
            "none": [Prediction(record.id, ()) for record in test],
            "lookup": [Prediction(record.id, known.find(record.values["text"])) for record in test],
        }

    def _windows(self, records: Sequence[Record], tokenizer: Any, options: Options) -> list[list[Window]]:
        texts = [record.values["text"] for record in records]
        return windows(texts, tokenizer, int(options["max_length"]), int(options.get("stride", _STRIDE)))

    def _config(self, source: Path | str, labels: Sequence[str], options: Options) -> Any:
        if not labels:
            problem, step = "no record has a labelled span: there is nothing to learn", "look at ingest.sources"
            raise DataError(Fault("data/split", problem, step))
        names = dict(enumerate(bio(labels)))
        config = models.load_config(source, id2label=names, label2id={tag: i for i, tag in names.items()})
        return models.with_dropout(config, options.get("dropout"))


def _tokenizer(source: Path | str) -> Any:
    """The tokenizer; where it has no padding (GPT-2), another token fills batches up, and is masked everywhere."""
    tokenizer = models.load_tokenizer(source)
    tokenizer.truncation_side = "right"  # windows go from the beginning of a text to its end
    tokenizer.padding_side = "right"  # on the left it would shift the positions of a model that counts from 0
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def _targets(record: Record, seen: Sequence[Unit], tags: Sequence[str]) -> list[int]:
    """The index of each word's tag, -100 for one that is not among `tags`."""
    index = {tag: i for i, tag in enumerate(tags)}
    wanted = tags_of(record.values["spans"], [(unit.start, unit.end) for unit in seen])
    return [index.get(tag, _IGNORED) for tag in wanted]


def _log_probabilities(model: Any, batch: Any) -> list[NDArray[np.float64]]:
    """Natural logarithms of the tags' probabilities at each token of each window, in double precision."""
    logs = model(**batch).logits.double().log_softmax(dim=-1)
    return [row[mask].cpu().numpy() for row, mask in zip(logs, batch["attention_mask"].bool(), strict=True)]


def _prediction(record: Record, tags: Sequence[str], seen: Sequence[Unit], rows: NDArray[np.float64]) -> Prediction:
    """From the logarithms of the probabilities of each tag at each word. Without a word there is no loss."""
    answer = spans_of([tags[i] for i in rows.argmax(axis=1)], [(unit.start, unit.end) for unit in seen])
    chances = np.exp(rows)
    columns = {name: [i for i, tag in enumerate(tags) if tag[2:] == name] for name in types_of(tags)}
    scores = {name: float(chances[:, own].sum(axis=1).max(initial=0.0)) for name, own in columns.items()}
    targets = _targets(record, seen, tags) if record.values["spans"] is not None else []
    losses = [-float(row[target]) for row, target in zip(rows, targets, strict=False) if target != _IGNORED]
    return Prediction(record.id, answer, scores, sum(losses) / len(losses) if losses else None)


def _json(spans: Sequence[Span]) -> str:
    return json.dumps([[span.start, span.end, span.label] for span in spans], ensure_ascii=False)


def _found(records: Sequence[Record], predictions: Sequence[Prediction]) -> list[Found]:
    return [
        Found(record.values["text"], record.values["spans"], said.answer)
        for record, said in zip(records, predictions, strict=True)
    ]
