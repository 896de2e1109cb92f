"""DVC's own files, read without DVC: `dvc.lock`, the cache, and what the run-cache remembers.

DVC trusts a file in its cache that is read-only and does not hash it again; who checks must do so with other eyes. The
hash is MD5, because that is what DVC writes; the SHA-256 of every file stands in the stage's manifest.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.core.errors import DataError, Fault
from stages.core.storage import files_below

LOCK = "dvc.lock"
FOLDER = ".dir"
"""What DVC writes behind the hash of a folder."""
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?\Z")
_NEVER_WATCHED = (".hg/", ".git/", ".git", ".dvc/")
"""What DVC spares without being told."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """A path and the MD5 that the lock file has for it; a folder's ends in `.dir`."""

    path: str
    md5: str
    size: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether the hash is that of a folder's list of files."""
        return self.md5.endswith(FOLDER)


@dataclass(frozen=True, slots=True)
class LockedStage:
    """What `dvc.lock` says of a stage's last run."""

    name: str
    command: str
    deps: tuple[Hashed, ...] = ()
    outs: tuple[Hashed, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    """Values by name, as in params.yaml."""

    @property
    def code(self) -> str:
        """SHA-256, 64 hex digits, over the paths and hashes of all files of code that the stage ran from."""
        lines = [f"{dep.path} {dep.md5}\n" for dep in sorted(self.deps, key=_path) if dep.path.endswith(".py")]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def _path(one: Hashed) -> str:
    return one.path


def read_lock(content: bytes, place: str = LOCK) -> dict[str, LockedStage]:
    """The stages of a lock file, by name, in its order. Raises DataError for one that cannot be read."""
    try:
        said = YAML(typ="safe").load(content.decode("utf-8"))
        stages = {} if said is None else said.get("stages") or {}
        return {str(name): _stage(str(name), said) for name, said in stages.items()}
    except (UnicodeDecodeError, YAMLError, AttributeError, KeyError, TypeError, ValueError):
        step = "bring it back with `git checkout dvc.lock`, or delete it and run `dvc repro`"
        if b"\n<<<<<<< " in content:
            step = "a merge left both sides in it: `git checkout --ours dvc.lock` (or --theirs), then `dvc repro`"
        raise DataError(Fault(place, "is not a lock file of DVC", step)) from None


def _stage(name: str, said: Mapping[str, Any]) -> LockedStage:
    deps, outs = (tuple(_hashed(one) for one in said.get(kind) or ()) for kind in ("deps", "outs"))
    return LockedStage(name, str(said["cmd"]), deps, outs, dict((said.get("params") or {}).get("params.yaml") or {}))


def _hashed(said: Mapping[str, Any]) -> Hashed:
    md5 = str(said.get("md5") or "")
    if md5 and not _MD5.match(md5):
        raise ValueError("an MD5 has 32 hex digits")
    return Hashed(str(said["path"]), md5, said.get("size"))


def md5_of(path: Path, root: Path = Path()) -> str:
    """A file's MD5 as DVC writes it, or a folder's with `.dir` behind it. Reads every byte. Raises OSError."""
    if path.is_dir():
        return folder_md5({name: md5_of(path / name) for name in watched_files(path, root)})
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def watched_files(folder: Path, root: Path = Path()) -> list[str]:
    """Names of the files below a folder that DVC counts: those that `.dvcignore` in the project's root spares."""
    from pathspec import GitIgnoreSpec

    rules = root / ".dvcignore"
    own = rules.read_text(encoding="utf-8").splitlines() if rules.is_file() else []
    spec = GitIgnoreSpec.from_lines([*_NEVER_WATCHED, *own])
    return [name for name in files_below(folder) if not spec.match_file((folder / name).relative_to(root))]


def folder_md5(files: Mapping[str, str]) -> str:
    """The hash of a folder from those of its files: MD5 of the JSON list that DVC keeps for it, and `.dir`."""
    listed = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return hashlib.md5(json.dumps(listed).encode(), usedforsecurity=False).hexdigest() + FOLDER


class DvcCache:
    """The local cache of a project: files by their MD5, and the run-cache beside them."""

    def __init__(self, root: Path = Path()) -> None:
        self.folder = cache_folder(root)
        self.files = self.folder / "files" / "md5"
        self.runs = self.folder / "runs"

    def place(self, md5: str) -> Path:
        """Where the object with this hash is, if it is there."""
        return self.files / md5[:2] / md5[2:]

    def objects(self) -> Iterator[tuple[str, Path]]:
        """All objects, (hash, file), sorted."""
        for path in sorted(self.files.glob("??/*")):
            name = path.parent.name + path.name
            if _MD5.match(name):
                yield name, path

    def listing(self, md5: str) -> dict[str, str] | None:
        """The files of a folder, hash by relative path; None where the cache lacks the list. Raises DataError."""
        place = self.place(md5)
        try:
            content = place.read_bytes()
        except OSError:
            return None
        return _listing(content, str(place))


@lru_cache(maxsize=256)
def _listing(content: bytes, place: str) -> dict[str, str]:
    try:
        files = {str(one["relpath"]): str(one["md5"]) for one in json.loads(content)}
    except (ValueError, TypeError, KeyError):
        step = "delete it; `dvc repro` makes it again, `dvc pull` fetches it where there is a remote"
        raise DataError(Fault(place, "is not a folder's list of files", step)) from None
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
        raise DataError(Fault(place, "names a file outside its folder", "delete it: DVC does not write such lists"))
    if not all(map(_MD5.match, files.values())):
        raise DataError(Fault(place, "names an object by what is no MD5", "delete it: DVC does not write such lists"))
    return files


def cache_folder(root: Path = Path()) -> Path:
    """The local cache's folder: `cache.dir` of .dvc/config.local, .dvc/config or the user's file, else .dvc/cache."""
    for file in (root / ".dvc" / "config.local", root / ".dvc" / "config", _users_config()):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
            named = Path(parser["cache"]["dir"].strip().strip("\"'")).expanduser()
            return (file.parent / named).resolve()
        except (OSError, UnicodeDecodeError, configparser.Error, KeyError, RuntimeError):
            continue
    return root / ".dvc" / "cache"


def _users_config() -> Path:
    """Where `dvc config --global` writes on Linux."""
    folder = os.environ.get("DVC_GLOBAL_CONFIG_DIR")
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return (Path(folder) if folder else Path(base).expanduser() / "dvc") / "config"
