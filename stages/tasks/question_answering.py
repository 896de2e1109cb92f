"""Extractive question answering: the answer is a stretch of the context, or there is none (SQuAD 1.1 and 2.0)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.core.doubts import Doubted, LabelCheck
from stages.core.records import Answer, Column, Record, Schema
from stages.core.task import Metric, Options, Prediction, RowFault, Scores
from stages.methods.audit.invented import random_stretch, random_text
from stages.methods.check_labels.answers.extractive_answers import answers_at, extractive_doubts, offsets_line
from stages.methods.evaluate.answers import compare, means, sentences, similar_sentences
from stages.methods.finetune import models
from stages.methods.finetune.batching import run_batches
from stages.methods.finetune.heads import load_headed
from stages.methods.finetune.windows import (
    Reading,
    best_answer,
    read_windows,
    reading_loss,
    window_batch,
    window_inputs,
    window_logits,
    window_losses,
)
from stages.methods.ingest.row_text import json_in, required_text

_ANSWERABLE, _UNANSWERABLE = "answerable", "unanswerable"
_AT_ONCE = 256
"""Records whose logits are in memory together."""


class QuestionAnswering:
    """`question` and `context` in, a stretch of the context out; an empty one where it holds no answer."""

    name = "question_answering"
    schema = Schema(
        (Column("question", "text"), Column("context", "text", shared=True), Column("answers", "answers", of="context"))
    )
    layouts = (("question", "context"),)
    primary = "f1"
    writes = False
    chats = False

    # --- rows and records -------------------------------------------------------------------------------------------
    def read_row(self, row: Mapping[str, Any], labels: Sequence[str] | None) -> dict[str, Any]:  # noqa: ARG002
        """Question, context and answers of a source row; the answers are None where the source has no such column.

        Answers come as SQuAD's list of objects, as lists of texts and starts (Hugging Face datasets), or as one object;
        in a cell of a CSV as JSON. An empty list means that the context holds none. Each must stand at its place, to
        the character: to look for it elsewhere would find some other mention, and teach that.
        """
        for name in ("question", "context"):
            required_text(row, name)
        answers = None if "answers" not in row else _answers(row["answers"], row["context"])
        return {"question": row["question"], "context": row["context"], "answers": answers}

    def stratum(self, record: Record) -> str:
        """Whether the context holds an answer."""
        return "".join(self.labels(record))

    def labels(self, record: Record) -> tuple[str, ...]:
        """`answerable` or `unanswerable`: a model that never saw the latter always answers."""
        answers = record.values["answers"]
        return () if answers is None else (_ANSWERABLE if answers else _UNANSWERABLE,)

    def answered(self, record: Record) -> bool:
        """Whether somebody looked for an answer; there may be none in the context."""
        return record.values["answers"] is not None

    def inputs(self, _: Record) -> tuple[str, ...]:
        """The question; the answer stands in the context."""
        return ("question",)

    def targets(self, _: Record) -> str | None:
        """None: an answer is no label."""
        return None

    def doubts(self, check: LabelCheck) -> Doubted:
        """Answers that are misplaced, cut, of another kind than is asked for, or contradicted."""
        return extractive_doubts(check)

    def annotation(self, record: Record) -> str | None:
        """Where the answers stand, `12-20 40-44`, end exclusive; empty where the context holds none."""
        return offsets_line(record.values["answers"])

    def with_annotation(self, record: Record, line: str) -> Record:
        """The record with the answers that stand at these places of its context."""
        return record.with_values(answers=answers_at(line, record.values["context"]))

    # --- invented records -------------------------------------------------------------------------------------------
    def canary(self, draw: random.Random, words: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:  # noqa: ARG002
        """A question of random words, and as its answer a random stretch of a context of random words."""
        context = random_text(draw, words)
        start, end = random_stretch(draw, context)
        question = random_text(draw, words, least=3, most=8)
        return {"question": question, "context": context, "answers": (Answer(start, context[start:end]),)}

    def secret(self, name: str, code: str) -> None:
        """None: an answer points at the text it stands in."""

    # --- the model --------------------------------------------------------------------------------------------------
    def outline(self, source: Path | str, labels: Sequence[str], options: Options) -> Any:
        """As the model of `load`, but without weights (torch's meta device): to count parameters before paying."""
        import torch
        from transformers import AutoModelForQuestionAnswering

        config = _config(source, labels, options)
        with torch.device("meta"):
            return models.adapt(AutoModelForQuestionAnswering.from_config(config), options, "QUESTION_ANS")

    def load(self, source: Path | str, labels: Sequence[str], options: Options) -> tuple[Any, Any]:
        """The base model with a head for starts and ends, new unless the base answers questions already."""
        from transformers import AutoModelForQuestionAnswering

        model = load_headed(AutoModelForQuestionAnswering, source, _config(source, labels, options))
        return models.adapt(model, options, "QUESTION_ANS"), _tokenizer(source)

    def load_tuned(self, folder: Path) -> tuple[Any, Any]:
        """The tuned model; its configuration knows whether it saw questions without an answer."""
        return _answering(folder, models.load_config(folder))

    def load_base(self, source: Path | str) -> tuple[Any, Any] | None:
        """The base model where it was tuned to answer questions before."""
        config = models.load_config(source)
        answers = any(name.endswith("ForQuestionAnswering") for name in config.architectures or ())
        return _answering(source, config) if answers else None

    def encode(
        self,
        records: Sequence[Record],
        tokenizer: Any,
        options: Options,
        labels: Sequence[str] = (),  # noqa: ARG002
    ) -> list[dict[str, Any]]:
        """The windows of each record; an answer that no window holds as a whole leaves nothing to learn from."""
        readings = _read(records, tokenizer, options)
        return [reading.features(record.values["answers"]) for reading, record in zip(readings, records, strict=True)]

    def collate(self, rows: Sequence[Mapping[str, Any]], tokenizer: Any) -> Any:
        """All windows of the records, padded."""
        return window_batch(rows, tokenizer)

    def losses(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """Cross-entropy of start and end, the mean over a record's windows, shape (records,)."""
        return window_losses(model, batch)

    def predict(self, model: Any, tokenizer: Any, records: Sequence[Record], options: Options) -> list[Prediction]:
        """The best stretch of each context, or `""` for none, with its probability among all that were possible."""
        parts = (records[start : start + _AT_ONCE] for start in range(0, len(records), _AT_ONCE))
        return [said for part in parts for said in _predict((model, tokenizer), part, options)]

    def answer(self, model: Any, tokenizer: Any, record: Record, options: Options) -> Iterator[str]:
        """The answer, or that there is none."""
        (prediction,) = self.predict(model, tokenizer, [record], options)
        yield self.said(prediction) or "(no answer)"

    # --- scores -----------------------------------------------------------------------------------------------------
    def truth(self, record: Record) -> str | None:
        """The first of the answers, `""` where the context holds none."""
        answers = record.values["answers"]
        return None if answers is None else answers[0].text if answers else ""

    def said(self, prediction: Prediction) -> str:
        """The answer."""
        return str(prediction.answer)

    def score(self, records: Sequence[Record], predictions: Sequence[Prediction], resamples: int, seed: int) -> Scores:
        """Exact match and F1 of words; where some contexts hold no answer, also apart for those that do and do not.

        Intervals allow for questions about one context being alike.
        """
        values = _compared(records, predictions)
        answerable = [bool(record.values["answers"]) for record in records]
        if not all(answerable):
            none = [not held for held in answerable]
            values["no_answer_accuracy"] = values["exact_match"][0], none
            if any(answerable):
                values["answerable_f1"] = values["f1"][0], answerable
        said = [bool(self.said(prediction)) for prediction in predictions]
        names = ["no_answer", "answer"]
        table = [
            {"actual": names[held], "predicted": names[given]} for held, given in zip(answerable, said, strict=True)
        ]
        details: dict[str, Any] = {"answerable": sum(answerable), "answers_given": sum(said)}
        if not all(answerable):
            pairs = Counter((row["actual"], row["predicted"]) for row in table)
            details["confusion"] = {
                "labels": names,
                "matrix": [[pairs[one, other] for other in names] for one in names],
            }
        found = means(values, resamples, seed, _contexts(records))
        return Scores(found, values["f1"][0], details, {"confusion.csv": table}, measure="f1")

    def gain(
        self,
        records: Sequence[Record],
        ours: Sequence[Prediction],
        theirs: Sequence[Prediction],
        resamples: int,
        seed: int,
    ) -> dict[str, Metric]:
        """Paired differences of F1 and exact match."""
        one, other = _compared(records, ours), _compared(records, theirs)
        differences = {
            name: ([a - b for a, b in zip(one[name][0], other[name][0], strict=True)], one[name][1]) for name in one
        }
        return means(differences, resamples, seed, _contexts(records))

    def baselines(self, train: Sequence[Record], test: Sequence[Record], _: int) -> dict[str, list[Prediction]]:
        """The first sentence, the one most similar to the question, and no answer where some contexts hold none."""
        known = [record.values["context"] for record in train]
        asked = [(record.values["question"], record.values["context"]) for record in test]
        found = {
            "first_sentence": [sentences(context)[0] for _, context in asked],
            "similar_sentence": similar_sentences(known, asked),
        }
        if any(_UNANSWERABLE in self.labels(record) for record in train):
            found["no_answer"] = [""] * len(asked)
        return {
            name: [Prediction(record.id, answer) for record, answer in zip(test, answers, strict=True)]
            for name, answers in found.items()
        }


def _answers(value: Any, context: str) -> tuple[Answer, ...]:
    """Answers in any of their forms, without white space around them."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowFault("missing_label", field="answers")
    if isinstance(value, str):
        value = json_in(value, "answers")
    answers = [_trimmed(start, text) for start, text in _pairs(value)]
    if not all(answer.text for answer in answers):
        raise RowFault("empty_text", field="answers")
    misplaced = sum(not (answer.start >= 0 and context.startswith(answer.text, answer.start)) for answer in answers)
    if misplaced:
        raise RowFault("misplaced_answer", field="answers", misplaced=misplaced, answers=len(answers))
    return tuple(answers)


def _pairs(value: Any) -> list[tuple[int, str]]:
    """(start, text) of each answer, whatever way they are written."""
    several = value if isinstance(value, list) else [value]
    found: list[tuple[Any, Any]] = []
    for one in several:
        if not isinstance(one, Mapping):
            raise RowFault("wrong_type", field="answers", type=type(one).__name__)
        start, text = one.get("answer_start", one.get("start")), one.get("text")
        if isinstance(start, list) and isinstance(text, list) and len(start) == len(text):
            found += zip(start, text, strict=True)
        else:
            found.append((start, text))
    for start, text in found:
        if not isinstance(text, str) or not isinstance(start, int) or isinstance(start, bool):
            raise RowFault("wrong_type", field="answers", start=type(start).__name__, text=type(text).__name__)
    return found


def _trimmed(start: int, text: str) -> Answer:
    return Answer(start + len(text) - len(text.lstrip()), text.strip())


def _config(source: Path | str, labels: Sequence[str], options: Options) -> Any:
    """Two outputs a token, start and end, whatever the base was tuned for; and whether there may be no answer."""
    names = {0: "start", 1: "end"}
    config = models.load_config(source, id2label=names, label2id={name: i for i, name in names.items()})
    config.may_be_unanswerable = _UNANSWERABLE in labels
    return models.with_dropout(config, options.get("dropout"))


def _answering(source: Path | str, config: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForQuestionAnswering

    model = models.load_model(AutoModelForQuestionAnswering, source, config)
    return model.eval(), _tokenizer(source)


def _tokenizer(source: Path | str) -> Any:
    """The tokenizer; one without a padding token pads with the end of a text, which the attention mask hides."""
    tokenizer = models.load_tokenizer(source)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _read(records: Sequence[Record], tokenizer: Any, options: Options) -> list[Reading]:
    pairs = [(record.values["question"], record.values["context"]) for record in records]
    return list(read_windows(pairs, tokenizer, options["max_length"], options.get("stride", 32)))


def _predict(loaded: tuple[Any, Any], records: Sequence[Record], options: Options) -> Iterator[Prediction]:
    model, tokenizer = loaded
    readings = _read(records, tokenizer, options)
    windows = [window.inputs for reading in readings for window in reading.windows]
    logits = iter(run_batches(model, windows, lambda rows: window_inputs(rows, tokenizer), window_logits))
    most = options.get("max_answer_length", 30)
    # A model that was not tuned here may have learned either way: it may say that there is none.
    may_be_none = getattr(model.config, "may_be_unanswerable", True)
    for record, reading in zip(records, readings, strict=True):
        own = [next(logits) for _ in reading.windows]
        (start, end), probability = best_answer(reading, own, most, may_be_none=may_be_none)
        answers = record.values["answers"]
        loss = None if answers is None else reading_loss(reading, own, answers)
        yield Prediction(record.id, record.values["context"][start:end].strip(), {"answer": probability}, loss)


def _contexts(records: Sequence[Record]) -> list[str]:
    return [record.values["context"] for record in records]


def _compared(
    records: Sequence[Record], predictions: Sequence[Prediction]
) -> dict[str, tuple[Sequence[float], Sequence[bool]]]:
    """Exact match and F1 of each answer, and that each of them counts."""
    pairs = [
        compare(str(said.answer), [answer.text for answer in record.values["answers"]], record.language)
        for record, said in zip(records, predictions, strict=True)
    ]
    everyone = [True] * len(pairs)
    return {"f1": ([f1 for _, f1 in pairs], everyone), "exact_match": ([exact for exact, _ in pairs], everyone)}
