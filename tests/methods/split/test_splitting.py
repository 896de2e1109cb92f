from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse.csgraph  # noqa: F401 - loading it takes longer than hypothesis grants a test
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.core.params import SplitParams
from stages.methods.split.splitting import PARTS, ROWS, draw, fold_of, group_keys, part_of, places, repaired

SHARES = SplitParams(validation=0.2, test=0.3)
some = st.sampled_from
triples = st.lists(
    st.tuples(some([f"{i:02x}" for i in range(30)]), st.none() | some("ABCDE"), st.none() | some("GHIJ")),
    max_size=20,
    unique_by=lambda row: row[0],
)


def row(id, subject=None, group=None, text=None, stratum="x"):
    return {"id": id, "subject": subject, "group": group, "text": text or id, "strata": [stratum], "labelled": True}


def placed(rows, relabelled=(), seed=1):
    return places(pa.Table.from_pylist(rows, schema=ROWS), relabelled, SHARES, seed)


def repairs(draws, parts, strata, barred):
    """The groups that `repaired` moves, by key, from draws, parts and sets of strata by key."""
    keys, names = sorted(draws), sorted(set().union(*strata.values()))
    pairs = [[i, names.index(name)] for i, key in enumerate(keys) for name in sorted(strata[key])]
    after = repaired(
        np.array([draws[key] for key in keys]),
        np.array([PARTS.index(parts[key]) for key in keys]),
        np.array(pairs).T,
        np.array([key in barred for key in keys]),
    )
    moved = {key: PARTS[part] for key, part in zip(keys, after, strict=True)}
    return {key: part for key, part in moved.items() if part != parts[key]}


def components(records):
    """Sets of ids that a path of shared subjects and groups connects, the slow way."""
    found = []
    for id, subject, group in records:
        marks = {("s", subject)} if subject else set()
        marks.add(("g", group or id))
        touching = [one for one in found if one[1] & marks]
        found = [one for one in found if one not in touching]
        found.append(({id}.union(*(ids for ids, _ in touching)), marks.union(*(own for _, own in touching))))
    return [ids for ids, _ in found]


@settings(deadline=None)
@given(triples)
def test_records_have_one_key_if_and_only_if_they_are_tied(records):
    by_key = defaultdict(set)
    for id, key in group_keys(records).items():
        by_key[key].add(id)
    assert sorted(map(sorted, by_key.values())) == sorted(map(sorted, components(records)))


@settings(deadline=None)
@given(triples, st.integers(0, 20))
def test_rows_that_come_or_go_change_no_key_outside_their_own_component(records, cut):
    erased, rest = records[:cut], records[cut:]
    touched = set().union(*(ids for ids in components(records) if ids & {id for id, _, _ in erased}))
    before, after = group_keys(records), group_keys(rest)
    assert all(before[id] == after[id] for id, _, _ in rest if id not in touched)


@settings(deadline=None)
@given(triples)
def test_keys_do_not_depend_on_the_order_of_the_rows(records):
    assert group_keys(records) == group_keys(sorted(records, reverse=True))


def test_the_key_is_the_smallest_subject_else_the_group_else_the_id():
    records = [
        ("1", "s2", "1"),
        ("2", "s1", None),
        ("3", "s2", None),
        ("4", None, "1"),
        ("5", None, "9"),
        ("6", None, None),
    ]
    assert group_keys(records) == {"1": "s2", "2": "s1", "3": "s2", "4": "s2", "5": "9", "6": "6"}


def test_a_record_that_gets_a_group_keeps_its_key():
    assert group_keys([("1", None, None)]) == group_keys([("1", None, "1")])
    assert group_keys([("1", "s", None), ("2", "s", None)]) == group_keys([("1", "s", "1"), ("2", "s", None)])


def test_records_of_equal_text_belong_together():
    assert group_keys([("1", None, None), ("2", None, None)], {"1": "t", "2": "t"}) == {"1": "1", "2": "1"}


def test_the_draw_is_this_number_on_every_machine():
    assert draw(13, "00ff") == pytest.approx(0.9662273650461279, abs=1e-15)
    assert draw(13, "00ff") != draw(14, "00ff") != draw(13, "00fe")


