"""Whose rows are whose, and which a cap leaves out."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stages.methods.privacy.holders import Holders, find_holders
from stages.methods.split.splitting import group_keys


def table(*rows):
    """Rows of id, subject and group, as the split has them."""
    columns = zip(("id", "subject", "group"), zip(*rows, strict=True), strict=True)
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns})


def many(count, subject="ann", first=0):
    return [(f"{first + i:04x}", subject, None) for i in range(count)]


ROWS = (
    ("a", "ann", None), ("b", "ann", "g"), ("c", None, "g"), ("d", "bob", None), ("e", None, None), ("f", None, "h"),
    ("i", None, "h"),
)  # fmt: skip


def test_a_holder_is_a_subject_with_all_rows_and_their_near_duplicates():
    holders = find_holders(table(*ROWS), "abcdefi", None, 13)
    parts = {frozenset(id for id in holders.of if holders.of[id] == key) for key in holders.of.values()}
    assert parts == {frozenset("abc"), frozenset("d"), frozenset("e"), frozenset("fi")}
    assert holders.of == group_keys(ROWS)
    assert (holders.largest, holders.with_subject, holders.left_out) == (3, 3, frozenset())


def test_units_are_records_or_holders():
    holders = find_holders(table(*ROWS), "abcdefi", None, 13)
    assert (holders.count("record"), holders.count("subject")) == (7, 4)
    assert holders.units("record", "dab") == [[0], [1], [2]]
    assert holders.units("subject", "dacb") == [[0], [1, 2, 3]]


def test_a_row_without_a_holder_is_a_unit_alone():
    holders = Holders({"a": "x", "b": "x"}, 0, frozenset())
    assert holders.units("subject", ["a", "new", "b", "other"]) == [[0, 2], [1], [3]]
    assert Holders({}, 0, frozenset()).largest == 0


def test_only_rows_that_are_trained_on_count_but_others_still_tie_them_together():
    """A duplicate that is not trained on still says that two rows are one holder's."""
    rows = table(("a", None, "g"), ("b", "ann", "g"), ("c", "ann", None))
    holders = find_holders(rows, {"a", "c"}, None, 13)
    assert holders.of == {"a": "ann", "c": "ann"}
    assert (holders.largest, holders.with_subject) == (2, 1)


def test_the_cap_keeps_so_many_rows_of_each_holder_with_or_without_a_subject():
    rows = table(*many(9), *many(2, "bob", 100), *((f"{200 + i:04x}", None, "g") for i in range(5)))
    holders = find_holders(rows, rows["id"].to_pylist(), 3, 13)
    assert holders.largest == 3
    assert len(holders.left_out) == 6 + 2
    assert holders.with_subject == 3 + 2
    assert not holders.left_out & holders.of.keys()
    assert holders.left_out | holders.of.keys() == {*rows["id"].to_pylist()}


@pytest.mark.parametrize("most", [1, 3, 8])
def test_a_row_that_comes_or_goes_moves_at_most_one_other_and_no_other_holders(most):
    rows = [*many(9), *many(9, "bob", 100)]
    before = find_holders(table(*rows), [id for id, *_ in rows], most, 13).of.keys()
    for gone in rows:
        rest = [row for row in rows if row != gone]
        after = find_holders(table(*rest), [id for id, *_ in rest], most, 13).of.keys()
        assert before - after <= {gone[0]}
        assert len(after - before) == (gone[0] in before)
        assert {row[1] for row in rows if row[0] in after - before} <= {gone[1]}


def test_the_cap_goes_by_hash_and_seed_and_not_by_the_order_of_rows():
    rows = many(40)
    ids = [id for id, *_ in rows]
    kept = find_holders(table(*rows), ids, 5, 13).of
    assert find_holders(table(*reversed(rows)), reversed(ids), 5, 13).of == kept
    assert find_holders(table(*rows), ids, 5, 14).of.keys() != kept.keys()
    assert sorted(kept) != sorted(ids)[:5]


def test_a_larger_cap_only_adds_rows():
    rows = many(12)
    kept = [find_holders(table(*rows), [id for id, *_ in rows], most, 13).of.keys() for most in (1, 4, 12)]
    assert [len(ids) for ids in kept] == [1, 4, 12]
    assert kept[0] <= kept[1] <= kept[2]
