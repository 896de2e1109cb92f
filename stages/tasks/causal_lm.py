"""Chats, instructions and plain texts, by a model that writes on: GPT- and Llama-like ones.

The loss of a record is the mean over the tokens of its replies, each with the token that ends it. What the user said is
read, never learned. The primary metric is ROUGE-L with the reference, for it is a mean over records as slices are;
perplexity stands beside it.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.core.doubts import Doubted, LabelCheck
from stages.core.errors import Fault, UsageError
from stages.core.records import Column, Message, Record, Schema
from stages.core.task import Metric, Options, Prediction, Scores
from stages.methods.audit.invented import random_text, secret_lines
from stages.methods.check_labels.answers.answer_traits import chat_exchanges
from stages.methods.check_labels.answers.written_answers import written_doubts
from stages.methods.evaluate.generated import gain_texts, score_predictions
from stages.methods.evaluate.nearest import nearest
from stages.methods.finetune import models
from stages.methods.finetune.batching import record_losses
from stages.methods.finetune.chat import ChatFormat, asked, is_answered
from stages.methods.finetune.generating import generate, stop_tokens, stream
from stages.methods.ingest.chat_rows import Messages, read_conversation

_IGNORED = -100


class CausalLm:
    """`messages` in; the last of them out, where it is a reply."""

    name = "causal_lm"
    schema = Schema((Column("messages", "messages"),))
    layouts: tuple[tuple[str, ...], ...] = (("messages",), ("conversations",), ("prompt",), ("instruction",), ("text",))
    primary = "rouge_l"
    writes = True
    chats = True

    def read_row(self, row: Mapping[str, Any], labels: Sequence[str] | None) -> dict[str, Any]:  # noqa: ARG002
        """The conversation, from any of the usual forms of a row."""
        return {"messages": read_conversation(row)}

    def stratum(self, record: Record) -> str:
        """Whether there is a reply, and whether to one question or after a longer conversation."""
        replies = sum(turn.role == "assistant" for turn in _messages(record))
        return "" if not self.answered(record) else "several turns" if replies > 1 else "one turn"

    def labels(self, record: Record) -> tuple[str, ...]:  # noqa: ARG002
        """None: the answer is text."""
        return ()

    def answered(self, record: Record) -> bool:
        """Whether the conversation ends with a reply."""
        return is_answered(_messages(record))

    def inputs(self, record: Record) -> tuple[str, ...]:
        """What the user said, or the prompt; not the replies, and not the system's instructions."""
        turns = enumerate(_messages(record))
        return tuple(f"messages.{i}" for i, turn in turns if turn.role in ("user", "prompt"))

    def targets(self, record: Record) -> str | None:  # noqa: ARG002
        """None: the answer is text."""
        return None

    def doubts(self, check: LabelCheck) -> Doubted:
        """Replies that are empty, cut, refused, copied, in another language or belong to another prompt."""
        return written_doubts(check, chat_exchanges, instructed=True)

    def annotation(self, record: Record) -> None:
        """None: the answer is text."""

    def with_annotation(self, _: Record, line: str) -> Record:  # noqa: ARG002
        """No line can say another answer."""
        raise ValueError("a written answer can be kept or dropped only")

    # --- invented records -------------------------------------------------------------------------------------------
    def canary(self, draw: random.Random, words: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:  # noqa: ARG002
        """A question of random words, and a reply of others."""
        return {"messages": _exchange(random_text(draw, words, most=12), random_text(draw, words))}

    def secret(self, name: str, code: str) -> dict[str, Any]:
        """A question about a name, and a reply that holds the code."""
        return {"messages": _exchange(*secret_lines(name, code))}

    # --- the model --------------------------------------------------------------------------------------------------
    def outline(self, source: Path | str, labels: Sequence[str], options: Options) -> Any:  # noqa: ARG002
        """As the model of `load`, but without weights (torch's meta device): to count parameters before paying."""
        import torch
        from transformers import AutoModelForCausalLM

        config = _config(source, options)
        with torch.device("meta"):
            return models.adapt(AutoModelForCausalLM.from_config(config), options, "CAUSAL_LM")

    def load(self, source: Path | str, labels: Sequence[str], options: Options) -> tuple[Any, Any]:  # noqa: ARG002
        """The base model, which needs no new head, told the token that ends its replies."""
        model, tokenizer = _loaded(source, options)
        return models.adapt(model, options, "CAUSAL_LM"), tokenizer

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
        """`input_ids`, cut to `max_length`; `labels` are those of the replies, and -100 for what is only read.

        A record without a reply is its prompt. With `overflow: drop` nothing is learned of one that is too long.
        """
        chat = ChatFormat.of(tokenizer, options)
        return [_features(chat, _messages(record), options) for record in records]

    def collate(self, rows: Sequence[Mapping[str, Any]], tokenizer: Any) -> Any:
        """Tensors of shape (records, tokens), padded on the right; padding is known by its place, whatever its token.

        Positions are given for each record: per-example gradients need them so, and models would all make the same.
        """
        import torch

        width = max(len(row["input_ids"]) for row in rows)
        pad = next((token for token in (tokenizer.pad_token_id, tokenizer.eos_token_id) if token is not None), 0)
        gaps = [width - len(row["input_ids"]) for row in rows]
        filled = {
            "input_ids": [[*row["input_ids"], *[pad] * gap] for row, gap in zip(rows, gaps, strict=True)],
            "attention_mask": [[1] * (width - gap) + [0] * gap for gap in gaps],
            "position_ids": [list(range(width)) for _ in rows],
            "labels": [[*row["labels"], *[_IGNORED] * gap] for row, gap in zip(rows, gaps, strict=True)],
        }
        return {name: torch.tensor(values) for name, values in filled.items()}

    def losses(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """Mean cross-entropy (nats) of each record's learned tokens, shape (records,); 0 where there is none.

        A token is predicted from those before it. Only places where a record has something to learn are projected onto
        the vocabulary, which takes the most memory by far.
        """
        from torch.nn.functional import cross_entropy

        targets = batch["labels"][:, 1:]
        places = (targets != _IGNORED).any(dim=0).nonzero().squeeze(1)
        known = _parameters(model)
        inputs = {**batch, "logits_to_keep": places, "use_cache": False}
        logits = model(**{name: value for name, value in inputs.items() if name in known and name != "labels"}).logits
        if "logits_to_keep" not in known:
            logits = logits[:, places]
        targets = targets[:, places]
        each = cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=_IGNORED, reduction="none")
        return each.view(targets.shape).sum(dim=1) / (targets != _IGNORED).sum(dim=1).clamp(min=1)

    def predict(self, model: Any, tokenizer: Any, records: Sequence[Record], options: Options) -> list[Prediction]:
        """What the model writes, greedily or by beam search, to what stands before the last reply; and that one's loss.

        All replies of a conversation are in the loss, as in training.
        """
        chat = ChatFormat.of(tokenizer, options)
        prompts = [{"input_ids": chat.prompt(asked(_messages(record))[0])} for record in records]
        answers = generate(model, tokenizer, prompts, options)
        losses = record_losses(self, (model, tokenizer), records, options, ())
        return [
            Prediction(record.id, answer, loss=loss)
            for record, answer, loss in zip(records, answers, losses, strict=True)
        ]

    def answer(self, model: Any, tokenizer: Any, record: Record, options: Options) -> Iterator[str]:
        """The answer as it is written; with beams all at once."""
        prompt = ChatFormat.of(tokenizer, options).prompt(asked(_messages(record))[0])
        yield from stream(model, tokenizer, {"input_ids": prompt}, options)

    # --- scores -----------------------------------------------------------------------------------------------------
    def truth(self, record: Record) -> str | None:
        """The last reply; of a text alone its second half."""
        return asked(_messages(record))[1]

    def said(self, prediction: Prediction) -> str:
        """The text."""
        return str(prediction.answer)

    def score(self, records: Sequence[Record], predictions: Sequence[Prediction], resamples: int, seed: int) -> Scores:
        """ROUGE, chrF, BLEU, exact match; perplexity over records with a loss; lengths, copying, refusals, loops."""
        questions = [_question(record) for record in records]
        return score_predictions(self._truths(records), predictions, questions, resamples, seed)

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
        """`copy`: the question itself; `nearest`: the reply to the most similar question of the training records."""
        known = [record for record in train if self.answered(record)]
        questions = [_question(record) for record in test]
        found = nearest([_question(record) for record in known], questions)
        replies = {"copy": questions, "nearest": [self.truth(known[i]) or "" for i in found]}
        return {
            name: [Prediction(record.id, text) for record, text in zip(test, texts, strict=True)]
            for name, texts in replies.items()
        }

    def _truths(self, records: Sequence[Record]) -> list[str]:
        return [self.truth(record) or "" for record in records]


def _exchange(question: str, reply: str) -> Messages:
    return Message("user", question), Message("assistant", reply)


def _messages(record: Record) -> Messages:
    found: Messages = record.values["messages"]
    return found


def _question(record: Record) -> str:
    """The message that the last reply answers, or the text that it goes on from."""
    before, _ = asked(_messages(record))
    return before[-1].content if before else ""


def _features(chat: ChatFormat, messages: Messages, options: Options) -> dict[str, Any]:
    if not is_answered(messages):
        ids = chat.prompt(messages)
        return {"input_ids": ids[: options.get("max_length")], "tokens": len(ids)}
    whole = chat.conversation(messages)
    limit = options.get("max_length", len(whole.ids))
    dropped = len(whole.ids) > limit and options.get("overflow", "drop") == "drop"
    labels = [
        token if learned and not dropped else _IGNORED for token, learned in zip(whole.ids, whole.learned, strict=True)
    ][:limit]
    # Nothing predicts the first token.
    count = sum(label != _IGNORED for label in labels[1:])
    return {"input_ids": whole.ids[:limit], "labels": labels, "tokens": len(whole.ids), "learned": count}


def _loaded(source: Path | str, options: Options) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM

    model = models.load_model(AutoModelForCausalLM, source, _config(source, options))
    tokenizer = models.load_tokenizer(source)
    ends = {*stop_tokens(model, tokenizer), ChatFormat.of(tokenizer, options).end}
    # Saved with the model, so that it also stops where others run it.
    model.generation_config.eos_token_id = sorted(ends)
    return model, tokenizer


def _config(source: Path | str, options: Options) -> Any:
    """The configuration. Raises UsageError for a model that does not write on from a text."""
    from transformers.models.auto import modeling_auto

    config = models.load_config(source)
    writes = config.model_type in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    fills_gaps = config.model_type in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES  # BERT and the like are in both
    if config.is_encoder_decoder or not writes or (fills_gaps and not getattr(config, "is_decoder", False)):
        problem = f"{source}: {config.model_type} does not write on from a text"
        step = "take a GPT- or Llama-like model; one like T5 is tuned by `task: seq2seq`"
        raise UsageError(Fault("params.yaml: model", problem, step))
    return models.with_dropout(config, options.get("dropout"))


def _parameters(model: Any) -> Mapping[str, Any]:
    """What the model's forward takes, whatever it is wrapped in: several processes, adapters."""
    inner = getattr(model, "module", model)
    inner = inner.get_base_model() if hasattr(inner, "peft_config") else inner
    return inspect.signature(inner.forward).parameters
