import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.deduplicate.groups import Buckets, Facts, Tied, blocks, exact_survivors, tied


def facts(lengths, digests=None):
    digests = digests or [f"{i:016d}".encode() for i in range(len(lengths))]
    count = len(lengths)
    return Facts(np.array(digests, "S16"), np.array(lengths), np.full(count, 10), np.zeros(count, np.uint64))


def buckets(*groups):
    return Buckets.joined(
        [(np.array([m for group in groups for m in group], np.int64), np.cumsum([0, *map(len, groups)])[:-1])]
    )


def listed(found):
    return [part.tolist() for part in np.split(found.members, found.starts[1:])] if len(found.starts) else []


def test_equal_digests_survive_in_the_first_usable_record():
    same = [b"a" * 16, b"b" * 16, b"a" * 16, b"a" * 16]
    assert exact_survivors(facts([1] * 4, same), np.ones(4, bool)).tolist() == [0, 1, 0, 0]
    assert exact_survivors(facts([1] * 4, same), np.array([False, True, True, True])).tolist() == [0, 1, 2, 2]


def test_digests_that_end_in_zeros_are_not_cut():
    ends = [b"a" * 15 + b"\0", b"a" * 14 + b"\0\0", b"a" * 15 + b"\0"]
    assert exact_survivors(facts([1] * 3, ends), np.ones(3, bool)).tolist() == [0, 1, 0]


def test_groups_are_reduced_to_wanted_records_and_each_is_there_once():
    wanted = np.array([True, True, True, False, True])
    assert listed(buckets((0, 1, 3), (0, 1), (2, 3), (1, 2, 4), (0, 1)).only(wanted)) == [[0, 1], [1, 2, 4]]
    assert listed(buckets((0, 3)).only(wanted)) == []
    assert listed(Buckets.joined([]).only(wanted)) == []


def test_the_longest_comes_first_and_of_equally_long_ones_the_first():
    (found,) = tied(facts([5, 9, 5, 9]), buckets((0, 1, 2), (1, 3)))
    assert found == Tied((1, 3, 0, 2), ((0, 2, 3), (0, 1)))


@given(st.lists(st.sets(st.integers(0, 15), min_size=2, max_size=4), max_size=8))
def test_components_are_what_buckets_connect(groups):
    lengths = [i * 7 % 5 for i in range(16)]
    found = list(tied(facts(lengths), buckets(*map(sorted, groups)).only(np.ones(16, bool))))
    expected = []
    for group in groups:
        touching = [other for other in expected if other & group]
        expected = [other for other in expected if not other & group] + [set(group).union(*touching)]
    assert sorted(sorted(tie.positions) for tie in found) == sorted(map(sorted, expected))
    for tie in found:
        assert list(tie.positions) == sorted(tie.positions, key=lambda i: (-lengths[i], i))
    back = {frozenset(tie.positions[i] for i in bucket) for tie in found for bucket in tie.buckets}
    assert back == {frozenset(group) for group in groups}


def test_blocks_hold_no_more_than_the_limit_unless_one_component_does():
    ties = [Tied((0, 1), ()), Tied((2, 3), ()), Tied((4, 5, 6), ()), Tied((7, 8), ())]
    found = list(blocks(np.full(9, 10), ties, 40))
    assert [[tie.positions for tie in block] for block in found] == [[(0, 1), (2, 3)], [(4, 5, 6)], [(7, 8)]]
