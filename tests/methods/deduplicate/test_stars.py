import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.deduplicate.stars import Cluster, Comparable, Rule, stars


def numbers(*values, salt=0):
    return Comparable(salt, (np.array(values, np.uint64),))


def cluster(*members):
    return Cluster(members, (tuple(range(len(members))),))


def test_a_chain_of_similar_members_is_not_one_group():
    a, b, c = numbers(1, 2, 3, 4), numbers(2, 3, 4, 5), numbers(3, 4, 5, 6)
    first, second, third = stars(cluster(a, b, c), Rule(0.6))
    assert first is None
    assert (second.member, second.similarity) == (0, pytest.approx(0.6))
    assert (third.member, third.similarity, third.compared) == (0, pytest.approx(1 / 3), 1)


def test_the_most_similar_staying_member_counts_and_of_equals_the_first():
    members = [numbers(1, 2, 3, 4), numbers(1, 5, 6, 7), numbers(1, 5, 6, 8), numbers(9, 10, 11, 12)]
    found = stars(cluster(*members), Rule(0.9))
    assert (found[2].member, found[2].similarity) == (1, pytest.approx(0.6))
    assert (found[3].member, found[3].similarity) == (0, 0.0)


def test_only_members_that_share_a_bucket_are_compared():
    same = numbers(1, 2, 3)
    found = stars(Cluster((same, same, same), ((0, 1),)), Rule(0.5))
    assert [nearest and nearest.member for nearest in found] == [None, 0, None]


def test_members_of_another_salt_are_not_compared():
    assert stars(cluster(numbers(1, 2), numbers(1, 2, salt=1)), Rule(0.5)) == [None, None]


@given(st.lists(st.sets(st.integers(0, 9), min_size=1), min_size=1, max_size=12), st.sampled_from([0.2, 0.5, 0.8]))
def test_a_member_leaves_if_and_only_if_one_that_stays_is_similar_enough(sets, threshold):
    found = stars(cluster(*(numbers(*sorted(one)) for one in sets)), Rule(threshold))
    leaves = [nearest is not None and nearest.close for nearest in found]
    for i, one in enumerate(sets):
        close = [len(one & sets[j]) / len(one | sets[j]) for j in range(i) if not leaves[j]]
        assert leaves[i] == any(similarity >= threshold for similarity in close)
        if close:
            assert found[i].similarity == max(close)
            assert not leaves[found[i].member]


def test_a_short_text_leaves_for_one_that_differs_in_few_characters():
    members = [Comparable(i, (), text) for i, text in enumerate(("please call me back", "please call me bach", "call"))]
    _, second, third = stars(cluster(*members), Rule(0.8, edits=1, edit_chars=10))
    assert (second.member, second.kind, second.close) == (0, "edit", True)
    assert second.similarity == pytest.approx(18 / 19)
    assert third is None


def test_embeddings_decide_only_where_words_do_not():
    def member(*values, vector):
        return Comparable(0, (np.array(values, np.uint64),), vector=np.array(vector, np.int16))

    members = [member(1, 2, vector=[9000, 0]), member(3, 4, vector=[8990, 300]), member(1, 2, vector=[0, 9000])]
    _, second, third = stars(cluster(*members), Rule(0.8, semantic=0.95))
    assert (second.member, second.kind, second.close) == (0, "semantic", True)
    assert second.similarity == pytest.approx(0.999444, abs=1e-6)
    assert (third.member, third.kind, third.similarity) == (0, "near", 1.0)


def test_large_clusters_compare_records_of_each_salt_apart():
    values = [(1, 2, 3), (1, 2, 4), (1, 2, 3), (1, 2, 5), (1, 2, 3), (1, 2, 4)]
    members = [numbers(*some, salt=i % 2) for i, some in enumerate(values)]
    found = stars(cluster(*members), Rule(0.9))
    assert [nearest and (nearest.member, nearest.close) for nearest in found] == [
        None, None, (0, True), (1, False), (0, True), (1, True),
    ]  # fmt: skip


@given(st.sets(st.integers(0, 5), min_size=1), st.sets(st.integers(0, 5), min_size=1), st.sampled_from([0.2, 0.5, 0.8]))
def test_two_records_are_compared_as_in_a_larger_cluster(one, other, threshold):
    pair = [numbers(*sorted(one)), numbers(*sorted(other))]
    among_more = Cluster((*pair, numbers(77), numbers(78), numbers(79)), ((0, 1),))
    assert stars(cluster(*pair), Rule(threshold)) == stars(among_more, Rule(threshold))[:2]
