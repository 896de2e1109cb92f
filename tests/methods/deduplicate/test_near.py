import re

import numpy as np
import pytest

from stages.methods.deduplicate.minhash import Banding
from stages.methods.deduplicate.near import near_keys, read_texts, shingle_sets
from stages.methods.deduplicate.stars import Cluster, Comparable, Rule, stars

LONG = " ".join(f"word{i}" for i in range(30))


def compared(*records):
    """The nearest of two records that is found for the second."""
    texts = read_texts(records, 12)
    members = tuple(map(Comparable, texts.salts.tolist(), shingle_sets(texts, 5)))
    return stars(Cluster(members, ((0, 1),)), Rule(0.5))[1]


def word_sequences(text, n=5):
    found = re.findall(r"\w+", text.lower())
    return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}


def test_similarity_is_the_jaccard_similarity_of_word_sequences():
    one = "We thank you for your letter of the second of May and will answer it, as you wish, within a week from now."
    other = one.replace("week", "month").replace("We", "we")
    a, b = word_sequences(one), word_sequences(other)
    assert compared({"text": one}, {"text": other}).similarity == pytest.approx(len(a & b) / len(a | b))


def test_a_record_is_as_similar_as_its_least_similar_text():
    changed = LONG.replace("word15", "other")
    assert compared({"a": LONG, "b": LONG}, {"a": LONG, "b": changed}).similarity == pytest.approx(21 / 31)


def test_short_texts_must_be_equal_for_records_to_meet():
    asked = [{"question": question, "context": LONG} for question in ("Who was it?", "who was it", "When was it?")]
    chosen, keys = near_keys(read_texts(asked, 12), 5, Banding(2, 2))
    assert chosen.tolist() == [0, 1, 2]
    assert keys[0].tolist() == keys[1].tolist()
    assert not set(keys[0].tolist()) & set(keys[2].tolist())


def test_the_last_long_text_is_what_minhash_looks_at():
    answers = [LONG, LONG, LONG.upper()[::-1]]
    asked = [{"system": LONG, "answer": answer, "tail": ""} for answer in answers]
    _, keys = near_keys(read_texts(asked, 12), 5, Banding(2, 2))
    assert keys[0].tolist() == keys[1].tolist() != keys[2].tolist()


def test_the_name_of_a_text_counts():
    _, keys = near_keys(read_texts([{"a": LONG}, {"b": LONG}], 12), 5, Banding(2, 2))
    assert not set(keys[0].tolist()) & set(keys[1].tolist())


def test_records_of_short_texts_alone_are_not_proposed():
    texts = read_texts([{"text": "too short"}, {"text": ""}], 12)
    chosen, keys = near_keys(texts, 5, Banding(2, 2))
    assert (chosen.tolist(), keys.shape) == ([], (0, 2))
    assert texts.sizes.tolist() == [0, 0]
    assert shingle_sets(texts, 5) == [(), ()]


def test_an_empty_batch_has_nothing():
    texts = read_texts([], 12)
    assert near_keys(texts, 5, Banding(2, 2))[1].shape == (0, 2)
    assert shingle_sets(texts, 5) == []


def test_what_a_record_gives_does_not_depend_on_its_batch():
    records = [{"a": LONG.replace("word7", f"w{i}"), "b": "short"} for i in range(20)]
    _, together = near_keys(read_texts(records, 12), 5, Banding(4, 3))
    apart = [near_keys(read_texts([record], 12), 5, Banding(4, 3))[1][0] for record in records]
    assert np.array_equal(together, np.stack(apart))
