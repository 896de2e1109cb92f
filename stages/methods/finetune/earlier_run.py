"""Models that an earlier run of this project tuned: `model: run://NAME`, read from DVC's cache, with their lineage.

NAME is a git revision, tag or branch, or a DVC experiment. A run is read where the project itself lies, also from the
temporary copies in which DVC runs experiments: those have neither its tags nor its other experiments.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.core.dvc_files import md5_of
from stages.core.errors import DataError, Fault, UsageError
from stages.core.git import Git
from stages.core.keys import project_root
from stages.core.progress import say
from stages.core.records import Record, Schema
from stages.core.storage import sha256_of
from stages.core.tables import records_of, records_schema
from stages.core.versions import WORKSPACE, Version, versions

PREFIX = "run://"
_PLACE = "params.yaml: model"
_STAGE = "finetune"
_MODEL = "model/"
_HASH = 7  # digits from which on a name is taken for a commit's
_FETCH = (
    "`dvc exp pull REMOTE NAME` fetches an experiment, `dvc fetch --all-tags finetune split` tags, `--all-commits` "
    "all; what `rowtrail forget --purge-models` deleted is gone"
)


def is_run(source: str) -> bool:
    """Whether a base model is named as the one that an earlier run tuned."""
    return source.startswith(PREFIX)


@dataclass(frozen=True)
class Run:
    """A version of the project in which a model was tuned; `source` is how it was named."""

    source: str
    version: Version

    @property
    def folder(self) -> str:
        """What DVC hashed the folder of the model to."""
        out = self.version.out(_STAGE)
        if out is None or not out.is_folder:
            problem, step = f"{self.source}: no model was tuned there", "choose a commit in which `finetune` had run"
            raise DataError(Fault(_PLACE, problem, step))
        return out.md5

    @property
    def stays(self) -> bool:
        """Whether the name means this commit for good, as a tag, an experiment and a hash do, and a branch does not."""
        name, refs = self.version.name, Git(self.version.root).refs()
        is_hash = len(name) >= _HASH and str(self.version.commit).startswith(name)
        return is_hash or any(ref.name == name and ref.kind in ("tag", "experiment") for ref in refs)

    def file(self, stage: str, name: str) -> Path | None:
        """Where a file of a stage's folder is in DVC's cache; None where the cache lacks it."""
        place = self.version.files(stage).get(name)
        return place if place is not None and place.is_file() else None

    def required(self, name: str) -> Path:
        """A file of the folder of `finetune`. Raises DataError where DVC's cache lacks it."""
        found = self.file(_STAGE, name)
        if found is None:
            raise self.missing(f"data/{_STAGE}/{name}")
        return found

    def missing(self, what: str) -> DataError:
        """The error for what DVC's cache lacks."""
        return DataError(Fault(_PLACE, f"{self.source}: {what} is not in DVC's cache", _FETCH))

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder of `finetune`. Raises DataError where it is missing, or is none."""
        place = self.required(name)
        try:
            return dict(json.loads(place.read_bytes()))
        except (OSError, ValueError, TypeError):
            step = "delete that file and fetch it again"
            raise DataError(Fault(str(place), f"is not the {name} of {self.source}", step)) from None

    def records(self, schema: Schema, split: str) -> list[Record] | None:
        """The records of one split that the run had; None where the cache lacks them."""
        place = self.file("split", "records.parquet")
        if place is None:
            return None
        table = pq.read_table(place, partitioning=None, filters=[("split", "=", split)])
        for column in records_schema(schema):
            if column.name not in table.column_names:  # older than this column
                table = table.append_column(column, pa.nulls(len(table), column.type))
        return records_of(table, schema)

    def trained_on(self) -> set[str] | None:
        """Ids of the records that the model learned from; None where the cache lacks their list."""
        place = self.file(_STAGE, "events.parquet")
        if place is None:
            return None
        events = pq.read_table(place, columns=["id", "reason"], partitioning=None)
        return {*events.filter(pc.equal(events["reason"], "trained_on"))["id"].to_pylist()}


def open_run(source: str) -> Run:
    """The run that `run://NAME` names. Raises UsageError for a name that means nothing, DataError for no run."""
    name, root = source.removeprefix(PREFIX), project_root()
    if name in ("", WORKSPACE):
        problem = f"{source}: a run cannot start from its own model"
        raise UsageError(Fault(_PLACE, problem, "name a commit, tag, branch or DVC experiment: run://v1"))
    return Run(source, _version(name, root, Git(root).commit(name)))


@lru_cache(maxsize=16)
def _version(name: str, root: Path, _: str) -> Version:
    """Remembered by commit, which never changes: to parse a lock file takes a while."""
    (found,) = versions(name, root=root)
    return found


def tuned_model(source: str, cache: Path) -> Path:
    """A folder for `from_pretrained` with a run's tuned model, below `cache` by the MD5 of the folder in DVC's cache.

    It is made if it is not there, and moved in as a whole: processes that make it at once do not disturb each other.
    Raises DataError for files that are missing, or are not what was tuned.
    """
    run = open_run(source)
    folder = cache / run.folder.removesuffix(".dir")
    if folder.is_dir():
        return folder
    files = {name: place for name, place in run.version.files(_STAGE).items() if name.startswith(_MODEL)}
    if not files:
        raise run.missing(f"the list of files of data/{_STAGE}")
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Path(tempfile.mkdtemp(prefix="making-", dir=cache))
    say(f"  model: taking that of {source} from DVC's cache, once")
    try:
        for name in files:
            _take(run.required(name), made / name.removeprefix(_MODEL))
        with contextlib.suppress(OSError):  # another process was faster: its folder holds the same
            made.replace(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def _take(place: Path, target: Path) -> None:
    """An object of DVC's cache under its file's name: linked where that is possible, for weights are large."""
    if md5_of(place) != place.parent.name + place.name:
        step = "delete it and fetch it again; `rowtrail verify --cache` looks for others"
        raise DataError(Fault(str(place), "has other bytes than those that were tuned", step))
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(place, target)
    except OSError:
        shutil.copyfile(place, target)


def lineage(source: str) -> list[dict[str, Any]]:
    """The run that a model comes from, then those which that one came from; none for another model.

    Of each: its `name` and `commit`, its task, base model and labels, the SHA-256 of the manifests of `finetune` and of
    its split and of its plan.json, and the digest of the ids that it was trained on.
    """
    if not is_run(source):
        return []
    run = open_run(source)
    training, manifest = run.json("training.json"), run.json("manifest.json")
    first = {
        "name": run.version.name,
        "commit": run.version.commit,
        **{name: training.get(name) for name in ("task", "model", "labels", "plan", "train_ids")},
        "split": manifest.get("inputs", {}).get("split"),
        "finetune": sha256_of(run.required("manifest.json")),
    }
    return [first, *training.get("parents", ())]


def ancestor(parent: Mapping[str, Any]) -> Run | None:
    """The run of an entry of `lineage`, by its commit, for its name may mean another by now; None where git lost it."""
    try:
        return open_run(PREFIX + str(parent["commit"]))
    except (UsageError, DataError):
        return None


def pinned(training: Mapping[str, Any]) -> str:
    """The base model that training.json speaks of: an earlier run by its commit, any other by its name."""
    parents = training.get("parents")
    return PREFIX + str(parents[0]["commit"]) if parents else str(training["model"])
