import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.commands.trace_rows import ids_from, rows_of, search


@pytest.fixture
def file(tmp_path):
    """Six rows in groups of two; the events of 0b stand in three groups."""
    ids = ["0a", "0b", "0b", "0b", "0b", "0c"]
    rows = {"id": ids, "seq": [0, 0, 1, 2, 3, 0], "word": ["x", "ab", "abc", None, "ab", "x"]}
    pq.write_table(pa.table(rows), tmp_path / "rows.parquet", row_group_size=2)
    return tmp_path / "rows.parquet"


def test_rows_of_an_id_are_found_in_all_row_groups_that_hold_some(file):
    found = rows_of(file, ["0c", "0b", "0b", "ff"], ["seq", "no such column"])
    assert [row["seq"] for row in found["0b"]] == [0, 1, 2, 3]
    assert [row["seq"] for row in found["0c"]] == [0]
    assert found.keys() == {"0b", "0c"}


def test_without_columns_rows_are_ids(file):
    assert rows_of(file, ["0a"], ()) == {"0a": [{"id": "0a"}]}


@pytest.mark.parametrize(
    ("prefix", "ids"), [("0", {"0a", "0b", "0c"}), ("0b", {"0b"}), ("0c", {"0c"}), ("f", set()), ("00", set())]
)
def test_ids_are_found_by_their_first_digits(file, prefix, ids):
    assert ids_from(file, prefix) == ids


def test_a_search_finds_what_holds_a_word_or_is_one(file):
    assert [row["seq"] for row in search(file, "word", ["ab"], ["seq"])] == [0, 1, 3]
    assert [row["seq"] for row in search(file, "word", ["ab"], ["seq"], whole=True)] == [0, 3]
    assert [row["word"] for row in search(file, "word", ["abc", "x"], ["word"])] == ["x", "abc", "x"]
    assert not [*search(file, "word", ["zz"])]


def test_a_file_that_is_not_there_holds_nothing(tmp_path):
    assert rows_of(tmp_path / "none", ["0a"], ["seq"]) == {}
    assert ids_from(tmp_path / "none", "0") == set()
    assert not [*search(tmp_path / "none", "word", ["ab"])]
