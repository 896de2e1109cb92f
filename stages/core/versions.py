"""A version of the project: what stands in the workspace, or what a commit's `dvc.lock` points to in DVC's cache.

Old folders are read where DVC keeps their bytes: nothing is checked out, and the workspace is not touched.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.core.dvc_files import LOCK, DvcCache, Hashed, LockedStage, read_lock
from stages.core.errors import DataError, Fault
from stages.core.git import Git
from stages.core.storage import StageFolder

WORKSPACE = "workspace"


@dataclass(frozen=True)
class Version:
    """One version. `commit` is None for the workspace; `scratch` is where folders of a commit are laid out."""

    name: str
    root: Path
    commit: str | None = None
    scratch: Path | None = None

    @cached_property
    def lock(self) -> dict[str, LockedStage]:
        """The stages of its lock file; none where it has no lock file."""
        content = self.read(LOCK)
        return {} if content is None else read_lock(content, f"{LOCK} of {self.name}")

    def read(self, path: str) -> bytes | None:
        """A file that git tracks, as it is in this version; None where there is none."""
        if self.commit is not None:
            return Git(self.root).read(self.commit, path)
        try:
            return (self.root / path).read_bytes()
        except OSError:
            return None

    def metrics(self, stage: str) -> dict[str, Any]:
        """`reports/<stage>.json`, which git keeps; empty where there is none or it is no JSON object."""
        with contextlib.suppress(ValueError):
            found = json.loads(self.read(f"reports/{stage}.json") or b"{}")
            return found if isinstance(found, dict) else {}
        return {}

    @cached_property
    def params(self) -> dict[str, Any]:
        """`params.yaml` as written; empty where it cannot be read."""
        try:
            found = YAML(typ="safe").load((self.read("params.yaml") or b"").decode("utf-8"))
        except (UnicodeDecodeError, YAMLError):
            return {}
        return found if isinstance(found, dict) else {}

    def folder(self, stage: str) -> StageFolder | None:
        """The folder that a stage wrote; None where this version has none or the cache no longer holds all of it."""
        if self.commit is None:
            here = self.root / "data" / stage
            return StageFolder(here) if (here / "manifest.json").is_file() else None
        out = self.out(stage)
        there = self._laid_out(out) if out is not None and out.is_folder else None
        return None if there is None else StageFolder(there)

    def out(self, stage: str) -> Hashed | None:
        """What the lock file says of a stage's folder."""
        locked = self.lock.get(stage)
        return next((out for out in locked.outs if out.path == f"data/{stage}"), None) if locked else None

    def folders(self) -> Mapping[str, StageFolder]:
        """All folders that can be read, by stage, in the order of the lock file (or of names in a workspace)."""
        names = list(self.lock) or sorted(path.parent.name for path in (self.root / "data").glob("[!.]*/manifest.json"))
        return {name: folder for name in names if (folder := self.folder(name)) is not None}

    def _laid_out(self, out: Hashed) -> Path | None:
        """A folder of links to the objects of a cached folder; None when one of them is not there."""
        assert self.scratch is not None, "made by `versions`"
        cache = DvcCache(self.root)
        files = cache.listing(out.md5)
        if files is None or not all(cache.place(md5).is_file() for md5 in files.values()):
            return None
        place = self.scratch / out.md5
        for name, md5 in files.items():
            link = place / name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(cache.place(md5).resolve())
        return place


@contextlib.contextmanager
def versions(*names: str, root: Path = Path()) -> Iterator[tuple[Version, ...]]:
    """Versions by name: git revisions, tags, branches, DVC experiments, or `workspace`. Links go when the block ends.

    Raises UsageError for a name that means nothing, DataError for a version without a lock file.
    """
    with tempfile.TemporaryDirectory(prefix="rowtrail-") as scratch:
        found = tuple(_version(name, root, Path(scratch)) for name in names)
        if lacking := [one.name for one in found if one.commit is not None and not one.lock]:
            step = "choose a commit in which the pipeline had run; `git log --oneline -- dvc.lock` lists them"
            raise DataError(*(Fault(f"revision {name}", f"has no {LOCK}", step) for name in lacking))
        yield found


def _version(name: str, root: Path, scratch: Path) -> Version:
    if name == WORKSPACE:
        return Version(name, root)
    return Version(name, root, Git(root).commit(name), scratch)
