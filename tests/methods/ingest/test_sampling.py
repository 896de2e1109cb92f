from hypothesis import given
from hypothesis import strategies as st

from stages.methods.ingest.sampling import draw, largest_draws

IDS = st.lists(st.integers(0, 10**6).map(str), unique=True, max_size=40)
LIMITS = st.none() | st.integers(1, 40)


def source(id):
    return "b" if int(id) % 3 == 0 else "a"


def sample(ids, limit, own=None, seed=1):
    """What is taken under a limit over all, and one for the source b."""
    limits = {} if own is None else {"b": own}
    bounds = largest_draws(seed, limit, limits, ((source(id), id) for id in ids))
    return {id for id in ids if source(id) not in bounds or draw(seed, id) <= bounds[source(id)]}


@given(IDS, LIMITS, LIMITS)
def test_exactly_as_many_are_taken_as_asked_or_as_there_are(ids, limit, own):
    of_b = sum(source(id) == "b" for id in ids)
    left = len(ids) - of_b + min(of_b, of_b if own is None else own)
    found = sample(ids, limit, own)
    assert len(found) == min(left, left if limit is None else limit)
    assert own is None or sum(source(id) == "b" for id in found) <= own


@given(IDS, LIMITS, LIMITS, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(ids, limit, own, random):
    shuffled = random.sample(ids, len(ids))
    assert sample(ids, limit, own) == sample(shuffled, limit, own)


@given(IDS.filter(bool), st.integers(1, 40))
def test_a_row_that_comes_moves_at_most_one_other(ids, limit):
    before, after = sample(ids[1:], limit), sample(ids, limit)
    assert len(before - after) <= 1
    assert after - before <= {ids[0]}


def test_another_seed_takes_others():
    ids = [str(number) for number in range(100)]
    assert sample(ids, 10) != sample(ids, 10, seed=2)


def test_a_source_without_a_limit_is_taken_whole():
    ids = [str(number) for number in range(90)]
    assert largest_draws(1, None, {"b": 100}, ((source(id), id) for id in ids)) == {}
    assert len(sample(ids, None, 10)) == 70
