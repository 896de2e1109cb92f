"""A BERT whose head reads the mean of all tokens."""

from __future__ import annotations

import pytest

from stages.core.errors import UsageError
from stages.methods.finetune.averaging import read_mean, with_mean
from stages.methods.finetune.models import load_config, load_model, load_tokenizer, save
from tests import tiny

TEXTS = ["the tree was good", "a bad train", "we saw a warm house today and the train was fine"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def pair(base):
    """The model with the layer that averages, and the one without, both for prediction."""
    import torch
    from transformers import AutoModel, AutoModelForSequenceClassification

    torch.manual_seed(0)
    model = load_model(AutoModelForSequenceClassification, base, with_mean(load_config(base)))
    return read_mean(model).eval(), load_model(AutoModel, base, load_config(base)).eval()


def encoded(base, texts):
    return load_tokenizer(base)(texts, padding=True, return_tensors="pt")


def test_the_head_is_given_the_centred_mean_of_all_tokens_whatever_the_padding(base, pair):
    import torch

    model, plain = pair
    with torch.no_grad():
        for text in TEXTS:
            mean = plain(**encoded(base, [text])).last_hidden_state.mean(dim=1)
            expected = torch.nn.functional.layer_norm(mean, mean.shape[-1:])
            alone = model.base_model(**encoded(base, [text])).pooler_output
            among = model.base_model(**encoded(base, TEXTS)).pooler_output[[TEXTS.index(text)]]
            assert torch.allclose(alone, torch.tanh(expected / 4), atol=5e-3)
            assert torch.allclose(alone, among, atol=1e-5)


def test_the_pretrained_layers_are_as_they_were_and_the_new_one_is_frozen(pair):
    model, plain = pair
    after = dict(model.base_model.named_parameters())
    for name, value in plain.named_parameters():
        if not name.startswith("pooler."):
            assert value.equal(after[name])
            assert after[name].requires_grad
    assert not any(
        value.requires_grad for name, value in after.items() if name.startswith(("encoder.layer.2", "pooler"))
    )


def test_the_saved_model_is_an_ordinary_one_that_answers_the_same(base, pair, tmp_path):
    import torch
    from transformers import AutoModelForSequenceClassification

    model, _ = pair
    save(model, load_tokenizer(base), tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        assert again(**encoded(base, TEXTS)).logits.equal(model(**encoded(base, TEXTS)).logits)


def test_another_architecture_is_refused():
    from transformers import DistilBertConfig

    with pytest.raises(UsageError, match="this model is a distilbert"):
        with_mean(DistilBertConfig())
