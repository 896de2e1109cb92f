import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from stages.core.erasure import Erasures, add_erasures, memory_file, read_erasures
from stages.core.errors import DataError


@pytest.fixture(autouse=True)
def _own_project(tmp_path, monkeypatch):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)


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


ONE, OTHER = Erasures(records={"a" * 20}), Erasures(subjects={"b" * 32})


def test_an_erasure_is_appended_once_below_what_is_there(tmp_path):
    path = tmp_path / "erasure.csv"
    path.write_text(f"kind,value\nsubject,{'c' * 32}", encoding="utf-8")
    assert [add_erasures(ONE, path), add_erasures(ONE, path), add_erasures(OTHER, path)] == [1, 0, 1]
    lines = ["kind,value", f"subject,{'c' * 32}", f"record,{'a' * 20}", f"subject,{'b' * 32}"]
    assert path.read_text(encoding="utf-8").splitlines() == lines
    assert len(read_erasures(path)) == 3


def test_the_projects_own_copy_is_private_and_outside_of_what_git_checks_out(tmp_path):
    add_erasures(ONE, tmp_path / "data/erasure.csv")
    assert memory_file() == tmp_path / ".rowtrail/erasure.csv"
    assert stat.S_IMODE(memory_file().stat().st_mode) == 0o600


def test_an_older_list_than_the_projects_own_copy_stops_everything_and_can_be_restored(tmp_path):
    path = tmp_path / "erasure.csv"
    add_erasures(ONE, path)
    path.write_text(f"kind,value\nsubject,{'b' * 32}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"lacks 1 .*\n.*rowtrail forget --restore"):
        read_erasures(path)
    assert add_erasures(Erasures(), path) == 1
    assert read_erasures(path).lines() == [f"record,{'a' * 20}", f"subject,{'b' * 32}"]


def test_a_fresh_clone_learns_the_list_and_then_keeps_it(tmp_path):
    path = tmp_path / "erasure.csv"
    path.write_text(f"kind,value\nsubject,{'b' * 32}\n", encoding="utf-8")
    assert len(read_erasures(path)) == 1
    assert add_erasures(Erasures(), path) == 0
    path.unlink()
    with pytest.raises(DataError, match="lacks 1"):
        read_erasures(path)


def test_a_list_that_is_not_understood_is_left_as_it_is(tmp_path):
    path = tmp_path / "erasure.csv"
    path.write_text("kind,value\nsubject,nora\n", encoding="utf-8")
    with pytest.raises(DataError):
        add_erasures(ONE, path)
    assert path.read_text(encoding="utf-8") == "kind,value\nsubject,nora\n"
    assert not memory_file().exists()


def test_requests_at_the_same_time_all_get_onto_the_list(tmp_path):
    path = tmp_path / "erasure.csv"
    requests = [Erasures(records={f"{number:020x}"}) for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda request: add_erasures(request, path), requests))
    assert sum(added) == len(read_erasures(path)) == 20
