"""The front door: help, exit codes, and what a user sees when something goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stages.__main__ import STAGES, main
from stages.commands import COMMANDS


def test_help_lists_every_stage_and_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in [*STAGES, *COMMANDS])


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["clean"], ["clean", "--out", "x", "--wrong"]])
def test_a_wrong_command_line_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_an_unexpected_error_names_the_place_and_not_the_message(monkeypatch, capsys, tmp_path):
    import stages.commands.summary

    def broken(_):
        raise KeyError("the text of a record")

    monkeypatch.chdir(tmp_path)  # where no file is altered, which would be told instead
    monkeypatch.setattr(stages.commands.summary, "summary", broken)
    assert main(["summary", "--reports", str(tmp_path)]) == 1
    shown = capsys.readouterr().err
    assert "unexpected KeyError" in shown
    assert "ROWTRAIL_DEBUG" in shown
    assert "text of a record" not in shown
    assert "Traceback" not in shown


def test_a_stage_that_cannot_share_its_work_is_not_run_in_several_processes(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("TORCHELASTIC_ERROR_FILE", raising=False)
    assert main(["clean", "--in", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "clean: was started as one of 2 processes" in capsys.readouterr().err


def test_a_reader_that_stops_reading_is_no_error(tmp_path):
    (tmp_path / "ingest.json").write_text('{"records": {"in": 2, "created": 2}}', encoding="utf-8")
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "stages", "summary", "--reports", str(tmp_path)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.stderr == b""
    assert done.returncode == 141
