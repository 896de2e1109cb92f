"""Other versions that hold the rows: objects of DVC's cache, and the branches, tags and experiments that name them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.core.dvc_files import FOLDER, LOCK, DvcCache, read_lock
from stages.core.errors import UsageError
from stages.core.git import Git, Ref, below_repository
from stages.core.progress import track
from stages.methods.forget.needles import Found

TRAINED = ("trained_on", "validated_on")
"""Reasons for which a model has learned from a record, or was chosen by it."""
_MD5 = re.compile(rb"\bmd5: ([0-9a-f]{32}(?:\.dir)?)\b")


@dataclass(slots=True)
class Cached:
    """What DVC's cache holds of an erasure, by hash."""

    hits: Mapping[str, Found]
    current: frozenset[str] = frozenset()
    """Objects that the workspace's own lock and .dvc files point to."""
    sources: frozenset[str] = frozenset()
    """Those of them that a .dvc file points to: copies of source files."""
    listings: dict[str, dict[str, str]] = field(default_factory=dict)
    """All folders whose list of files is there: hash by name."""

    def folders(self, objects: Collection[str]) -> set[str]:
        """Folders that hold one of some objects."""
        wanted = set(objects)
        return {name for name, files in self.listings.items() if wanted.intersection(files.values())}

    def tainted(self) -> dict[str, dict[str, int]]:
        """Folders with a model that learned from the rows: how many records, by use."""
        found = {}
        for name, files in self.listings.items():
            uses = {use: sum(self.hits[md5].uses[use] for md5 in files.values() if md5 in self.hits) for use in TRAINED}
            if any(uses.values()):
                found[name] = uses
        return found


def cached(cache: DvcCache, hits: Mapping[str, Found], root: Path = Path()) -> Cached:
    """The hits, with all that is known about the objects around them."""
    listings = {}
    for md5, _ in cache.objects():
        if md5.endswith(FOLDER) and (files := cache.listing(md5)) is not None:
            listings[md5] = files
    sources = _named([*root.glob("data/**/*.dvc"), *root.glob("*.dvc")], listings)
    return Cached(hits, sources | _named([root / LOCK], listings), sources, listings)


def _named(files: Iterable[Path], listings: Mapping[str, Mapping[str, str]]) -> frozenset[str]:
    """The objects that lock or .dvc files point to, and what is in those that are folders."""
    named = {md5 for file in files if file.is_file() for md5 in _hashes(file.read_bytes())}
    return frozenset(named.union(*(listings[md5].values() for md5 in named if md5 in listings)))


def _hashes(content: bytes | None) -> set[str]:
    """The hashes in a lock or .dvc file, without parsing it: a history has thousands of lock files."""
    return {one.decode() for one in _MD5.findall(content or b"")}


def versions(found: Cached, git: Git | None) -> dict[str, Any]:
    """Branches, tags and experiments whose data hold the rows, and in how many commits they do."""
    touched = found.folders(found.hits) | set(found.hits)
    history = git.history(LOCK) if git else []
    commits = track(history, "reading dvc.lock's history", len(history))
    return {
        "versions": [{"name": ref.name, "kind": ref.kind, "commit": ref.commit} for ref in naming(git, touched)],
        "commits": sum(bool(git and _hashes(git.read(commit, LOCK)) & touched) for commit in commits),
    }


def naming(git: Git | None, hashes: Collection[str]) -> list[Ref]:
    """The branches, tags and experiments whose lock names one of some objects."""
    return [ref for ref in git.refs() if not _hashes(git.read(ref.commit, LOCK)).isdisjoint(hashes)] if git else []


def holders(git: Git | None, folders: Collection[str]) -> dict[str, list[str]]:
    """The branches, tags and experiments whose lock names each of some folders."""
    have: dict[str, list[str]] = {md5: [] for md5 in folders}
    for ref in git.refs() if git and folders else []:
        for md5 in have.keys() & _hashes(git.read(ref.commit, LOCK) if git else None):
            have[md5].append(ref.name)
    return have


def private_runs(git: Git | None, root: Path = Path()) -> bool:
    """Whether any version that a branch, tag or experiment points to was trained with differential privacy."""
    contents = [git.read(ref.commit, LOCK) for ref in git.refs()] if git else []
    contents.append((root / LOCK).read_bytes() if (root / LOCK).is_file() else None)
    return any(_private(content) for content in set(contents) if content and b"enabled: true" in content)


def _private(content: bytes) -> bool:
    params = [stage.params.get("privacy") for stage in read_lock(content).values()]
    return any(isinstance(one, dict) and one.get("enabled") is True for one in params)


def runs_naming(cache: DvcCache, hashes: Collection[str]) -> list[Path]:
    """The run-cache's entries that name one of some objects, among what a run read or wrote."""
    entries = sorted(path for path in cache.runs.glob("??/*/*") if path.is_file())
    return [entry for entry in entries if not _hashes(entry.read_bytes()).isdisjoint(hashes)]


def find_git(root: Path = Path()) -> Git | None:
    """The repository, if there is one. Raises UsageError when git does not read it: its history could hold rows."""
    try:
        return Git(root)
    except UsageError:
        if below_repository(root):
            raise
        return None
