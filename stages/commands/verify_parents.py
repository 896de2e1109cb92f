"""Group `parents` of `verify`: the earlier runs that the model was tuned from are the ones that its files name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from stages.commands.verify_checks import Check, Finding, Note, read_json
from stages.commands.verify_project import DATA, EVENTS, MANIFEST, Project, id_set
from stages.core.errors import Fault
from stages.core.storage import sha256_of
from stages.methods.finetune.earlier_run import PREFIX, Run, ancestor, lineage

_TRAINING = DATA / "finetune" / "training.json"
_STEP = "delete the object and `dvc fetch` it again; where the run itself was rewritten, tune the model anew"


def parent_checks(project: Project) -> Iterator[Check]:
    """What the plan says of them, and each run against its files in DVC's cache, down to the model's weights."""
    if not project.has("finetune"):
        return
    parents = read_json(_TRAINING).get("parents") or []
    if project.has("plan"):
        yield Check(str(_TRAINING), partial(_planned, parents))
    for i, parent in enumerate(parents):
        yield Check(f"run {parent['name']}", partial(_run, parents[i:]))


def _planned(parents: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    if (read_json(DATA / "plan" / "plan.json").get("parents") or []) != parents:
        yield Fault(str(_TRAINING), "names other parents of the model than data/plan/plan.json", "run `dvc repro`")


def _run(parents: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """A run, and those behind it, as they are now and as they were noted when the model was tuned."""
    said, place = parents[0], f"run {parents[0]['name']}"
    run = ancestor(said)
    if run is None:
        yield Note(f"{place}: git does not know the commit {said['commit']} any more; it was not checked")
        return
    if any(run.file("finetune", name) is None for name in (MANIFEST, "training.json")):
        yield Note(f"{place}: its files are not in DVC's cache; it was not checked")
        return
    found = lineage(PREFIX + str(said["commit"]))
    found[0]["name"] = said["name"]  # asked for by its commit
    if found != [*parents]:
        yield Fault(place, f"is not what {_TRAINING} says of it", _STEP)
    yield from _files(run, place)
    yield from _ids(run, said, place)


def _files(run: Run, place: str) -> Iterator[Finding]:
    """Every file of the tuned model's folder that is there, against its manifest."""
    gone = []
    for name, digest in run.json(MANIFEST)["files"].items():
        file = run.file("finetune", name)
        if file is None:
            gone.append(name)
        elif sha256_of(file) != digest:
            yield Fault(place, f"{name} has other bytes than its manifest says", _STEP)
    if gone:
        yield Note(f"{place}: {len(gone)} of its files are not in DVC's cache: {', '.join(gone[:5])}")


def _ids(run: Run, said: Mapping[str, Any], place: str) -> Iterator[Finding]:
    ids = run.trained_on()
    if ids is not None and id_set(pa.array(sorted(ids), pa.string())).digest != said["train_ids"]:
        yield Fault(f"{place}: {EVENTS}", "was trained on other records than its train_ids says", _STEP)
