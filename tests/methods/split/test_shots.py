from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from stages.methods.split.shots import beyond_shots

some_rows = st.dictionaries(
    st.sampled_from([f"{i:02x}" for i in range(40)]), st.lists(st.sampled_from("abcd"), min_size=1, unique=True)
).map(lambda rows: sorted(rows.items()))


def left(rows, shots, seed=13):
    beyond = beyond_shots(rows, shots, seed)
    return [(id, names) for id, names in rows if id not in beyond]


def counts(rows):
    return Counter(name for _, names in rows for name in names)


def test_of_single_labels_each_class_keeps_exactly_the_shots_or_all_it_has():
    rows = [(f"{i:03x}", [name]) for i, name in enumerate("a" * 50 + "b" * 20 + "c" * 3)]
    assert counts(left(rows, 5)) == {"a": 5, "b": 5, "c": 3}


@settings(deadline=None)
@given(some_rows, st.integers(1, 5))
def test_every_class_gets_its_shots_where_it_has_them(rows, shots):
    all_rows, kept = counts(rows), counts(left(rows, shots))
    assert all(kept[name] >= min(shots, count) for name, count in all_rows.items())


@settings(deadline=None)
@given(some_rows, st.integers(1, 5))
def test_no_row_is_kept_that_no_class_asked_for(rows, shots):
    assert len(left(rows, shots)) <= shots * len(counts(rows))


def test_the_rarest_class_chooses_first_and_its_rows_count_for_the_others():
    rows = [(f"{i:03x}", ["often"]) for i in range(30)] + [(f"{i:03x}", ["often", "rare"]) for i in range(100, 104)]
    assert counts(left(rows, 4)) == {"often": 4, "rare": 4}


def test_the_choice_depends_on_the_seed_and_not_on_the_order():
    rows = [(f"{i:03x}", ["ab"[i % 2]]) for i in range(60)]
    assert beyond_shots(rows, 8, 1) == beyond_shots(rows[::-1], 8, 1)
    assert beyond_shots(rows, 8, 1) != beyond_shots(rows, 8, 2)


def test_more_shots_keep_all_that_fewer_keep():
    rows = [(f"{i:03x}", ["abc"[i % 3]]) for i in range(60)]
    assert set(map(str, left(rows, 3))) < set(map(str, left(rows, 7)))
