import numpy as np
import pytest

from stages.core.cache import Cache
from stages.methods.check_labels.embeddings import SCALE
from stages.methods.check_labels.spans.word_vectors import WordEncoder, embed_words
from stages.methods.finetune.alignment import words
from tests.tasks.samples.token_labels import FILLERS, PEOPLE, save_base

TEXTS = [" ".join([*FILLERS[: 1 + i % 9], PEOPLE[i % 4]]) + " lake" * (i % 13) for i in range(50)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return WordEncoder(save_base(tmp_path_factory.mktemp("base")), 16)


def named(texts):
    return [(f"{i:02x}", text) for i, text in enumerate(texts)]


def test_a_words_vector_is_the_mean_of_its_sub_words_states_scaled_to_length_one(encoder, tmp_path):
    import torch
    from transformers import AutoModel, AutoTokenizer

    text = "we met anna, today"  # anna has two sub-words
    (found,) = embed_words(encoder, [("a", text)], Cache("c", tmp_path))
    model, tokenizer = AutoModel.from_pretrained(encoder.source).eval(), AutoTokenizer.from_pretrained(encoder.source)
    inputs = tokenizer(text, return_tensors="pt")
    assert inputs.tokens() == ["[CLS]", "we", "met", "an", "##na", ",", "today", "[SEP]"]
    with torch.inference_mode():
        states = model(**inputs).last_hidden_state[0].numpy()
    means = np.stack([states[1], states[2], states[3:5].mean(axis=0), states[5], states[6]])
    assert found / SCALE == pytest.approx(means / np.linalg.norm(means, axis=1, keepdims=True), abs=6e-5)


def test_vectors_are_the_same_bytes_whatever_they_are_made_with_and_from_the_cache(encoder, tmp_path):
    together = embed_words(encoder, named(TEXTS), Cache("one", tmp_path))
    turned = embed_words(encoder, named(TEXTS)[::-1], Cache("two", tmp_path))
    half = Cache("three", tmp_path)
    embed_words(encoder, named(TEXTS)[::3], half)
    partly_cached = embed_words(encoder, named(TEXTS), half)
    cached = embed_words(encoder, named(TEXTS), Cache("one", tmp_path))
    for other in (turned[::-1], partly_cached, cached):
        assert [one.tobytes() for one in together] == [one.tobytes() for one in other]


def test_what_is_cached_is_not_read_again_and_equal_hashes_only_once(encoder, tmp_path):
    asked = []

    def counting(work, batches):
        for batch in batches:
            asked.append(len(batch))
            yield work(batch)

    cache = Cache("c", tmp_path)
    found = embed_words(encoder, [("a", TEXTS[0]), ("b", TEXTS[1]), ("a", TEXTS[0])], cache, counting)
    assert sum(asked) == 2
    assert (found[0] == found[2]).all()
    embed_words(encoder, [("a", TEXTS[0])], cache, counting)
    assert sum(asked) == 2


def test_a_long_text_is_read_in_windows_to_its_end(encoder, tmp_path):
    text = "we met nobody near today " * 20 + "anna"
    (found,) = embed_words(encoder, [("a", text)], Cache("c", tmp_path))
    assert len(found) == len(words(text)) == 101
    assert (np.abs(found).sum(axis=1) > 0).all()
    assert np.linalg.norm(found / SCALE, axis=1) == pytest.approx(np.ones(101), abs=1e-3)


def test_words_under_one_token_share_its_vector_and_one_without_a_token_has_zeros(encoder, tmp_path):
    found, hidden = embed_words(encoder, [("a", "we 12x."), ("b", "we \ufeff met")], Cache("c", tmp_path))
    assert len(found) == len(words("we 12x."))
    bounds = words("we \ufeff met")
    assert len(hidden) == len(bounds) == 3
    assert not hidden[1].any()
    assert hidden[2].any()


def test_texts_without_words_have_no_vectors(encoder, tmp_path):
    found = embed_words(encoder, [("a", " "), ("b", "we met")], Cache("c", tmp_path))
    assert [len(one) for one in found] == [0, 2]
    assert np.concatenate(found).shape == (2, 32)
    assert embed_words(encoder, [], Cache("c", tmp_path)) == []


def test_the_windows_change_the_digest(encoder):
    assert WordEncoder(encoder.source, 8).digest() != encoder.digest()
