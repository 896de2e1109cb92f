"""`rowtrail compare labels`: what it brings to drop or relabel the labels in doubt, or to do as people decided.

A model a policy and seed, all scored on the same test rows, which no policy touches, with their labels as `evaluate`
takes them. By default a head on the embeddings that `check_labels` has cached; with `--full`, `plan` and `finetune`.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.commands.compare_labels_rows import Rows, read_rows
from stages.core.errors import Fault, PrivacyRefused, UsageError
from stages.core.params import Params
from stages.core.params_file import read_params
from stages.core.storage import write_json
from stages.core.task import Task
from stages.methods.check_labels.policy.policy_arms import AS_GIVEN

_PARAMS = Path("params.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How often to train, by which way, and where to write the figures."""
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="trainings of each policy, each on another "
                        "resample of the training rows, or with --full under another seed")  # fmt: skip
    parser.add_argument("--full", action="store_true", help="fine-tune the model of params.yaml each time; else a "
                        "head on frozen embeddings, which takes minutes")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="also write the figures there")


def run(args: argparse.Namespace) -> int:
    """Train, score, print. Raises UsageError for a task whose records are not labelled as a whole."""
    from stages.methods.check_labels.policy.policy_effect import lines, report
    from stages.tasks import load_task

    params = read_params(_PARAMS)
    task = load_task(params.task)
    _check(args, params, task)
    rows = read_rows(params, task)
    if [one.name for one in rows.arms] == [AS_GIVEN]:
        print("no label outside the test split is in doubt, and nobody decided about one: there is nothing to compare")
        return 0
    if args.full:
        from stages.commands.compare_labels_full import qualities
    else:
        from stages.commands.compare_labels_head import qualities
    by_policy, measure = qualities(params, task, rows, args.seeds)
    trained = "fine-tuned" if args.full else "head"
    found = {**report(by_policy, dict(_counts(rows)), measure, params.seed), "trained": trained}
    for line in lines(found, shutil.get_terminal_size().columns):
        print(line)
    if args.out is not None:
        write_json(args.out, found)
    return 0


def _check(args: argparse.Namespace, params: Params, task: Task) -> None:
    faults = []
    if args.seeds < 2:
        faults.append(Fault("--seeds", "fewer than 2 do not show how much a training differs from the next", "give 5"))
    if not task.schema.of_kind("label", "labels"):
        step = "`rowtrail review labels` shows how many of the doubts are right, whatever the task"
        faults.append(Fault("compare labels", f"{task.name} has no labels of whole records to drop or change", step))
    if args.out is not None and args.out.suffix != ".json":
        faults.append(Fault("--out", f"{args.out} is not a .json file", "give it that ending"))
    if faults:
        raise UsageError(*faults)
    if args.full and params.privacy.enabled:
        problem = "each model would spend of the privacy budget, and so would the choice among them"
        raise PrivacyRefused(Fault("params.yaml: privacy.enabled", problem, "compare without --full"))


def _counts(rows: Rows) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each policy does to the training rows."""
    for place, arm in enumerate(rows.arms):
        changes = [arm.changes[id] for id in rows.train if id in arm.changes]
        learned = sum(labels[place] is not None for labels in rows.train.values())
        left_out = sum(line is None for line in changes)
        yield arm.name, {"train_rows": learned, "relabelled": len(changes) - left_out, "left_out": left_out}
