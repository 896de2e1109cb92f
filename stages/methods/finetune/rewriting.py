"""Synthetic training records by a model: through another language and back, or a paraphrase by a model that writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.core.records import Message
from stages.methods.evaluate.text_traits import loops, words
from stages.methods.finetune import models
from stages.methods.finetune.chat import ChatFormat
from stages.methods.finetune.generating import generate, tell_language

_ASK = "Say the following in other words. Keep its meaning, its language and its tone; answer with the new text alone."
_LONGEST = {"generation": {"max_new_tokens": 256}}
_MOST_READ = 200  # tokens of a text; the other wording of a longer one could end in the middle
_KEY = "params.yaml: finetune.augment"
Rewriter = Callable[[Sequence[str]], list[str]]


def rewriter(options: Mapping[str, Any]) -> Rewriter:
    """What rewrites texts, by the `augment` section. Raises UsageError for a model that is missing or cannot do it."""
    if options["copies"] > 1:
        problem = f"{options['copies']}, but a model that always takes the likeliest words gives one other wording"
        raise UsageError(Fault(f"{_KEY}.copies", problem, "set it to 1, or method to edits"))
    wanted = ("model", "back_model") if options["method"] == "back_translation" else ("model",)
    missing = [Fault(f"{_KEY}.{name}", "is null", "name a model for it") for name in wanted if not options[name]]
    if missing:
        raise UsageError(*missing)
    if options["method"] == "back_translation":
        there, back = translator(options["model"]), translator(options["back_model"])
        return _checked(lambda texts: back(there(texts)))
    return _checked(paraphraser(options["model"]))


def _checked(rewrite: Rewriter) -> Rewriter:
    """Nothing in place of what can hardly be another wording: a small model comments, answers or goes in circles."""

    def checked(texts: Sequence[str]) -> list[str]:
        return [new if _may_say_the_same(old, new) else "" for old, new in zip(texts, rewrite(texts), strict=True)]

    return checked


def _may_say_the_same(old: str, new: str) -> bool:
    """Whether one text is at most twice as long as the other, and the new one does not repeat itself."""
    before, after = len(words(old)), len(words(new))
    return before <= 2 * after and after <= 2 * before and not (loops(new) and not loops(old))


def translator(source: str) -> Rewriter:
    """A seq2seq model applied to each text."""
    from transformers import AutoModelForSeq2SeqLM

    model = models.load_model(AutoModelForSeq2SeqLM, source, models.load_config(source)).eval()
    tokenizer = models.load_tokenizer(source)
    tell_language(model, tokenizer, source)
    return lambda texts: _written(model, tokenizer, texts, lambda text: list(tokenizer(text)["input_ids"]))


def paraphraser(source: str) -> Rewriter:
    """A chat model asked for other words. Raises UsageError for one without a chat template."""
    from transformers import AutoModelForCausalLM

    model = models.load_model(AutoModelForCausalLM, source, models.load_config(source)).eval()
    tokenizer = models.load_tokenizer(source)
    if tokenizer.chat_template is None:
        raise UsageError(Fault(f"{_KEY}.model", f"{source}: has no chat template", "name an instruction-tuned model"))
    chat = ChatFormat.of(tokenizer, {})
    ask = Message("system", _ASK)
    return lambda texts: _written(model, tokenizer, texts, lambda text: chat.prompt((ask, Message("user", text))))


def _written(model: Any, tokenizer: Any, texts: Sequence[str], prompt: Callable[[str], list[int]]) -> list[str]:
    """What the model writes to each text; nothing to an empty one, and to one that it would not rewrite to its end."""
    longest = min(_MOST_READ, models.position_limit(model.config) or _MOST_READ)
    fitting = [i for i, text in enumerate(texts) if text.strip() and len(tokenizer(text)["input_ids"]) <= longest]
    found = [""] * len(texts)
    answers = generate(model, tokenizer, [{"input_ids": prompt(texts[i])} for i in fitting], _LONGEST)
    for i, answer in zip(fitting, answers, strict=True):
        found[i] = answer
    return found