def test_shares_come_out_about_as_asked_and_folds_evenly():
    keys = [str(i) for i in range(4000)]
    parts = Counter(part_of(draw(1, key), 0.1, 0.15) for key in keys)
    assert (parts["test"], parts["validation"]) == (pytest.approx(600, abs=70), pytest.approx(400, abs=60))
    test_folds = Counter(fold_of(1, key, 4) for key in keys if part_of(draw(1, key), 0.1, 0.15) == "test")
    assert set(test_folds) == {0, 1, 2, 3}
    assert min(test_folds.values()) > 110
    assert fold_of(1, "a", None) is None


@pytest.mark.parametrize(("u", "part"), [(0, "test"), (0.3, "validation"), (0.499, "validation"), (0.5, "train")])
def test_the_part_follows_from_the_draw_alone(u, part):
    assert part_of(u, 0.2, 0.3) == part


@settings(deadline=None)
@given(st.integers(30, 60), st.integers(0, 29), st.integers(0, 5))
def test_adding_or_erasing_rows_moves_no_other_row(count, erased, seed):
    rows = [row(f"{i:02x}") for i in range(count)]
    whole, less = placed(rows, seed=seed), placed(rows[:erased] + rows[erased + 1 :], seed=seed)
    assert all(whole[id].part == place.part for id, place in less.items() if place.part == place.drawn)


def test_a_missing_part_of_a_stratum_takes_the_smallest_draw_that_leaves_no_gap():
    draws = {"a": 0.6, "b": 0.7, "c": 0.9}
    parts = dict.fromkeys(draws, "train")
    assert repairs(draws, parts, {key: {"x"} for key in draws}, ()) == {"a": "test", "b": "validation"}


def test_nothing_moves_where_nothing_lacks_or_groups_are_too_few():
    draws = {"a": 0.1, "b": 0.4, "c": 0.9, "d": 0.8, "e": 0.85}
    parts = {"a": "test", "b": "validation", "c": "train", "d": "train", "e": "train"}
    strata = {"a": {"x"}, "b": {"x"}, "c": {"x"}, "d": {"y"}, "e": {"y"}}
    assert repairs(draws, parts, strata, ()) == {}


def test_a_barred_group_does_not_move_into_test():
    draws = {"a": 0.6, "b": 0.7, "c": 0.9}
    parts = dict.fromkeys(draws, "train")
    assert repairs(draws, parts, {key: {"x"} for key in draws}, {"a", "b"}) == {"c": "test", "a": "validation"}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sets(some("xyz"), min_size=1), st.floats(0, 0.999)), min_size=1, max_size=12))
def test_a_repair_opens_no_gap_and_closes_all_of_strata_with_groups_of_their_own(groups):
    draws = {str(i): u for i, (_, u) in enumerate(groups)}
    strata = {str(i): names for i, (names, _) in enumerate(groups)}
    before = {key: part_of(u, 0.2, 0.3) for key, u in draws.items()}
    after = {**before, **repairs(draws, before, strata, ())}
    for stratum in "xyz":
        keys = [key for key in draws if stratum in strata[key]]
        if len(keys) < 3:
            continue
        assert {before[key] for key in keys} <= {after[key] for key in keys}
        if all(names == {stratum} for key, names in strata.items() if key in keys):
            assert {after[key] for key in keys} == {"train", "validation", "test"}


def test_a_relabelled_record_that_was_drawn_for_test_goes_to_train_and_says_so():
    rows = [row(f"{i:02x}") for i in range(60)]
    drawn = next(id for id, place in placed(rows).items() if place.part == "test")
    place = placed(rows, {drawn})[drawn]
    assert (place.part, place.drawn) == ("train", "test")


def test_a_place_is_found_by_id_and_only_by_an_id_that_is_there():
    found = placed([row("ab"), row("0f", subject="p"), row("a", subject="p")])
    assert list(found) == ["0f", "a", "ab"]
    assert found["0f"] == found["a"]
    assert found["ab"].u == draw(1, "ab")
    assert found.get("ac") is found.get("zz") is None


def test_no_rows_have_no_places():
    assert dict(placed([])) == {}
