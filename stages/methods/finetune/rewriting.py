"""Synthetic training records by a model: through another language and back, or a paraphrase by a model that writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.methods.finetune import models
from stages.methods.finetune.generating import generate

_ASK = "Say the following in other words. Keep its meaning, its language and its tone; answer with the new text alone."
_LONGEST = {"generation": {"max_new_tokens": 256}}
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
        return lambda texts: back(there(texts))
    return paraphraser(options["model"])


def translator(source: str) -> Rewriter:
    """A seq2seq model applied to each text."""
    from transformers import AutoModelForSeq2SeqLM

    model = models.load_model(AutoModelForSeq2SeqLM, source, models.load_config(source)).eval()
    tokenizer = models.load_tokenizer(source)

    def translate(texts: Sequence[str]) -> list[str]:
        rows = tokenizer(list(texts), truncation=True, max_length=512)["input_ids"]
        return generate(model, tokenizer, [{"input_ids": ids} for ids in rows], _LONGEST)

    return translate


def paraphraser(source: str) -> Rewriter:
    """A chat model asked for other words. Raises UsageError for one without a chat template."""
    from transformers import AutoModelForCausalLM

    model = models.load_model(AutoModelForCausalLM, source, models.load_config(source)).eval()
    tokenizer = models.load_tokenizer(source)
    if tokenizer.chat_template is None:
        raise UsageError(Fault(f"{_KEY}.model", f"{source}: has no chat template", "name an instruction-tuned model"))

    def paraphrase(texts: Sequence[str]) -> list[str]:
        asked = [[{"role": "system", "content": _ASK}, {"role": "user", "content": text}] for text in texts]
        rows = [
            tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
            for turns in asked
        ]
        return generate(model, tokenizer, [{"input_ids": ids} for ids in rows], _LONGEST)

    return paraphrase
