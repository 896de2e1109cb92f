"""How each stage folder was made: from which code, with which values, and the digest that the next link holds on to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.core.dvc_files import LOCK, Hashed, LockedStage, read_lock
from stages.core.storage import StageFolder, files_below
from stages.methods.shareable import without_names
from stages.methods.story import Made

_STAGE = re.compile(r"^  ([\w@.-]+):\n((?:    .*\n)+)", re.MULTILINE)
_PART = re.compile(r"^    (deps|outs):\n((?:    [- ] .*\n)+)", re.MULTILINE)
_HASHED = re.compile(
    r"^    - path: (\S+)\n      hash: md5\n      md5: '?([0-9a-f]{32}(?:\.dir)?)'?\n      size: (\d+)\n", re.MULTILINE
)


def made(folders: Sequence[StageFolder], data: Path) -> dict[str, Made]:
    """By stage: digest of its code, from the lock file beside the data folder; its params; its manifest's digest."""
    lock = locked_stages(data.parent / LOCK)
    by_stage = {folder.stage: folder for folder in folders}
    return {
        stage: Made(_code(lock.get(stage), folder), folder.digest, _params(folder, by_stage))
        for stage, folder in by_stage.items()
    }


def locked_stages(lock: Path) -> dict[str, LockedStage]:
    """What the lock file hashed, by stage; nothing without a lock file. Raises DataError for one that is none.

    DVC writes the file in one layout, which is read here line by line: a YAML parser takes a fifth of a second for it,
    a third of the time that a trace has. It is asked where the layout is another.
    """
    if not lock.is_file():
        return {}
    content = lock.read_bytes()
    quick = dict(_quick(content.decode("utf-8", "replace")))
    whole = content.count(b"\n    - path: ")
    if quick and whole == sum(len(stage.deps) + len(stage.outs) for stage in quick.values()):
        return quick
    return read_lock(content, str(lock))


def _quick(text: str) -> Iterator[tuple[str, LockedStage]]:
    for name, said in _STAGE.findall(text):
        parts = {part: tuple(_hashed(listed)) for part, listed in _PART.findall(said)}
        yield name, LockedStage(name, "", parts.get("deps", ()), parts.get("outs", ()))


def _hashed(listed: str) -> Iterator[Hashed]:
    return (Hashed(path.strip("'\""), md5, int(size)) for path, md5, size in _HASHED.findall(listed))


def _code(locked: LockedStage | None, folder: StageFolder) -> str | None:
    """The digest of the code, where the lock file speaks of a folder of the same size: it may be of another run."""
    outs = locked.outs if locked else ()
    size = next((out.size for out in outs if Path(out.path).name == folder.path.name), None)
    found = sum((folder.path / name).stat().st_size for name in files_below(folder.path))
    return locked.code if locked and size == found else None


def _params(folder: StageFolder, by_stage: Mapping[str, StageFolder]) -> dict[str, Any]:
    """The manifest's params, and for a stage that follows a plan those that the plan was made from."""
    inputs = (by_stage[name] for name in folder.manifest.get("inputs", {}) if name in by_stage)
    planned = [one.manifest.get("params", {}) for one in inputs if folder.stage in one.manifest.get("params", {})]
    all_params = [*planned, folder.manifest.get("params", {})]
    return {name: without_names(value, name) for params in all_params for name, value in params.items()}
