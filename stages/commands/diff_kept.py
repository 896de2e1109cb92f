"""What is left of a version's stage folders, file by file: old records may be gone from the cache, and events not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.core.errors import DataError, Fault
from stages.core.storage import StageFolder, sha256_of
from stages.core.versions import Version

RECORDS, EVENTS, MANIFEST = "records.parquet", "events.parquet", "manifest.json"
ABSENT = "not here, nor in DVC's cache (`dvc fetch --all-commits` gets what a remote still has)"
"""Said of files that cannot be read: whether another machine or a remote has them is not known here."""


class Kept:
    """A version, and the files of its stage folders that can still be read."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.name = version.name

    @cached_property
    def stages(self) -> tuple[str, ...]:
        """The stages it has run, in the order of its dvc.yaml, which is that of the work."""
        ran = {
            name for name, stage in self.version.lock.items() if any(out.path == f"data/{name}" for out in stage.outs)
        }
        if self.version.commit is None:
            ran |= {path.parent.name for path in (self.version.root / "data").glob("[!.]*/manifest.json")}
        try:
            said = YAML(typ="safe").load((self.version.read("dvc.yaml") or b"").decode("utf-8"))
            order = list(said["stages"])
        except (UnicodeDecodeError, YAMLError, KeyError, TypeError):
            order = list(self.version.lock)
        return (*(name for name in order if name in ran), *sorted(ran - set(order)))

    def file(self, stage: str, name: str) -> Path | None:
        """A file of a stage's folder, wherever it is kept; None where it is gone."""
        path = self.version.files(stage).get(name)
        return path if path and path.is_file() else None

    def table(self, stage: str, name: str, columns: list[str] | None = None) -> pa.Table | None:
        """A parquet file, or some of its columns; None where it is gone. Raises DataError for one that is damaged."""
        path = self.file(stage, name)
        try:
            return None if path is None else StageFolder(path.parent).table(path.name, columns)
        except DataError as error:
            if self.version.commit is None:
                raise
            step = "delete this file; `dvc fetch --all-commits` gets it again where a remote has it"
            problem = f"{name} of {stage} in {self.name}, in DVC's cache, is damaged"
            raise DataError(Fault(error.faults[0].place, problem, step)) from None

    def json(self, stage: str, name: str) -> dict[str, Any]:
        """A JSON object; empty where it is gone or is none."""
        path = self.file(stage, name)
        try:
            found = json.loads(path.read_bytes()) if path else {}
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def manifests(self) -> Mapping[str, dict[str, Any]]:
        """The manifests that are left, by stage."""
        return {stage: said for stage in self.stages if (said := self.json(stage, MANIFEST))}

    def counts(self, stage: str) -> Mapping[str, Any]:
        """`records` and `reasons` of a stage: by its manifest, or where that is gone by its report, which git keeps."""
        if said := self.manifests.get(stage):
            return {"records": said.get("counts", {}), "reasons": said.get("reasons", {})}
        return self.version.metrics(stage) if stage in self.stages else {}

    def digest(self, stage: str, name: str) -> str | None:
        """SHA-256 of a file of a stage's folder, as its manifest has it."""
        found: str | None = self.manifests.get(stage, {}).get("files", {}).get(name)
        return found

    def behind(self) -> list[str]:
        """Stages one of whose inputs was made again since they ran: their rows are those of an older run."""
        paths = {stage: self.file(stage, MANIFEST) for stage in self.manifests}
        digests = {stage: sha256_of(path) for stage, path in paths.items() if path}
        return [
            stage
            for stage, said in self.manifests.items()
            if any(digests.get(name, digest) != digest for name, digest in said.get("inputs", {}).items())
        ]


def data_stages(a: Kept, b: Kept) -> list[str]:
    """The stages whose folders hold records, in order, as far as the lists of files that are left tell.

    Where a stage's list is gone in both versions, and a later stage has records, it is taken for one that has them.
    """
    order = list(dict.fromkeys([*a.stages, *b.stages])) if len(a.stages) >= len(b.stages) else [*b.stages]
    order += [stage for stage in a.stages if stage not in order]
    has = [any(RECORDS in side.version.files(stage) for side in (a, b)) for stage in order]
    unknown = [not any(side.version.files(stage) for side in (a, b)) for stage in order]
    last = max((place for place, yes in enumerate(has) if yes), default=-1)
    return [stage for place, stage in enumerate(order) if has[place] or (unknown[place] and place < last)]
