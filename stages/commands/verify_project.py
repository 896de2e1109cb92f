"""What `verify` looks at: the project's lock file, wiring, folders and hashes, each read once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stages.commands.verify_checks import BROKEN, read_json
from stages.core.dvc_files import LOCK, DvcCache, LockedStage, folder_md5, md5_of, read_lock, watched_files
from stages.core.errors import DataError, Fault, RowtrailError
from stages.core.git import Git
from stages.core.ledger import IdSet
from stages.core.params_file import read_yaml
from stages.core.storage import StageFolder, sha256_of
from stages.core.task import Task

DATA = Path("data")
MANIFEST = "manifest.json"
EVENTS = "events.parquet"
RECORDS = "records.parquet"
_LOT = 2**16
"""Ids that are hashed together."""


@dataclass(frozen=True, slots=True)
class Wired:
    """What dvc.yaml says of a stage. `uncached` are outputs that git keeps instead of DVC's cache."""

    name: str
    command: str
    deps: frozenset[str]
    outs: frozenset[str]
    params: frozenset[str]
    uncached: frozenset[str]


class Project:
    """The project in the current folder. Everything is read when it is asked for, and hashed once."""

    def __init__(self, revision: str | None = None) -> None:
        self.revision = revision
        self.lock_name = f"{LOCK} of {revision}" if revision else LOCK
        self.cache = DvcCache()
        self._md5: dict[str, str | None] = {}
        self._files: dict[str, dict[str, str]] = {}
        self._sha256: dict[Path, str] = {}
        self._ids: dict[str, pa.Array] = {}
        self._digests: dict[str, IdSet] = {}

    # --- what DVC and git say --------------------------------------------------------------------------------------
    @cached_property
    def lock(self) -> dict[str, LockedStage]:
        """The stages of the lock file that counts: the one on disk, or that of the revision. Raises DataError."""
        content = self._lock_content()
        if content is None:
            step = "run `dvc repro`, or bring it back with `git checkout dvc.lock`"
            raise DataError(Fault(self.lock_name, "no such file: nothing says which bytes there should be", step))
        return read_lock(content, self.lock_name)

    def _lock_content(self) -> bytes | None:
        if self.revision is not None:
            git = Git()
            return git.read(git.commit(self.revision), LOCK)
        return Path(LOCK).read_bytes() if Path(LOCK).is_file() else None

    @property
    def locked(self) -> dict[str, LockedStage]:
        """The same, empty where there is no lock file that can be read (the check of bytes says so)."""
        try:
            return self.lock
        except RowtrailError:
            return {}

    @cached_property
    def wiring(self) -> dict[str, Wired]:
        """The stages of dvc.yaml that are written out plainly. Raises UsageError when it cannot be read."""
        stages = read_yaml(Path("dvc.yaml")).get("stages") or {}
        try:
            values = self.params
        except RowtrailError:
            values = {}  # what cannot be filled in differs from the lock file; the check of params says why
        return {
            name: _wired(name, said, values)
            for name, said in stages.items()
            if isinstance(said, Mapping) and isinstance(said.get("cmd"), str) and "wdir" not in said
        }

    @property
    def wired(self) -> dict[str, Wired]:
        """The same, empty where dvc.yaml cannot be read (the check of bytes says so)."""
        try:
            return self.wiring
        except (RowtrailError, *BROKEN):
            return {}

    @cached_property
    def params(self) -> dict[str, Any]:
        """params.yaml as written. Raises UsageError when it cannot be read."""
        return read_yaml(Path("params.yaml"))

    # --- the folders ------------------------------------------------------------------------------------------------
    @cached_property
    def stages(self) -> list[str]:
        """Names of the stage folders that are there, those of dvc.yaml first, in its order."""
        wired = list(self.wired) or list(self.locked)
        found = {file.parent.name for name in (MANIFEST, EVENTS, RECORDS) for file in DATA.glob(f"[!.]*/{name}")}
        known = [name for name in wired if (DATA / name).is_dir()]
        return known + sorted(found - set(known))

    def folder(self, stage: str) -> StageFolder:
        """A stage's folder."""
        return StageFolder(DATA / stage)

    def has(self, stage: str, name: str = MANIFEST) -> bool:
        """Whether a stage's folder holds a file."""
        return (DATA / stage / name).is_file()

    def manifest(self, stage: str) -> dict[str, Any]:
        """A stage's manifest. Raises DataError for one that is none."""
        return self.folder(stage).manifest

    def ids(self, stage: str) -> pa.Array:
        """The ids of a stage's records, as they stand in the file. Raises DataError when it cannot be read."""
        if stage not in self._ids:
            self._ids[stage] = self.folder(stage).table(columns=["id"])["id"].combine_chunks()
        return self._ids[stage]

    def id_set(self, stage: str) -> IdSet:
        """Their count and digest."""
        if stage not in self._digests:
            self._digests[stage] = id_set(self.ids(stage))
        return self._digests[stage]

    @cached_property
    def task(self) -> Task:
        """The task by which the folders were made. Raises UsageError for an unknown one."""
        from stages.tasks import load_task

        return load_task(str(self.params.get("task", "classification")))

    @cached_property
    def labels(self) -> frozenset[str]:
        """What may stand in evidence though it has spaces: labels, and names of source files."""
        stage = next(record_stages(self), None)
        columns = self.task.schema.of_kind("label", "labels", "spans")
        found = {label for column in columns if stage for label in self._labels(stage, column.name)}
        return frozenset(found | set(self._source_files()))

    def _labels(self, stage: str, name: str) -> list[str]:
        values = self.folder(stage).table(columns=[name])[name].combine_chunks()
        if pa.types.is_list(values.type):
            values = values.flatten()
        if pa.types.is_struct(values.type):
            values = values.field("label")
        found: list[str] = values.unique().drop_null().to_pylist()
        return found

    def _source_files(self) -> Iterator[str]:
        if self.has("ingest", "report.json"):
            for source in read_json(DATA / "ingest" / "report.json")["sources"].values():
                yield from (Path(file["name"]).name for file in source["files"])

    # --- hashes -----------------------------------------------------------------------------------------------------
    def md5(self, path: str) -> str | None:
        """A file's or folder's hash as DVC writes it, from its bytes; None where there is nothing."""
        if path not in self._md5:
            place = Path(path)
            if place.is_dir():
                self._md5[path] = folder_md5(self.file_hashes(path))
            else:
                self._md5[path] = md5_of(place) if place.is_file() else None
        return self._md5[path]

    def file_hashes(self, path: str) -> dict[str, str]:
        """MD5 of each file of a folder that DVC counts, by relative path."""
        if path not in self._files:
            self._files[path] = {name: md5_of(Path(path) / name) for name in watched_files(Path(path))}
        return self._files[path]

    def sha256(self, path: Path) -> str:
        """SHA-256 of a file's bytes. Raises OSError."""
        if path not in self._sha256:
            self._sha256[path] = sha256_of(path)
        return self._sha256[path]


