"""A whole project in half a minute: every stage, in this process, on a toy model that is tuned with privacy.

It holds a file of every kind that the project writes: also the ledger of the budget, canaries, decisions, an erasure
with its proof, exports and an attestation. DVC writes the lock file and the cache, as after a run of its own.
"""

from __future__ import annotations

import csv
import random
import shlex
import shutil
from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from stages.__main__ import main
from stages.commands import forget_apply
from tests import tiny
from tests.pipeline.conftest import Project, make_project

MARK = "zzyxmarked"
"""A word that stands in the texts of records alone: no message may repeat it."""
ERASED, KEPT = "customer-zzyx-1", "customer-zzyx-2"
EXPORTED = Path("data/export")
_DATA_STAGES = ("ingest", "clean", "deduplicate", "scrub_pii", "check_labels", "split")
ATTESTATION, SIGNER = Path("attestation.intoto.jsonl"), Path(".rowtrail/signer.pem")


def build(root: Path, base: Path) -> Project:
    """Make the project in a folder, around a model as `tiny.save_base` saves it. It must be the current one."""
    project = make_project(root)
    (root / "data/raw/sample.csv").write_text(_rows(), encoding="utf-8")
    project.set_params(lambda params: _set(params, base))
    _done("key")
    _run(_DATA_STAGES)
    _decide()
    with pytest.MonkeyPatch.context() as patch:
        # The stages that were there before, in this process, instead of `dvc repro`.
        patch.setattr(forget_apply, "_repro", lambda: _run(_DATA_STAGES))
        _done("forget", "--subject", ERASED, "--apply")
    _run(_DATA_STAGES[3:5])  # what was computed is put aside again, which the erasure has deleted
    _run(("plan", "finetune", "evaluate", "audit", "document"))
    project.run("dvc", "commit", "--force", "--quiet")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "first run")
    project.run("git", "tag", "v1")
    _done("export", "data", "--format", "alpaca")
    _done("export", "model", "--form", "safetensors")
    _done("attest", "--new-key", str(SIGNER))
    _done("attest", "--key", str(SIGNER))
    return project


def commands_of(root: Path = Path()) -> dict[str, list[str]]:
    """Each stage's arguments by its name, as dvc.yaml has them."""
    stages = YAML(typ="safe").load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {name: shlex.split(said["cmd"])[3:] for name, said in stages.items()}


def _run(names: Collection[str]) -> None:
    for name, arguments in commands_of().items():
        if name in names:
            _done(*arguments)


def _done(*arguments: str) -> None:
    assert main(arguments) == 0, arguments


def _decide() -> None:
    """A person says of one label that it is right."""
    id = pq.read_table("data/split/records.parquet", columns=["id"])["id"][0].as_py()
    _done("review", "labels", "--export", "review/labels.csv", "--id", id)
    with Path("review/labels.csv").open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    with Path("review/labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(row))
        table.writeheader()
        table.writerow({**row, "decision": "keep"})
    _done("review", "labels", "--import", "review/labels.csv", "--reviewer", "ab")
    shutil.rmtree("review")


def _rows() -> str:
    draw, lines = random.Random(7), ["id,text,label,customer,agreement"]
    for i in range(90):
        label = tuple(tiny.WORDS)[i % 3]
        words = [*draw.choices(tiny.FILLERS, k=draw.randint(5, 9)), draw.choice(tiny.WORDS[label]), f"{MARK}{i}"]
        draw.shuffle(words)
        mail = f" write to zzyx.{i}@mailbox-zzyx.com" if i % 9 == 0 else ""
        customer = ERASED if i == 40 else KEPT if i in (41, 42) else f"c{i}"
        lines.append(f'r{i},"{" ".join(words)}{mail}",{label},{customer},{0.5 + i / 200}')
    return "\n".join([*lines, lines[1].replace("r0", "r90")]) + "\n"


def _set(params, base: Path) -> None:
    params["model"] = str(base)
    params["lr"], params["epochs"], params["batch_size"] = 3e-3, 2, 16
    params["ingest"]["sources"][0]["public"] = False
    params["scrub_pii"] = {**params["scrub_pii"], "ner": {}, "probe": 0}
    params["deduplicate"] = {**params["deduplicate"], "probe": 0}
    params["check_labels"] = {**params["check_labels"], "folds": 2}
    params["finetune"] = {**params["finetune"], "canaries": 24, "head_only": True, "threads": 1, "max_length": 32}
    params["finetune"]["frozen_layers"] = 0
    private = {"enabled": True, "accountant": "rdp", "test_seed": 5, "target_epsilon": 8.0}
    params["privacy"] = {**params["privacy"], **private}
    params["engine"] = {**params["engine"], "workers": 1}
