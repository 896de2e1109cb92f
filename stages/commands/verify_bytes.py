"""Groups `bytes` and `cache` of `verify`: every byte that `dvc.lock` speaks of, hashed again.

DVC does not hash what its state database knows by size, time and inode, nor a file of its cache that is read-only; here
every byte is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stages.commands.verify_checks import Check, Finding, Note
from stages.commands.verify_project import MANIFEST, Project
from stages.core.dvc_files import FOLDER, LOCK, Hashed, LockedStage, md5_of
from stages.core.errors import DataError, Fault

_AGAIN = "`dvc repro` runs it again"
_ANEW = "delete it: `dvc pull` or `dvc repro` brings back the right one"
_MISSING = object()
_READERS = Path(".dvc/tmp/rwlock")
"""Where DVC keeps which of its processes reads and writes what."""


def byte_checks(project: Project) -> Iterator[Check]:
    """The lock file itself, every output, every file a stage ran from, and the params of each stage."""
    yield Check(project.lock_name, partial(_lock, project))
    yield Check("dvc.yaml", partial(_wiring, project))
    outs = [out for stage in project.locked.values() for out in stage.outs]
    folders = {out.path for out in outs if out.is_folder}
    if folders and not any(map(os.path.lexists, folders)):
        yield Check(project.lock_name, partial(_no_data, project, len(folders)))
        outs = [out for out in outs if os.path.lexists(out.path)]
    for out in outs:
        yield Check(out.path, partial(_output, project, out))
    for (path, md5), users in _dependencies(project).items():
        yield Check(path, partial(_dependency, project, Hashed(path, md5), users))
    for stage in project.locked.values():
        yield Check("params.yaml", partial(_params, project, stage))


def _lock(project: Project) -> Iterator[Finding]:
    """Raises DataError where there is no lock file that can be read."""
    if not project.lock:
        yield Fault(project.lock_name, "names no stage", _AGAIN)


def _wiring(project: Project) -> Iterator[Finding]:
    """Whether the lock file has what dvc.yaml has, no more and no less; the check of the lock says that it is none."""
    if not project.locked and project.wiring:
        return
    for name, wired in project.wiring.items():
        locked = project.locked.get(name)
        if locked is None:
            yield from _not_locked(project, name)
            continue
        pairs: dict[str, tuple[Any, Any]] = {
            "command": (wired.command, locked.command),
            "deps": (wired.deps, {dep.path for dep in locked.deps}),
            "outs": (wired.outs, {out.path for out in locked.outs}),
            "params": (wired.params, set(locked.params)),
        }
        if differing := [what for what, (one, other) in pairs.items() if one != other]:
            problem = f"has other {', '.join(differing)} for {name} than dvc.yaml"
            yield Fault(project.lock_name, problem, f"{_AGAIN}; or bring the file back with git")
    for name in project.locked.keys() - project.wiring.keys():
        yield Note(
            f"{project.lock_name}: {name} is no stage of dvc.yaml (any more), or one that is made from a template"
        )


def _not_locked(project: Project, name: str) -> Iterator[Finding]:
    if (Path("data") / name).is_dir() and project.locked:
        problem = f"is not in {project.lock_name}: nothing says which bytes it should have"
        yield Fault(f"data/{name}", problem, "run `dvc repro`, or remove it")
    else:
        yield Note(f"{name}: DVC has not run it")


def _output(project: Project, out: Hashed) -> Iterator[Finding]:
    found = project.md5(out.path)
    if not out.md5:
        yield _without_hash(project, out)
    elif found is None:
        yield Fault(out.path, "is missing", f"`dvc checkout {out.path}` or `dvc pull` brings it back; or `dvc repro`")
    elif found != out.md5:
        faults = list(_altered(project, out)) if out.is_folder and Path(out.path).is_dir() else []
        yield from faults or [_other(project, out.path, out.path)]


def _no_data(project: Project, count: int) -> Iterator[Fault]:
    """One fault for a fresh clone, in which nothing is."""
    step = (
        "`dvc pull` fetches them, where there is a remote; or bring the sources (data/raw) and the key (.rowtrail/key) "
        "from where they are kept, then `dvc repro`"
    )
    yield Fault(project.lock_name, f"none of the {count} folders that it names is here: there is no data yet", step)


def _without_hash(project: Project, one: Hashed) -> Note:
    return Note(f"{one.path}: {project.lock_name} has no MD5 for it; its bytes were not checked")


def _other(project: Project, place: str, out: str) -> Fault:
    problem = f"has other bytes than {project.lock_name} says"
    if project.revision:
        return Fault(place, problem, f"`git diff {project.revision} -- {LOCK}` shows what was changed on purpose")
    return Fault(place, problem, f"find out who changed it; `rm -r {out}; dvc checkout {out}` brings back the old ones")


def _altered(project: Project, out: Hashed) -> Iterator[Fault]:
    """The files of a folder that are not those of the lock file, by the cached list or else by the manifest."""
    listed = _listing(project, out.md5)
    if listed is not None:
        found = project.file_hashes(out.path)
        for name in sorted(listed.keys() | found.keys()):
            yield from _difference(project, out.path, name, listed.get(name), found.get(name))
    elif not project.revision:
        yield from _by_manifest(project, out.path)


def _by_manifest(project: Project, path: str) -> Iterator[Fault]:
    """The same by the folder's manifest, unless that is not the one that a later stage read."""
    place, step = Path(path) / MANIFEST, f"`rm -r {path}; dvc checkout {path}` brings back the old files"
    if not place.is_file():
        yield Fault(str(place), "is missing", step)
        return
    read = set(_read_by_others(project, place.parent.name))
    if read and project.sha256(place) not in read:
        yield Fault(str(place), "was altered: it is not the one that the stages after it read", step)
        return
    try:
        listed = dict(project.manifest(place.parent.name)["files"])
    except (DataError, KeyError, TypeError, ValueError):
        yield Fault(str(place), "is not a manifest", step)
        return
    found = {name: project.sha256(place.parent / name) for name in project.file_hashes(path) if name != MANIFEST}
    names = sorted(listed.keys() | found.keys())
    wrong = [fault for name in names for fault in _difference(project, path, name, listed.get(name), found.get(name))]
    yield from wrong
    if not wrong or not read:
        problem = f"does not fit {project.lock_name}, though the other files are as it says: one of the two was altered"
        yield Fault(str(place), "may be altered, too: no later stage has read it" if wrong else problem, step)


