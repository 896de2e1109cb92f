"""One training in two CPU processes (gloo) is the training of one process, and nothing of it stays when one fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.core.storage import StageFolder, files_below
from tests import tiny

ROOT = Path(__file__).parents[2]
# The last batch of an epoch has one record, so that one process has none; checkpoints come in the middle of epochs.
RECORDS = {"train": 57, "validation": 7}
SETTINGS = {"dropout": 0.0, "gradient_accumulation": 2, "class_weights": True, "early_stopping": 4}
ARGUMENTS = ["finetune", "--in", "data/split", "--in", "data/plan"]
CURVE = "learning_curve.csv"


class Project:
    """A folder with a split, a plan for it and params for two processes."""

    def __init__(self, root, base, finetune=(), **top):
        self.root = root
        (root / "tmp").mkdir()
        settings = tiny.params(base, {**SETTINGS, **dict(finetune)}, **{"lr": 1e-2, "epochs": 10, **top})
        tiny.write_split(root / "data" / "split", tiny.toy_records(**RECORDS))
        tiny.run_plan(root / "data", settings)
        for count in (1, 2):
            values = {**settings.model_dump(mode="json"), "engine": {"processes": count}}
            (root / f"{count}.yaml").write_text(json.dumps(values), encoding="utf-8")

    def start(self, *command, out="data/finetune", params="2.yaml"):
        hidden = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "DVC_STAGE", "OMP_NUM_THREADS")
        own = {name: value for name, value in os.environ.items() if name not in hidden}
        places = {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(self.root), "TMPDIR": str(self.root / "tmp")}
        return subprocess.Popen(
            [sys.executable, *(command or ("-m", "stages")), *ARGUMENTS, "--out", out, "--params", params],
            cwd=self.root, env={**own, **places}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *command, code=0, **places):
        """Run a command to its end and give what it said."""
        process = self.start(*command, **places)
        out, said = process.communicate(timeout=120)
        assert process.returncode == code, said
        assert out == ""
        return said

    def wait_for_steps(self, process):
        """Until the first checkpoint is there; gives the process ids of the two that train."""
        deadline = time.monotonic() + 60
        while not list(self.root.glob(".rowtrail/checkpoints/*/checkpoint-*/trainer_state.json")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return [int(id) for id in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def project(tmp_path_factory, base):
    return Project(tmp_path_factory.mktemp("project"), base)


@pytest.fixture(scope="module")
def together(project):
    """What two processes said; their folder is data/finetune."""
    return project.run()


def training(folder):
    return json.loads((folder / "training.json").read_bytes())


def losses(folder):
    """Each row's train and validation loss."""
    rows = (folder / CURVE).read_text(encoding="utf-8").splitlines()[1:]
    return [float(cell or 0) for row in rows for cell in row.split(",")[2:4]]


def test_two_processes_train_as_one_does(project, together):
    project.run(out="data/alone", params="1.yaml")
    alone, both = project.root / "data" / "alone", project.root / "data" / "finetune"
    assert losses(both) == pytest.approx(losses(alone), rel=1e-4)
    one, two = training(alone), training(both)
    assert (one.pop("processes"), two.pop("processes")) == (1, 2)
    for name in ("train_loss", "validation_loss"):
        assert two.pop(name) == pytest.approx(one.pop(name), rel=1e-4)
    assert two == one
    assert one["best_step"] > 0
    events = [StageFolder(folder).manifest["files"]["events.parquet"] for folder in (alone, both)]
    assert events[0] == events[1]


def test_only_the_first_process_writes_and_speaks(project, together):
    lines = [line for line in together.splitlines() if not line.startswith("  finetune (steps)")]
    assert sum("validation loss" in line for line in lines) == sum(
        map(bool, losses(project.root / "data/finetune")[1::2])
    )
    assert len(lines) == len(set(lines))
    assert lines[-1].startswith("finetune: ")
    assert sorted(path.name for path in (project.root / "data").iterdir() if path.name != "alone") == [
        "finetune", "plan", "split",
    ]  # fmt: skip
    assert files_below(project.root / ".rowtrail") == files_below(project.root / "tmp") == []


DEADLY = """
import os, signal, sys
from stages.__main__ import main
from stages.methods.finetune.trainer import RecordTrainer
step = RecordTrainer.training_step
def deadly(self, *given):
    if self.state.global_step == 13 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *given)
RecordTrainer.training_step = deadly
sys.exit(main())
"""


@pytest.mark.slow
def test_when_one_process_is_killed_all_end_and_the_next_run_goes_on_to_the_same_bits(tmp_path, base):
    project = Project(tmp_path, base, {"dropout": 0.1})
    project.run(out="data/undisturbed")
    (tmp_path / "deadly.py").write_text(DEADLY, encoding="utf-8")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    assert "SIGKILL" in project.run(*torchrun, "deadly.py", code=1)
    assert not (tmp_path / "data" / "finetune").exists()
    assert "goes on from the checkpoint of step 10" in project.run()
    undisturbed, resumed = (StageFolder(tmp_path / "data" / name) for name in ("undisturbed", "finetune"))
    assert resumed.manifest["files"] == undisturbed.manifest["files"]


def test_an_error_of_all_processes_is_told_once_with_its_exit_code(tmp_path, base):
    project = Project(tmp_path, base, batch_size=9)
    said = project.run(code=2)
    assert said.splitlines() == [
        "finetune: params.yaml: batch_size: 9 records cannot be shared evenly by 2 processes",
        "    next: set it to a multiple, or start fewer",
    ]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["plan", "split"]


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes in /proc")
def test_when_the_launcher_is_ended_no_process_trains_on(tmp_path, base, sign):
    project = Project(tmp_path, base, {"early_stopping": None, "evaluations": 100}, epochs=500)
    launcher = project.start()
    trainers = project.wait_for_steps(launcher)
    assert len(trainers) == 2
    launcher.send_signal(sign)
    _, said = launcher.communicate(timeout=60)
    assert launcher.returncode == (-sign if sign == signal.SIGKILL else 130)
    assert sign == signal.SIGKILL or said.splitlines()[-1] == "finetune: stopped"
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{id}").exists() for id in trainers):
        assert time.monotonic() < deadline, "an orphan goes on training"
        time.sleep(0.1)
    assert not (tmp_path / "data" / "finetune").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"],
        ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
         "--mixed_precision", "no", "--dynamo_backend", "no"],
    ],
    ids=["torchrun", "accelerate"],
)  # fmt: skip
def test_launched_by_hand_it_gives_the_same_files(project, together, launcher):
    project.run("-m", *launcher, "-m", "stages", out="data/by_hand")
    by_hand, own = (StageFolder(project.root / "data" / name) for name in ("by_hand", "finetune"))
    assert by_hand.manifest["files"] == own.manifest["files"]
