import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.deduplicate.overlaps import Overlaps

SETS = st.lists(st.sets(st.integers(0, 12), min_size=1), min_size=1, max_size=12)


@given(SETS, st.integers(0, 8))
def test_what_sets_share_is_their_intersection_with_and_without_a_core(sets, core):
    sets = [some | set(range(100, 100 + core)) for some in sets]
    overlaps = Overlaps([np.array(sorted(some), np.uint64) for some in sets])
    others = np.arange(len(sets))[::-1]
    for i, one in enumerate(sets):
        assert overlaps.shared(i, others).tolist() == [len(one & sets[j]) for j in others]
    assert overlaps.sizes.tolist() == [*map(len, sets)]
