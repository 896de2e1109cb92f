"""What each of several processes of a training knows and writes."""

from __future__ import annotations

import json
import sys

import pytest

from stages.core import processes
from stages.core.checkpoints import checkpoint_folder

LAUNCHER = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_ERROR_FILE")


@pytest.fixture
def second(monkeypatch, tmp_path):
    """This process is the second of four, two of them on this machine."""
    values = ("1", "4", "2", str(tmp_path / "launcher" / "error.json"))
    (tmp_path / "launcher").mkdir()
    for name, value in zip(LAUNCHER, values, strict=True):
        monkeypatch.setenv(name, value)


@pytest.fixture
def alone(monkeypatch):
    for name in LAUNCHER:
        monkeypatch.delenv(name, raising=False)


def test_a_process_that_nobody_launched_is_the_only_one(alone):
    assert (processes.launched(), processes.index(), processes.count(), processes.count_here()) == (False, 0, 1, 1)


def test_the_launcher_says_which_process_this_is(second):
    assert (processes.launched(), processes.index(), processes.count(), processes.count_here()) == (True, 1, 4, 2)


def test_alone_it_writes_where_it_was_told(alone, tmp_path):
    with processes.output_place(tmp_path / "out") as place:
        assert place == tmp_path / "out"


def test_another_than_the_first_writes_apart_and_says_nothing(second, tmp_path, capsys):
    with processes.output_place(tmp_path / "out") as place:
        place.mkdir()
        assert place.name == "out"
        assert place.parent.parent == tmp_path / "launcher"
        sys.stderr.write("a line of progress")
    assert not place.parent.exists()
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().err == ""


def test_an_error_goes_to_the_launcher_where_there_is_one(second, tmp_path):
    assert processes.tell_launcher("what was wrong")
    told = json.loads((tmp_path / "launcher" / "error.json").read_text(encoding="utf-8"))
    assert told["message"] == "what was wrong"


def test_without_a_launcher_the_error_is_for_the_user(alone):
    assert not processes.tell_launcher("what was wrong")


def test_another_than_the_first_neither_locks_nor_deletes_the_checkpoints(second, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    half = tmp_path / ".rowtrail" / "checkpoints" / "key" / "checkpoint-5"
    half.mkdir(parents=True)
    with checkpoint_folder("key"), checkpoint_folder("key") as folder:
        assert folder == half.parent
    assert half.exists()
