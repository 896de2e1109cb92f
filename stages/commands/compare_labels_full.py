"""The thorough way of `rowtrail compare labels`: `plan` and `finetune` as they are, once a policy and seed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from stages.commands.compare_labels_rows import Rows
from stages.core.child_processes import run_stage
from stages.core.errors import CheckFailed, Fault
from stages.core.keys import project_root
from stages.core.params import EngineParams, Params
from stages.core.progress import say
from stages.core.runner import run
from stages.core.storage import StageFolder
from stages.core.task import Scores, Task
from stages.methods.check_labels.policy.policy_arms import arm_stage
from stages.methods.check_labels.views import Floats


def qualities(params: Params, task: Task, rows: Rows, seeds: int) -> tuple[dict[str, Floats], str]:
    """How good each answer is, of shape (seeds, test rows) for each policy, and what that is called.

    Rows and models lie in a temporary folder in .rowtrail, one model at a time.
    """
    found: dict[str, Floats] = {}
    measure = ""
    place = project_root() / ".rowtrail"
    place.mkdir(exist_ok=True, mode=0o700)
    with TemporaryDirectory(dir=place, prefix="compare-") as work:
        for arm in rows.arms:
            folder = Path(work) / arm.name
            one_process = params.model_copy(update={"engine": EngineParams(workers=1)})
            run(arm_stage(arm, rows.parts), [rows.source.path], folder / "split", one_process, task)
            scored = []
            for number in range(seeds):
                say(f"compare labels: {arm.name}, training {number + 1} of {seeds}")
                scored.append(_scores(params, task, rows, folder, params.seed + number))
            found[arm.name], measure = np.array([one.quality for one in scored]), scored[0].measure
    return found, measure


def _scores(params: Params, task: Task, rows: Rows, folder: Path, seed: int) -> Scores:
    """Train under a seed, and score the test rows."""
    from stages.methods.evaluate.tuned_model import open_tuned

    settings = folder / "params.json"  # JSON is YAML
    seeded = {**params.model_dump(mode="json"), "seed": seed}
    settings.write_text(json.dumps(seeded), encoding="utf-8")
    _stage("plan", folder, ["split"], settings)
    _stage("finetune", folder, ["split", "plan"], settings)
    tuned = open_tuned(task, StageFolder(folder / "finetune"))
    scores = task.score(rows.test, tuned.predict(rows.test), 1, 0)
    shutil.rmtree(folder / "finetune")
    return scores


def _stage(name: str, folder: Path, inputs: Sequence[str], params: Path) -> None:
    """Raises CheckFailed when the stage fails."""
    if code := run_stage(name, folder, inputs, params):
        raise CheckFailed(Fault(folder.name, f"{name} ended with {code}", "mend what it says above"))
