"""A version of the project: what stands in the workspace, or what a commit's `dvc.lock` points to in DVC's cache.

Old folders are read where DVC keeps their bytes: nothing is checked out, and the workspace is not touched.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.core.dvc_files import LOCK, DvcCache, Hashed, LockedStage, read_lock
from stages.core.errors import DataError, Fault
from stages.core.git import Git
from stages.core.storage import files_below

WORKSPACE = "workspace"


@dataclass(frozen=True)
class Version:
    """One version. `commit` is None for the workspace."""

    name: str
    root: Path
    commit: str | None = None

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

    def out(self, stage: str) -> Hashed | None:
        """What the lock file says of a stage's folder."""
        locked = self.lock.get(stage)
        return next((out for out in locked.outs if out.path == f"data/{stage}"), None) if locked else None

    def files(self, stage: str) -> dict[str, Path]:
        """Where each file of a stage's folder should be, by name; none where not even their list is left.

        Those of a commit are objects in DVC's cache, any of which may be gone. Raises DataError for a broken list.
        """
        if self.commit is None:
            folder = self.root / "data" / stage
            return {name: folder / name for name in files_below(folder)} if (folder / "manifest.json").is_file() else {}
        out, cache = self.out(stage), DvcCache(self.root)
        listed = cache.listing(out.md5) if out is not None and out.is_folder else None
        return {name: cache.place(md5) for name, md5 in (listed or {}).items()}


def versions(*names: str, root: Path = Path()) -> tuple[Version, ...]:
    """Versions by name: git revisions, tags, branches, DVC experiments, or `workspace`.

    Raises UsageError for a name that means nothing, DataError for a version without a lock file.
    """
    found = tuple(Version(name, root, None if name == WORKSPACE else Git(root).commit(name)) for name in names)
    if lacking := [one.name for one in found if one.commit is not None and not one.lock]:
        step = "choose a commit in which the pipeline had run; `git log --oneline -- dvc.lock` lists them"
        raise DataError(*(Fault(f"revision {name}", f"has no {LOCK}", step) for name in lacking))
    return found