def _read_by_others(project: Project, stage: str) -> Iterator[str]:
    """The digests that the manifests of other stages have for the manifest of this one."""
    for other in project.stages:
        try:
            inputs = project.manifest(other)["inputs"]
            yield from [inputs[stage]] if stage in inputs else []
        except (DataError, KeyError, TypeError):
            continue  # the chain's checks say so


def _difference(project: Project, path: str, name: str, said: str | None, found: str | None) -> Iterator[Fault]:
    place = f"{path}/{name}"
    if found is None:
        yield Fault(place, "is missing", f"`rm -r {path}; dvc checkout {path}` brings it back")
    elif said is None:
        yield Fault(place, "does not belong there: the stage did not write it", "find out who put it there; remove it")
    elif said != found:
        yield _other(project, place, path)


def _listing(project: Project, md5: str) -> dict[str, str] | None:
    """The cached list of a folder's files, unless it is not there or was altered itself."""
    place = project.cache.place(md5)
    if not place.is_file() or md5_of(place) + FOLDER != md5:
        return None
    return project.cache.listing(md5)


def _dependencies(project: Project) -> dict[tuple[str, str], list[str]]:
    """What stages ran from, by path and hash, with the names of the stages."""
    found: dict[tuple[str, str], list[str]] = {}
    for stage in project.locked.values():
        for dep in stage.deps:
            found.setdefault((dep.path, dep.md5), []).append(stage.name)
    return found