def _wired(name: str, said: Mapping[str, Any], values: Mapping[str, Any]) -> Wired:
    outs = [_named(one) for kind in ("outs", "metrics", "plots") for one in said.get(kind) or ()]
    params = [one for one in said.get("params") or () if isinstance(one, str)]
    return Wired(
        name,
        _filled(said["cmd"], values),
        frozenset(_filled(_named(one)[0], values) for one in said.get("deps") or ()),
        frozenset(_filled(path, values) for path, _ in outs),
        frozenset(params),
        frozenset(_filled(path, values) for path, options in outs if options.get("cache") is False),
    )


def _named(one: Any) -> tuple[str, Mapping[str, Any]]:
    """An entry of `deps` or `outs`: a path, or a mapping from the path to its options."""
    if isinstance(one, Mapping):
        [(path, options)] = one.items()
        return str(path), options or {}
    return str(one), {}


def _filled(text: str, values: Mapping[str, Any]) -> str:
    """A text of dvc.yaml with the top-level values of params.yaml in place of `${name}`."""
    return re.sub(r"\$\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), text)


def id_set(ids: pa.Array | pa.ChunkedArray) -> IdSet:
    """Count and digest of ids, as `IdSet.add` gives them, many at once."""
    found, words = IdSet(), np.zeros(8, np.uint64)
    for start in range(0, len(ids), _LOT):
        lot = ids.slice(start, _LOT).to_pylist()
        hashes = b"".join([hashlib.sha256(id.encode()).digest() for id in lot])
        words += np.frombuffer(hashes, ">u4").reshape(-1, 8).sum(axis=0, dtype=np.uint64)
        found.count += len(lot)
    found.total = sum(word << 32 * place for place, word in enumerate(reversed(words.tolist()))) % 2**256
    return found


def record_stages(project: Project) -> Iterator[str]:
    """The stages whose folders hold records."""
    return (stage for stage in project.stages if project.has(stage, RECORDS))
