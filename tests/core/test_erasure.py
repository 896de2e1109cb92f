import pytest

from stages.core.erasure import read_erasures
from stages.core.errors import DataError


@pytest.fixture
def listed(tmp_path):
    def read(text):
        path = tmp_path / "erasure.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_erasures(path)

    return read


def test_records_and_subjects_on_the_list_are_found(listed):
    erasures = listed(f"kind,value\nrecord,{'a' * 20}\n\nsubject,{'b' * 32}\n")
    assert erasures.kind("a" * 20, None) == "record"
    assert erasures.kind("c" * 20, "b" * 32) == "subject"
    assert erasures.kind("c" * 20, None) == ""
    assert len(erasures) == 2


def test_no_file_and_a_file_with_a_header_alone_erase_nobody(listed, tmp_path):
    assert len(read_erasures(tmp_path / "none.csv")) == len(listed("kind,value\n")) == 0


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ["1"]),
        ("value,kind\n", ["1"]),
        (f"kind,value\nrecord,{'a' * 19}\nsubject,{'A' * 32}\nperson,{'a' * 20}\n", ["2", "3", "4"]),
        (f"kind,value\nrecord,{'a' * 20},more\n", ["2"]),
    ],
)
def test_a_line_that_is_not_understood_stops_everything(listed, text, lines):
    with pytest.raises(DataError) as error:
        listed(text)
    assert [fault.place.rpartition(":")[2] for fault in error.value.faults] == lines


def test_what_stands_in_a_wrong_line_is_not_shown(listed):
    with pytest.raises(DataError) as error:
        listed("kind,value\nsubject,nora@example.org\n")
    assert "nora" not in str(error.value)


def test_a_list_that_is_not_text_stops_everything(listed):
    with pytest.raises(DataError, match="UTF-8"):
        listed(b"kind,value\nrecord,\xff\n")
