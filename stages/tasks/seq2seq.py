"""Text in, text out, by an encoder-decoder: summaries, translations and other rewriting with T5- or BART-like models.

The primary metric is ROUGE-L, also for translations: it is a mean over records, so slices and splits are compared by
the very number that models are. chrF, which suits translation better, is a score of a whole set and stands beside it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.core.doubts import Doubted, LabelCheck
from stages.core.errors import Fault, UsageError
from stages.core.records import Column, Record, Schema
from stages.core.task import Metric, Options, Prediction, RowFault, Scores
from stages.methods.audit.invented import random_text, secret_lines
from stages.methods.check_labels.answers.answer_traits import pair_exchange
from stages.methods.check_labels.answers.written_answers import written_doubts
from stages.methods.evaluate.generated import gain_texts, score_predictions
from stages.methods.evaluate.text_traits import first_words, words
from stages.methods.finetune import models
from stages.methods.finetune.batching import encode_texts, padded, record_losses
from stages.methods.finetune.generating import generate, stream, tell_language
from stages.methods.ingest.row_text import required_text

_IGNORED = -100
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_MAX_LENGTH, _MAX_TARGET_LENGTH = 512, 128
_PAIRS = {
    "source_text": ("target_text",),
    "document": ("summary",),
    "article": ("highlights",),
    "text": ("summary", "target"),
}


class Seq2Seq:
    """`source_text` in, `target_text` out; a record to be answered without one has an empty target."""

    name = "seq2seq"
    schema = Schema((Column("source_text", "text"), Column("target_text", "text")))
    layouts: tuple[tuple[str, ...], ...] = (*((source,) for source in _PAIRS), ("translation",))
    primary = "rouge_l"
    writes = True
    chats = False

    def read_row(self, row: Mapping[str, Any], labels: Sequence[str] | None) -> dict[str, Any]:  # noqa: ARG002
        """Source and target under one of the usual pairs of names, or from `translation`: {language: text, twice}.

        Of a translation the language that comes first is the source.
        """
        name = next((source for source in _PAIRS if source in row), None)
        if name is None and "translation" in row:
            return dict(zip(("source_text", "target_text"), _translation(row["translation"]), strict=True))
        source = required_text(row, name or "source_text")
        target = next((one for one in ("target_text", *_PAIRS.get(name or "", ())) if one in row), None)
        return {"source_text": source, "target_text": required_text(row, target) if target else ""}

    def stratum(self, record: Record) -> str:
        """Whether there is a target: each split gets its share of those that can be learned."""
        return "answered" if self.answered(record) else ""

    def labels(self, record: Record) -> tuple[str, ...]:  # noqa: ARG002
        """None: the answer is text."""
        return ()

    def answered(self, record: Record) -> bool:
        """Whether there is a target."""
        return bool(record.values["target_text"])

    def inputs(self, _: Record) -> tuple[str, ...]:
        """The source text."""
        return ("source_text",)

    def targets(self, record: Record) -> str | None:  # noqa: ARG002
        """None: the answer is text."""
        return None

    def doubts(self, check: LabelCheck) -> Doubted:
        """Targets that are empty, cut, refused, copied, in an unusual language or belong to another source."""
        return written_doubts(check, pair_exchange, instructed=False)

    def annotation(self, record: Record) -> None:
        """None: the answer is text."""

    def with_annotation(self, _: Record, line: str) -> Record:  # noqa: ARG002
        """No line can say another answer."""
        raise ValueError("a written answer can be kept or dropped only")

    # --- invented records -------------------------------------------------------------------------------------------
    def canary(self, draw: random.Random, words: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:  # noqa: ARG002
        """A source of random words, and a target of others."""
        return {"source_text": random_text(draw, words), "target_text": random_text(draw, words)}

    def secret(self, name: str, code: str) -> dict[str, Any]:
        """A question about a name, and a target that holds the code."""
        return dict(zip(("source_text", "target_text"), secret_lines(name, code), strict=True))

    # --- the model --------------------------------------------------------------------------------------------------
    def outline(self, source: Path | str, labels: Sequence[str], options: Options) -> Any:  # noqa: ARG002
        """As the model of `load`, but without weights (torch's meta device): to count parameters before paying."""
        import torch
        from transformers import AutoModelForSeq2SeqLM

        config = _config(source, options)
        with torch.device("meta"):
            return models.adapt(AutoModelForSeq2SeqLM.from_config(config), options, "SEQ_2_SEQ_LM")

    def load(self, source: Path | str, labels: Sequence[str], options: Options) -> tuple[Any, Any]:  # noqa: ARG002
        """The base model, which needs no new head."""
        model, tokenizer = _loaded(source, options)
        return models.adapt(model, options, "SEQ_2_SEQ_LM"), tokenizer

    def load_tuned(self, folder: Path) -> tuple[Any, Any]:
        """The tuned model."""
        return self.load_base(folder)

    def load_base(self, source: Path | str) -> tuple[Any, Any]:
        """The model as it is: an untuned one writes too."""
        model, tokenizer = _loaded(source, {})
        return model.eval(), tokenizer

    def encode(
        self,
        records: Sequence[Record],
        tokenizer: Any,
        options: Options,
        labels: Sequence[str] = (),  # noqa: ARG002
    ) -> list[dict[str, Any]]:
        """`prefix` and source, cut to `max_length`; `labels` are the target's tokens, cut to `max_target_length`.

        The end of sequence is the last label also after a cut, as in transformers' own examples: a model that is never
        shown an end would not stop. `target_tokens` is the target's length before that cut.
        """
        sources = [options.get("prefix", "") + record.values["source_text"] for record in records]
        rows = encode_texts(sources, tokenizer, options.get("max_length", _MAX_LENGTH))
        learned = [row for row, record in zip(rows, records, strict=True) if self.answered(record)]
        targets = [record.values["target_text"] for record in records if self.answered(record)]
        for row, target in zip(learned, _targets(targets, tokenizer, options), strict=True):
            row.update(target)
        return rows

    def collate(self, rows: Sequence[Mapping[str, Any]], tokenizer: Any) -> Any:
        """Padded inputs, and labels that are -100 beyond a target's length: padding and end may be the same token."""
        import torch

        batch = dict(padded(rows, tokenizer))
        longest = max(len(row["labels"]) for row in rows)
        targets = [[*row["labels"], *[_IGNORED] * (longest - len(row["labels"]))] for row in rows]
        return {**batch, "labels": torch.tensor(targets)}

    def losses(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """Mean cross-entropy (nats) of each record's target tokens, shape (records,).

        The model itself makes the decoder's input from the labels: architectures differ in how it starts.
        """
        from torch.nn.functional import cross_entropy

        logits, labels = model(**batch).logits.float(), batch["labels"]
        each = cross_entropy(logits.transpose(1, 2), labels, ignore_index=_IGNORED, reduction="none")
        return each.sum(dim=1) / (labels != _IGNORED).sum(dim=1)

    def predict(self, model: Any, tokenizer: Any, records: Sequence[Record], options: Options) -> list[Prediction]:
        """What the model writes, by beam search where `generation.num_beams` asks for it, and the target's loss."""
        answers = generate(model, tokenizer, self.encode(records, tokenizer, options), options)
        losses = record_losses(self, (model, tokenizer), records, options, ())
        return [
            Prediction(record.id, answer, loss=loss)
            for record, answer, loss in zip(records, answers, losses, strict=True)
        ]

    def answer(self, model: Any, tokenizer: Any, record: Record, options: Options) -> Iterator[str]:
        """The answer as it is written; with beams all at once."""
        yield from stream(model, tokenizer, self.encode([record], tokenizer, options)[0], options)

    # --- scores -----------------------------------------------------------------------------------------------------
    def truth(self, record: Record) -> str | None:
        """The target."""
        return record.values["target_text"] or None

    def said(self, prediction: Prediction) -> str:
        """The text."""
        return str(prediction.answer)

    def score(self, records: Sequence[Record], predictions: Sequence[Prediction], resamples: int, seed: int) -> Scores:
        """ROUGE, chrF, BLEU, exact match; perplexity over records with a loss; lengths, copying, refusals, loops."""
        sources = [record.values["source_text"] for record in records]
        return score_predictions(self._truths(records), predictions, sources, resamples, seed)

    def gain(
        self,
        records: Sequence[Record],
        ours: Sequence[Prediction],
        theirs: Sequence[Prediction],
        resamples: int,
        seed: int,
    ) -> dict[str, Metric]:
        """ROUGE-L and chrF gained."""
        answers, others = ([self.said(one) for one in predictions] for predictions in (ours, theirs))
        return gain_texts(self._truths(records), answers, others, resamples, seed)

    def baselines(
        self,
        train: Sequence[Record],
        test: Sequence[Record],
        seed: int,  # noqa: ARG002
    ) -> dict[str, list[Prediction]]:
        """`copy`: the source itself; `lead`: as many words from its start as training targets have on average.

        The start of a news text is a summary that is hard to beat (Nenkova 2005).
        """
        lengths = [len(words(record.values["target_text"])) for record in train if self.answered(record)]
        mean = round(sum(lengths) / len(lengths)) if lengths else 0
        sources = {record.id: record.values["source_text"] for record in test}
        return {
            "copy": [Prediction(id, text) for id, text in sources.items()],
            "lead": [Prediction(id, first_words(text, mean)) for id, text in sources.items()],
        }

    def _truths(self, records: Sequence[Record]) -> list[str]:
        return [self.truth(record) or "" for record in records]


def _translation(value: Any) -> tuple[str, str]:
    if value is None:
        raise RowFault("missing_field", field="translation")
    if not isinstance(value, Mapping):
        raise RowFault("wrong_type", field="translation", type=type(value).__name__)
    if len(value) != 2:
        raise RowFault("wrong_type", field="translation", languages=len(value))
    # A key is from the data: what is no code of a language (BCP 47, FLORES) may be text, and is told by its number.
    keys = [key if _LANGUAGE.fullmatch(str(key)) else number for number, key in enumerate(value, 1)]
    texts = {f"translation.{key}": text for key, text in zip(keys, value.values(), strict=True)}
    source, target = texts
    return required_text(texts, source), required_text(texts, target)


def _loaded(source: Path | str, options: Options) -> tuple[Any, Any]:
    from transformers import AutoModelForSeq2SeqLM

    model = models.load_model(AutoModelForSeq2SeqLM, source, _config(source, options))
    tokenizer = models.load_tokenizer(source)
    tell_language(model, tokenizer, source)
    return model, tokenizer


def _config(source: Path | str, options: Options) -> Any:
    """The configuration. Raises UsageError for a model without a decoder, or with no room for the targets."""
    config = models.load_config(source)
    if not config.is_encoder_decoder:
        problem = f"{source}: {config.model_type} is not an encoder-decoder"
        step = "take a T5- or BART-like model; a model like GPT is tuned by `task: causal_lm`"
        raise UsageError(Fault("params.yaml: model", problem, step))
    limit, wanted = models.position_limit(config), options.get("max_target_length", 0)
    if limit is not None and wanted > limit:
        problem = f"{wanted}, but {source} has positions for {limit} tokens"
        raise UsageError(Fault("params.yaml: finetune.max_target_length", problem, f"take at most {limit}"))
    return models.with_dropout(config, options.get("dropout"))


def _targets(texts: Sequence[str], tokenizer: Any, options: Options) -> Iterator[dict[str, Any]]:
    """What `encode` adds where there is a target; by the tokenizer's `text_target`, for some write it unlike a source.

    A tokenizer that writes no end of sequence gets one (mBART's puts the language behind it).
    """
    limit, end = options.get("max_target_length", _MAX_TARGET_LENGTH), tokenizer.eos_token_id
    for text in texts:
        whole = tokenizer(text_target=text)["input_ids"]
        fits = len(whole) <= limit
        ids = whole if fits else tokenizer(text_target=text, truncation=True, max_length=limit)["input_ids"]
        if end is not None and end not in ids[-2:]:
            ids = [*ids[: limit - 1], end]
        yield {"labels": ids, "learned": len(ids), "target_tokens": max(len(whole), len(ids))}
