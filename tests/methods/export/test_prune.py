"""Which weights are set to zero, and that it is as many as were asked for."""

import pytest
import torch
import transformers

from stages.methods.export.prune import linear_weights, prune
from tests.methods.export.conftest import untrained


@pytest.mark.parametrize("sparsity", [0.25, 0.5, 0.9])
def test_the_share_that_is_asked_for_is_zero_and_it_is_the_smallest(sparsity):
    model, _ = untrained("bert")
    before = torch.cat([weight.detach().abs().flatten() for weight in linear_weights(model)])
    facts = prune(model, sparsity)
    after = torch.cat([weight.detach().abs().flatten() for weight in linear_weights(model)])
    assert facts["zeros"] == pytest.approx(sparsity, abs=1e-4)
    assert facts["weights"] == len(before)
    assert before[after == 0].max() <= before[after != 0].min()
    assert torch.equal(after[after != 0], before[after != 0])


def test_embeddings_and_the_head_stay_as_they_are():
    model, _ = untrained("bert")
    kept = [model.classifier.weight.clone(), model.get_input_embeddings().weight.clone()]
    facts = prune(model, 0.9)
    assert torch.equal(kept[0], model.classifier.weight)
    assert torch.equal(kept[1], model.get_input_embeddings().weight)
    assert facts["zeros_of_all"] < facts["zeros"]


def test_the_threshold_is_one_for_all_layers():
    model, _ = untrained("bert")
    first, *others = linear_weights(model)
    first.data *= 100
    prune(model, 0.5)
    assert (first == 0).float().mean() < 0.1
    assert torch.cat([weight.flatten() for weight in others]).eq(0).float().mean() > 0.5


def test_layers_that_share_their_weights_with_embeddings_are_left_alone():
    sizes = {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    model = transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes, decoder_start_token_id=0))
    assert model.lm_head.weight is model.shared.weight
    assert all(weight is not model.shared.weight for weight in linear_weights(model))


def test_convolutions_of_width_one_are_linear_layers_by_another_name():
    model, _ = untrained("gpt2")
    assert len(linear_weights(model)) == 8


def test_a_model_without_linear_layers_cannot_be_pruned():
    model, _ = untrained("bert")
    model.bert.encoder = torch.nn.ModuleList()
    model.bert.pooler = None
    with pytest.raises(ValueError, match="no linear layers"):
        prune(model, 0.5)
