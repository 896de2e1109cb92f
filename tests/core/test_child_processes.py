import os
import sys
from pathlib import Path
from types import SimpleNamespace

from stages.core import child_processes
from stages.core.child_processes import ENDS_WITH_PARENT, dvc_environment, run_stage, stage_environment


def test_a_stage_decides_for_itself_whether_it_may_use_the_network(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("SOMETHING", "else")
    environment = stage_environment()
    assert not {"HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"} & environment.keys()
    assert environment["SOMETHING"] == "else"


def test_dvc_finds_this_python_first():
    assert dvc_environment()["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_stage_that_fails_gives_its_exit_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    assert run_stage("plan", tmp_path, ["split"], tmp_path / "none.yaml") == 2


def test_a_stage_is_told_to_end_with_the_command_that_started_it(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(
        child_processes.subprocess, "run", lambda *_, env, **__: started.append(env) or SimpleNamespace(returncode=0)
    )
    run_stage("plan", tmp_path, ["split"], tmp_path / "none.yaml")
    assert ENDS_WITH_PARENT in started[0]
    assert ENDS_WITH_PARENT not in dvc_environment()
