"""Take the rows out of DVC's cache, of the run-cache, and of what the project keeps beside its data."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.commands.forget_held import OWN, holdings
from stages.commands.forget_versions import Cached, runs_naming
from stages.core.dvc_files import DvcCache
from stages.core.progress import say


@dataclass(slots=True)
class Purged:
    """What was deleted."""

    objects: list[str] = field(default_factory=list)
    """Hashes, as they stand in remotes, too."""
    runs: int = 0
    bytes: int = 0
    own: dict[str, dict[str, int]] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """For the proof."""
        return {"objects": self.objects, "runs": self.runs, "bytes": self.bytes, "own": self.own}


def purge(cache: DvcCache, found: Cached, learned: Collection[str], *, models: bool) -> Purged:
    """Delete the objects that hold the rows, the folders' lists they stood in, and every run that leads to them.

    What the workspace's lock points to stays. So do the models that learned from the rows (`learned`: their folders),
    unless `models`; the runs that would bring them back go in any case. Runs go first: after a kill nothing leads to
    what is half gone.
    """
    doomed = set(found.hits) - found.current
    tainted = (set(learned) & set(found.listings)) - found.current
    lists = found.folders(doomed) - found.current
    if models:
        doomed |= _only_in(tainted, found)
        lists |= tainted
    else:
        lists -= tainted
    done = Purged(own=holdings())
    done.runs = _forget_runs(cache, doomed | lists | tainted)
    for md5 in sorted(doomed | lists):
        done.bytes += _delete(cache.place(md5))
        done.objects.append(md5)
    for name in done.own:
        shutil.rmtree(OWN / name)
    say(f"forget: {len(done.objects)} objects and {done.runs} runs deleted from DVC's cache")
    return done


def _only_in(folders: Collection[str], found: Cached) -> set[str]:
    """Objects of some folders that no other folder, and nothing in the workspace, needs."""
    theirs = {md5 for name in folders for md5 in found.listings[name].values()}
    others = {md5 for name, files in found.listings.items() if name not in folders for md5 in files.values()}
    return theirs - others - found.current


def _forget_runs(cache: DvcCache, gone: Collection[str]) -> int:
    """Delete the run-cache's entries that name an object that goes, among what they read or wrote."""
    entries = runs_naming(cache, gone)
    for entry in entries:
        _delete(entry)
        for folder in (entry.parent, entry.parent.parent):
            if not any(folder.iterdir()):
                folder.rmdir()
    return len(entries)


def _delete(file: Path) -> int:
    """Delete a file, which DVC made read-only, and give its size."""
    try:
        size = file.stat().st_size
        try:
            file.unlink()
        except PermissionError:  # Windows deletes no read-only file
            file.chmod(stat.S_IRUSR | stat.S_IWUSR)
            file.unlink()
    except FileNotFoundError:
        return 0
    return size
