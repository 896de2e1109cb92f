import os
import stat

import pytest

from stages.core import keys
from stages.core.errors import UsageError
from stages.core.keys import Keys, load_keys, make_key


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ROWTRAIL_KEY", "ROWTRAIL_KEY_FILE", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)


def test_hashes_differ_by_key_and_by_purpose():
    one, other = Keys(b"1" * 32, frozenset()), Keys(b"2" * 32, frozenset())
    hashes = {one.hash("a", "s", "Ann"), one.hash("b", "s", "Ann"), other.hash("a", "s", "Ann")}
    assert len(hashes) == 3
    assert one.hash("a", "s", "Ann") == Keys(b"1" * 32, frozenset()).hash("a", "s", "Ann")


def test_a_public_source_gives_the_same_hashes_with_any_key():
    with_key, without = Keys(b"1" * 32, frozenset({"s"})), Keys(None, frozenset({"s"}))
    assert with_key.hash("a", "s", "Ann") == without.hash("a", "s", "Ann")


def test_a_source_that_is_not_public_needs_a_key():
    with pytest.raises(UsageError, match="mail: not public, and there is no key"):
        load_keys({"mail": False, "tweets": True})


def test_a_key_is_made_once_and_only_its_owner_can_read_it():
    path = make_key()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_keys({"mail": False}).hash("a", "mail", "Ann")
    with pytest.raises(UsageError, match="there is a key already"):
        make_key()


def test_a_key_that_others_can_read_is_refused():
    path = make_key()
    path.chmod(0o644)
    with pytest.raises(UsageError, match="others can read"):
        load_keys({"mail": False})


def test_a_folder_in_the_keys_place_is_no_key_and_not_for_chmod_to_mend():
    path = make_key()
    path.unlink()
    path.mkdir(mode=0o755)
    with pytest.raises(UsageError, match=r"is not a file\n.*bring it back"):
        load_keys({"mail": False})


def test_a_short_key_is_refused(monkeypatch):
    monkeypatch.setenv("ROWTRAIL_KEY", "secret")
    with pytest.raises(UsageError, match="shorter than 32"):
        load_keys({"mail": False})


def test_an_experiment_in_a_temporary_copy_finds_the_projects_key(tmp_path, monkeypatch):
    path = make_key()
    copy = tmp_path / "copy"
    copy.mkdir()
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert keys.key_file() == path
    assert os.environ["DVC_ROOT"] == str(tmp_path)
