import re

from hypothesis import given
from hypothesis import strategies as st

from stages.core.keys import Keys
from stages.core.rows import FileRow, unreadable
from stages.methods.ingest.row_ids import RowIds

KEYS = Keys(None, frozenset({"s", "t"}))
CONTENTS = st.lists(st.sampled_from("abc") | st.text(max_size=5), max_size=12)


def ids_of(contents, source="s", column=None):
    ids = RowIds(KEYS, source, column)
    return [ids.of(FileRow(place, {"text": content})) for place, content in enumerate(contents, 1)]


@given(CONTENTS)
def test_every_row_has_an_id_of_its_own(contents):
    ids = [id for id, _, _ in ids_of(contents)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{20}", id) for id in ids)


@given(CONTENTS, CONTENTS, st.randoms(use_true_random=False))
def test_rows_that_come_or_move_change_no_other_ids(contents, more, random):
    before = {id for id, _, _ in ids_of(contents)}
    moved = contents + more
    random.shuffle(moved)
    assert before <= {id for id, _, _ in ids_of(moved)}


@given(st.lists(st.text(max_size=3), unique=True, max_size=8), st.data())
def test_with_an_id_column_the_id_follows_the_key_and_not_the_content(keys, data):
    texts = data.draw(st.lists(st.text(), min_size=len(keys), max_size=len(keys)))
    rows = [FileRow(1, {"key": key, "text": "x"}) for key in keys if key.strip() == key and key]
    edited = [FileRow(2, {"key": row.columns["key"], "text": text}) for row, text in zip(rows, texts, strict=False)]
    before, after = RowIds(KEYS, "s", "key"), RowIds(KEYS, "s", "key")
    assert [before.of(row)[:2] for row in rows] == [after.of(row)[:2] for row in edited]


def test_another_source_gives_other_ids():
    assert ids_of(["a"])[0][0] != ids_of(["a"], source="t")[0][0]


def test_a_repeated_key_and_a_missing_one_are_faults_with_ids_of_their_own():
    ids = RowIds(KEYS, "s", "key")
    keys = [7, "7", None, None, "", True, float("nan"), [1], " 7 "]
    given = [ids.of(FileRow(place, {"key": key})) for place, key in enumerate(keys, 1)]
    codes = [fault.code if fault else None for _, _, fault in given]
    assert codes == [None, "duplicate_key", *["missing_id"] * 6, "duplicate_key"]
    assert len({id for id, _, _ in given}) == len(given)


def test_a_row_that_cannot_be_read_never_shares_an_id_with_one_that_can():
    ids = RowIds(KEYS, "s", None)
    good = FileRow(1, {"text": "a"})
    bad = unreadable(2, good.content(), "malformed_row")
    assert len({ids.of(good)[0], ids.of(bad)[0], ids.of(bad)[0]}) == 3


def test_the_order_of_the_columns_does_not_matter():
    one, other = FileRow(1, {"a": 1, "b": 2}), FileRow(1, {"b": 2, "a": 1})
    assert RowIds(KEYS, "s", None).of(one)[0] == RowIds(KEYS, "s", None).of(other)[0]


def test_the_place_names_the_key_else_the_file_and_the_row():
    assert ids_of(["a"])[0][1] == "1"
    assert RowIds(KEYS, "s", None).of(FileRow(3, {"text": "a"}, file="b.csv"))[1] == "b.csv:3"
    assert RowIds(KEYS, "s", "key").of(FileRow(3, {"key": 12}))[1] == "12"
