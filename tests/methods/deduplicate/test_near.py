import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.deduplicate.minhash import Banding
from stages.methods.deduplicate.near import Cluster, Comparable, bucket_keys, comparables, long_texts, stars


def numbers(*values, salt=0):
    return Comparable(salt, (np.array(values, np.uint64),))


def cluster(*members):
    return Cluster(members, (tuple(range(len(members))),))


def test_a_chain_of_similar_members_is_not_one_group():
    a, b, c = numbers(1, 2, 3, 4), numbers(2, 3, 4, 5), numbers(3, 4, 5, 6)
    first, second, third = stars(cluster(a, b, c), 0.6)
    assert first is None
    assert (second.member, second.similarity) == (0, pytest.approx(0.6))
    assert (third.member, third.similarity, third.compared) == (0, pytest.approx(1 / 3), 1)


def test_the_most_similar_staying_member_counts_and_of_equals_the_first():
    members = [numbers(1, 2, 3, 4), numbers(1, 5, 6, 7), numbers(1, 5, 6, 8), numbers(9, 10, 11, 12)]
    found = stars(cluster(*members), 0.9)
    assert (found[2].member, found[2].similarity) == (1, pytest.approx(0.6))
    assert (found[3].member, found[3].similarity) == (0, 0.0)


def test_only_members_that_share_a_bucket_are_compared():
    same = numbers(1, 2, 3)
    found = stars(Cluster((same, same, same), ((0, 1),)), 0.5)
    assert [nearest and nearest.member for nearest in found] == [None, 0, None]


def test_members_of_another_salt_are_not_compared():
    assert stars(cluster(numbers(1, 2), numbers(1, 2, salt=1)), 0.5) == [None, None]


@given(st.lists(st.sets(st.integers(0, 9), min_size=1), min_size=1, max_size=8), st.sampled_from([0.2, 0.5, 0.8]))
def test_a_member_leaves_if_and_only_if_one_that_stays_is_similar_enough(sets, threshold):
    found = stars(cluster(*(numbers(*sorted(one)) for one in sets)), threshold)
    leaves = [nearest is not None and nearest.similarity >= threshold for nearest in found]
    for i, one in enumerate(sets):
        close = [len(one & sets[j]) / len(one | sets[j]) for j in range(i) if not leaves[j]]
        assert leaves[i] == any(similarity >= threshold for similarity in close)
        if close:
            assert found[i].similarity == max(close)
            assert not leaves[found[i].member]


def shingle_sets(text, n=5):
    found = re.findall(r"\w+", text.lower())
    return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}


def test_similarity_is_the_jaccard_similarity_of_word_sequences():
    one = "We thank you for your letter of the second of May and will answer it, as you wish, within a week from now."
    other = one.replace("week", "month").replace("We", "we")
    members = comparables([long_texts({"text": text}, 12) for text in (one, other)], 5)
    (_, nearest) = stars(cluster(*members), 0.5)
    a, b = shingle_sets(one), shingle_sets(other)
    assert nearest.similarity == pytest.approx(len(a & b) / len(a | b))


LONG = " ".join(f"word{i}" for i in range(30))


def test_a_record_is_as_similar_as_its_least_similar_text():
    changed = LONG.replace("word15", "other")
    texts = [{"a": LONG, "b": LONG}, {"a": LONG, "b": changed}]
    members = comparables([long_texts(some, 12) for some in texts], 5)
    (_, nearest) = stars(cluster(*members), 0.5)
    assert nearest.similarity == pytest.approx(21 / 31)


def test_short_texts_must_be_equal_for_records_to_meet():
    asked = [{"question": question, "context": LONG} for question in ("Who was it?", "who was it", "When was it?")]
    chosen, keys = bucket_keys([long_texts(texts, 12) for texts in asked], 5, Banding(2, 2))
    assert chosen == [0, 1, 2]
    assert keys[0].tolist() == keys[1].tolist()
    assert not set(keys[0].tolist()) & set(keys[2].tolist())


def test_records_of_short_texts_alone_are_not_proposed():
    chosen, keys = bucket_keys([long_texts({"text": "too short"}, 12)], 5, Banding(2, 2))
    assert (chosen, keys.shape) == ([], (0, 2))
