import pyarrow as pa

from stages.methods.forget.comparison import FATES, came_through, compared, reasons


def fates(*rows):
    return pa.Table.from_pylist([dict(zip(FATES.names, row, strict=True)) for row in rows], FATES)


def kept(id, split, group=None):
    return id, split, group, None, None


def left_out(id, stage, reason):
    return id, None, None, stage, reason


BEFORE = fates(
    kept("a", "train", "a"), kept("b", "train", "g"), kept("c", "test"), kept("d", "validation"),
    left_out("e", "deduplicate", "exact_duplicate"), left_out("f", "clean", "too_short"),
)  # fmt: skip
AFTER = fates(
    kept("b", "train", "b"), kept("c", "train"), left_out("d", "check_labels", "dropped"), kept("e", "train"),
    kept("new", "test"), left_out("f", "clean", "too_short"), left_out("a", "ingest", "erased"),
)  # fmt: skip


def test_rows_of_others_that_moved_went_or_came_in_are_told_apart_and_explained():
    found = compared(BEFORE, AFTER, {"a"})
    assert (found["rows"], found["in_place"], found["represents_another_group"]) == (3, 1, 1)
    assert found["moved"] == [{"id": "c", "from": "test", "to": "train"}]
    assert found["gone"] == [{"id": "d", "stage": "check_labels", "reason": "dropped"}]
    assert [row["id"] for row in found["came_in"]] == ["e", "new"]
    assert reasons(found["came_in"]) == {"deduplicate: exact_duplicate": 1, "not in the data": 1}


def test_the_erased_are_not_compared_and_nothing_is_no_difference():
    found = compared(fates(kept("a", "train")), FATES.empty_table(), {"a"})
    assert (found["rows"], found["in_place"], found["counts"]) == (0, 0, {"moved": 0, "gone": 0, "came_in": 0})


def test_a_duplicate_that_took_the_place_of_an_erased_record_is_known():
    assert came_through(BEFORE, AFTER) == {"e"}
