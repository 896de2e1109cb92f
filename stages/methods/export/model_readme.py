"""The README of an exported model: what it is, what it costs and gains, and the lines that run it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stages.core.task import Options
from stages.methods.export.compare import Outcome
from stages.methods.export.forms import described, is_graph

_TEXT, _QUESTION = "the text to ask about", "what is asked?"
_MULTI = "multi_label_classification"


def readme(outcome: Outcome, model: Any, tokenizer: Any, options: Options, metric: str) -> str:
    """Markdown. `model` and `tokenizer` are the tuned ones, `metric` the name of what `outcome` says was scored."""
    form, change, about = outcome.form, outcome.change, described(outcome.form)
    scored = (
        f"On the test split it has {metric} {outcome.score.value:.4f}, 95 % interval {outcome.score.low:.4f} to "
        f"{outcome.score.high:.4f}. That is {change.value:+.4f} ({change.low:+.4f} to {change.high:+.4f}) against the "
        "tuned model on the same records."
    )
    lines = [
        f"# {form}",
        "",
        f"A tuned model: {about.what}. When to choose this: {about.when}.",
        "",
        scored,
        "",
        "Run it in this folder:",
        "",
        "```python",
        *snippet(form, model, tokenizer, options),
        "```",
        "",
        "`manifest.json` has the SHA-256 of each file here, and of the manifest of the model that this was made from.",
    ]
    return "\n".join(lines) + "\n"


def snippet(form: str, model: Any, tokenizer: Any, options: Options) -> list[str]:
    """Lines of Python that ask the model about one text, to be run in the form's folder."""
    head = _head(model)
    inputs = f"batch = tokenizer({_asked(head, options)}, truncation=True, max_length={options['max_length']}, "
    if is_graph(form):
        return [
            "import onnxruntime",
            "from transformers import AutoConfig, AutoTokenizer",
            "",
            'tokenizer, config = AutoTokenizer.from_pretrained("."), AutoConfig.from_pretrained(".")',
            f'{inputs}return_tensors="np")',
            'session = onnxruntime.InferenceSession("model.onnx")',
            "outputs = session.run(None, {one.name: batch[one.name] for one in session.get_inputs()})",
            *_answer(head, model),
        ]
    given = f'{inputs}return_tensors="pt")'
    if head == "AutoModelForCausalLM" and tokenizer.chat_template:
        messages = f'[{{"role": "user", "content": "{_TEXT}"}}]'
        how = 'add_generation_prompt=True, return_dict=True, return_tensors="pt"'
        given = f"batch = tokenizer.apply_chat_template({messages}, {how})"
    return [
        f"from transformers import {head}, AutoTokenizer",
        "",
        'tokenizer = AutoTokenizer.from_pretrained(".")',
        f'model = {head}.from_pretrained(".", dtype="auto").eval()',
        given,
        *([] if model.can_generate() else ["config, outputs = model.config, model(**batch).to_tuple()"]),
        *_answer(head, model),
    ]


def _head(model: Any) -> str:
    """The class of transformers that opens the model: by what it can do, and else by the name of its own class."""
    if model.can_generate():
        return "AutoModelForSeq2SeqLM" if model.config.is_encoder_decoder else "AutoModelForCausalLM"
    ends = ("TokenClassification", "QuestionAnswering")
    found = [end for end in ends if type(model).__name__.endswith(end)]
    return f"AutoModelFor{found[0] if found else 'SequenceClassification'}"


def _asked(head: str, options: Options) -> str:
    if head.endswith("QuestionAnswering"):
        return f'"{_QUESTION}", "{_TEXT}"'
    return repr(options.get("prefix", "") + _TEXT)


def _answer(head: str, model: Any) -> Sequence[str]:
    """The lines from outputs to an answer."""
    if model.can_generate():
        return ["print(tokenizer.decode(model.generate(**batch, max_new_tokens=50)[0], skip_special_tokens=True))"]
    if head.endswith("TokenClassification"):
        return ["print([(t, config.id2label[int(i)]) for t, i in zip(batch.tokens(), outputs[0][0].argmax(-1))])"]
    if head.endswith("QuestionAnswering"):
        return [
            "start, end = (int(logits[0].argmax()) for logits in outputs)",
            'print(tokenizer.decode(batch["input_ids"][0][start : end + 1]))',
        ]
    if model.config.problem_type == _MULTI:
        return ["print([config.id2label[i] for i, logit in enumerate(outputs[0][0]) if logit >= 0])"]
    return ["print(config.id2label[int(outputs[0][0].argmax())])"]