def _dependency(project: Project, dep: Hashed, users: list[str]) -> Iterator[Finding]:
    """A fault when a stage would not find what it ran from. Outputs are checked as outputs."""
    written = next((out for stage in project.locked.values() for out in stage.outs if out.path == dep.path), None)
    runs = f"the run that wrote {_folders(users)}" if len(users) == 1 else f"the runs that wrote {_folders(users)}"
    if written is not None:
        if written.md5 != dep.md5:
            yield Fault(dep.path, f"is another one, by {project.lock_name}, than {runs} read", _AGAIN)
        return
    found = project.md5(dep.path)
    if not dep.md5:
        yield _without_hash(project, dep)
    elif found is None:
        yield Fault(dep.path, f"is missing; {runs} used it", "bring it back with git or from where it came")
    elif found != dep.md5:
        yield Fault(dep.path, f"changed since {runs}", f"{_AGAIN}; or bring the old one back")


def _folders(stages: list[str]) -> str:
    return ", ".join(f"data/{name}" for name in stages)


def _params(project: Project, stage: LockedStage) -> Iterator[Fault]:
    for name, value in stage.params.items():
        for path in _differing(name, value, _value(project.params, name)):
            yield Fault(f"params.yaml: {path}", f"changed since the run that wrote data/{stage.name}", _AGAIN)


def _value(params: Mapping[str, Any], name: str) -> Any:
    """A value by its name, which may have dots: `clean.min_chars`."""
    found: Any = params
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return _MISSING
        found = found[part]
    return found


def _differing(path: str, one: Any, other: Any) -> Iterator[str]:
    """Dotted names of the values that two params differ in."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted(one.keys() | other.keys()):
            yield from _differing(f"{path}.{name}", one.get(name, _MISSING), other.get(name, _MISSING))
    elif one != other or isinstance(one, bool) is not isinstance(other, bool):
        yield path


def cache_checks(project: Project, everything: bool) -> Iterator[Check]:
    """The objects in DVC's cache that the lock file refers to, or all that are there; and what DVC needs to start."""
    if _READERS.is_file():
        yield Check(str(_READERS), partial(_list_of_readers, _READERS))
    wanted = dict(_referred(project))
    here = {md5: project.cache.place(md5) for md5 in wanted if os.path.lexists(project.cache.place(md5))}
    if missing := len(wanted) - len(here):
        note = Note(f"{missing} of {len(wanted)} objects that {project.lock_name} refers to are not in the cache here")
        yield Check(str(project.cache.files), lambda: [note])
    if everything:
        here |= dict(project.cache.objects())
    for md5, place in here.items():
        yield Check(str(place), partial(_object, md5, place, wanted.get(md5, "no output of now")))


def _list_of_readers(file: Path) -> Iterator[Fault]:
    """DVC writes the file in place, so that a kill can leave half of it."""
    try:
        json.loads(file.read_bytes())
    except ValueError:
        yield Fault(str(file), "is half a file, left by a DVC that was killed; no other will start", "delete it")


def _referred(project: Project) -> Iterator[tuple[str, str]]:
    """Hashes of the outputs that are cached and of the files in them, each with its path."""
    for stage in project.locked.values():
        uncached = project.wired[stage.name].uncached if stage.name in project.wired else ()
        for out in stage.outs:
            if out.path in uncached:
                continue
            yield out.md5, out.path
            for name, md5 in ((_listing(project, out.md5) or {}) if out.is_folder else {}).items():
                yield md5, f"{out.path}/{name}"


def _object(md5: str, place: Path, use: str) -> Iterator[Fault]:
    if not place.is_file():
        yield Fault(str(place), f"is no file; it is used for {use}", _ANEW)
        return
    found = md5_of(place) + (FOLDER if md5.endswith(FOLDER) else "")
    if found != md5:
        problem = f"holds other bytes than its name says; it is used for {use}"
        yield Fault(str(place), problem, _ANEW)
