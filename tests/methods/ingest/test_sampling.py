from hypothesis import given
from hypothesis import strategies as st

from stages.methods.ingest.sampling import draw, largest_draw

IDS = st.lists(st.integers(0, 10**6).map(str), unique=True, max_size=40)


def sample(ids, limit, seed=1):
    bound = largest_draw(seed, limit, ids)
    return {id for id in ids if bound is None or draw(seed, id) <= bound}


@given(IDS, st.integers(1, 40))
def test_exactly_as_many_are_taken_as_asked_or_as_there_are(ids, limit):
    assert len(sample(ids, limit)) == min(limit, len(ids))


@given(IDS, st.integers(1, 40), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(ids, limit, random):
    shuffled = random.sample(ids, len(ids))
    assert sample(ids, limit) == sample(shuffled, limit)


@given(IDS.filter(bool), st.integers(1, 40))
def test_a_row_that_comes_moves_at_most_one_other(ids, limit):
    before, after = sample(ids[1:], limit), sample(ids, limit)
    assert len(before - after) <= 1
    assert after - before <= {ids[0]}


def test_another_seed_takes_others():
    ids = [str(number) for number in range(100)]
    assert sample(ids, 10) != sample(ids, 10, seed=2)
