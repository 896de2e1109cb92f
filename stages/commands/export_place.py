"""Where rows may be handed over: a private folder of its own, out of reach of git and of DVC."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from stages.core.errors import Fault, PrivacyRefused, UsageError
from stages.core.git import Git, below_repository
from stages.core.placing import new_folder

EXPORTS = Path("data/export")
MANIFEST = "manifest.json"
MODEL = "export.json"
"""What `rowtrail export model` writes: of which run the model is, and how its forms did."""


def check_place(out: Path) -> None:
    """Raises PrivacyRefused where git or DVC could pass the rows on, UsageError where something else would be lost."""
    place = out.resolve()
    step = f"leave out --out, or name a folder outside the project or below {EXPORTS}/, which git ignores"
    faults = [Fault(str(out), f"{problem}; this is text of records", step) for problem in _shared_with(place)]
    if faults:
        raise PrivacyRefused(*faults)
    if place.exists() and not (place.is_dir() and (_is_export(place) or not any(place.iterdir()))):
        raise UsageError(Fault(str(out), "exists, and is not an earlier export", "name another folder with --out"))


def _shared_with(place: Path) -> Iterator[str]:
    """What could pass on a folder at this place, which is absolute and without links."""
    root = Path.cwd().resolve()
    watched = [root / "reports", root / "data", root / ".dvc"]
    if place == root or place in root.parents or any(one in (place, *place.parents) for one in watched):
        own = root / EXPORTS
        if own not in place.parents:
            yield "lies where git or DVC keep copies"
    if below_repository(place) and not _is_ignored(place):
        yield "lies in a git repository that does not ignore it"


def _is_ignored(place: Path) -> bool:
    there = next(one for one in place.parents if one.is_dir())
    return Git(there).ignores(os.path.relpath(place, there))


def _is_export(place: Path) -> bool:
    try:
        return "export" in json.loads((place / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False


def exported_models() -> dict[str, list[str]]:
    """The folders below data/export that hold a model, by the digest of the `finetune` that it is of."""
    found: dict[str, list[str]] = {}
    for file in sorted(EXPORTS.glob(f"**/{MODEL}")):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            found.setdefault(str(json.loads(file.read_bytes())["finetune"]), []).append(file.parent.as_posix())
    return found


@contextlib.contextmanager
def private_folder(out: Path) -> Iterator[Path]:
    """A new folder that takes the place of `out` when the block ends without an error; its owner alone can read it."""
    before = os.umask(0o077)  # of the whole process, so that it also holds for files that libraries write
    try:
        with new_folder(out.resolve()) as work:
            yield work
    finally:
        os.umask(before)
