import numpy as np
import pytest

from stages.core.cache import Cache
from stages.methods.check_labels.embeddings import Encoder, embed
from tests.tiny import FILLERS, save_base

TEXTS = [" ".join(FILLERS[: 1 + i % 10]) + " tree" * (i % 13) for i in range(70)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return Encoder(save_base(tmp_path_factory.mktemp("base")), 16)


def named(texts):
    return [(f"{i:02x}", text) for i, text in enumerate(texts)]


def test_vectors_are_the_mean_of_the_token_states_scaled_to_length_one(encoder, tmp_path):
    import torch
    from transformers import AutoModel, AutoTokenizer

    text = "the train was good today"
    found = embed(encoder, [("a", text)], Cache("c", tmp_path))
    model, tokens = AutoModel.from_pretrained(encoder.source).eval(), AutoTokenizer.from_pretrained(encoder.source)
    with torch.inference_mode():
        states = model(**tokens(text, return_tensors="pt")).last_hidden_state[0].numpy()
    mean = states.mean(axis=0)
    assert found[0] == pytest.approx(mean / np.linalg.norm(mean), abs=6e-5)


def test_a_vector_is_the_same_bytes_whatever_it_is_embedded_with_and_from_the_cache(encoder, tmp_path):
    together = embed(encoder, named(TEXTS), Cache("one", tmp_path))
    turned = embed(encoder, named(TEXTS)[::-1], Cache("two", tmp_path))
    half = Cache("three", tmp_path)
    embed(encoder, named(TEXTS)[::3], half)
    partly_cached = embed(encoder, named(TEXTS), half)
    cached = embed(encoder, named(TEXTS), Cache("one", tmp_path))
    for other in (turned[::-1], partly_cached, cached):
        assert together.tobytes() == np.ascontiguousarray(other).tobytes()


def test_what_is_cached_is_not_embedded_again_and_equal_hashes_only_once(encoder, tmp_path):
    asked = []

    def counting(work, batches):
        for batch in batches:
            asked.append(len(batch))
            yield work(batch)

    cache = Cache("c", tmp_path)
    found = embed(encoder, [("a", TEXTS[0]), ("b", TEXTS[1]), ("a", TEXTS[0])], cache, counting)
    assert sum(asked) == 2
    assert (found[0] == found[2]).all()
    embed(encoder, [("a", TEXTS[0])], cache, counting)
    assert sum(asked) == 2


def test_the_cut_changes_the_digest_and_so_does_another_model(encoder, tmp_path):
    other = save_base(tmp_path / "other", seed=1)
    assert Encoder(encoder.source, 8).digest() != encoder.digest()
    assert Encoder(other, 16).digest() != encoder.digest()
    assert Encoder(encoder.source, 16).digest() == encoder.digest()


def test_only_the_first_tokens_are_seen(encoder, tmp_path):
    long = "the train was today and we saw a tree house " * 9
    found = embed(encoder, [("a", long), ("b", long + "good good good")], Cache("c", tmp_path))
    assert (found[0] == found[1]).all()


def test_no_texts_give_no_vectors(encoder, tmp_path):
    assert len(embed(encoder, [], Cache("c", tmp_path))) == 0
