"""Tiny untrained models of several families, each traced once for all tests."""

from types import SimpleNamespace

import pytest

LIMIT = 40
_SIZES = {
    "vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 64, "num_labels": 3,
}  # fmt: skip
_DISTILLED = {"vocab_size": 60, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 64}
_GPT2 = {"vocab_size": 60, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "num_labels": 3}
FAMILIES = ("bert", "distilbert", "gpt2", "roberta")


def untrained(family):
    """(model, what is asked of its tokenizer): a classifier, a tagger or a reader."""
    import torch
    import transformers as t

    kind, config = {
        "bert": (t.BertForSequenceClassification, t.BertConfig(**_SIZES)),
        "roberta": (t.RobertaForTokenClassification, t.RobertaConfig(**_SIZES, pad_token_id=1)),
        "distilbert": (t.DistilBertForQuestionAnswering, t.DistilBertConfig(**_DISTILLED)),
        "gpt2": (
            t.GPT2ForSequenceClassification,
            t.GPT2Config(**_GPT2, pad_token_id=0, bos_token_id=1, eos_token_id=1),
        ),
    }[family]
    torch.manual_seed(0)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    return kind(config), SimpleNamespace(pad_token_id=config.pad_token_id, model_input_names=names)


@pytest.fixture(scope="session")
def traced(tmp_path_factory):
    """The model, tokenizer and graph of a family, and how much their logits differ."""
    from stages.methods.export.onnx import to_onnx

    known = {}

    def trace(family):
        if family not in known:
            model, tokenizer = untrained(family)
            file = tmp_path_factory.mktemp(family) / "model.onnx"
            known[family] = SimpleNamespace(
                model=model, tokenizer=tokenizer, file=file, difference=to_onnx(model, tokenizer, file, LIMIT)
            )
        return known[family]

    return trace
