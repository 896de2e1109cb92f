"""Groups `chain` and `reports` of `verify`: what each manifest says of its inputs and files, and the figures in git."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stages.commands.verify_checks import Check, Finding, Note, read_json
from stages.commands.verify_project import DATA, MANIFEST, Project
from stages.core.errors import Fault
from stages.core.runner import FORMAT, metrics_of
from stages.core.storage import files_below

_AGAIN = "run `dvc repro`; if it finds nothing to do, find out who changed the folder"
REPORT = "report.json"


def chain_checks(project: Project) -> Iterator[Check]:
    """Each manifest: its format, its stage, its inputs, its files."""
    for stage in project.stages:
        place = str(DATA / stage / MANIFEST)
        for look in (_identity, _inputs):
            yield Check(place, partial(look, project, stage))
    yield from file_checks(project)


def file_checks(project: Project) -> Iterator[Check]:
    """The files of each folder, against its own manifest."""
    for stage in project.stages:
        yield Check(str(DATA / stage / MANIFEST), partial(_files, project, stage))


def _identity(project: Project, stage: str) -> Iterator[Finding]:
    manifest, place = project.manifest(stage), str(DATA / stage / MANIFEST)
    if manifest.get("format") != FORMAT:
        problem = f"has the format {manifest.get('format')!r}; this version of Rowtrail knows {FORMAT}"
        yield Fault(place, problem, "use the version of Rowtrail that wrote it, or run `dvc repro --force`")
    if manifest["stage"] != stage:
        yield Fault(place, f"is a manifest of {manifest['stage']}, and stands in the folder of {stage}", _AGAIN)


def _inputs(project: Project, stage: str) -> Iterator[Finding]:
    place, inputs = str(DATA / stage / MANIFEST), project.manifest(stage)["inputs"]
    for needed, digest in inputs.items():
        other = DATA / needed / MANIFEST
        if not other.is_file():
            yield Note(f"data/{needed} is not here: that data/{stage} was made from it cannot be checked")
        elif project.sha256(other) != digest:
            yield Fault(str(other), f"is not the one that data/{stage} was made from", _AGAIN)
    read = _read_folders(project, stage)
    if read is not None and read != set(inputs):
        problem = f"names the inputs {_list(inputs)}; by {project.lock_name} the stage read {_list(read)}"
        yield Fault(place, problem, _AGAIN)


def _read_folders(project: Project, stage: str) -> set[str] | None:
    """The stages whose folders a stage read, by the lock file; None where it does not have the stage."""
    written = {out.path: other.name for other in project.locked.values() for out in other.outs}
    locked = project.locked.get(stage)
    return None if locked is None else {written[dep.path] for dep in locked.deps if dep.path in written}


def _list(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"


def _files(project: Project, stage: str) -> Iterator[Finding]:
    folder, listed = DATA / stage, project.manifest(stage)["files"]
    found = set(files_below(folder)) - {MANIFEST}
    said = f"the manifest of data/{stage}"
    for name in sorted(listed.keys() - found):
        yield Fault(str(folder / name), f"is missing; {said} names it", _AGAIN)
    for name in sorted(found - listed.keys()):
        yield Fault(str(folder / name), f"does not belong there; {said} does not name it", "find out who put it there")
    for place in sorted(folder.rglob("*")):
        if place.is_symlink() and not place.is_file():
            problem = "does not belong there: it is a link to a folder or to nothing, which no hash follows"
            yield Fault(str(place), problem, "find out who put it there; remove it")
    for name in sorted(found & listed.keys()):
        if project.sha256(folder / name) != listed[name]:
            yield Fault(str(folder / name), f"has other bytes than {said} says", _AGAIN)


def report_checks(project: Project) -> Iterator[Check]:
    """Each stage's report against its manifest, and the figures in `reports/` against the report."""
    for stage in project.stages:
        yield Check(str(DATA / stage / REPORT), partial(_report, project, stage))
        yield Check(f"reports/{stage}.json", partial(_metrics, stage))


def _report(project: Project, stage: str) -> Iterator[Finding]:
    place, manifest = DATA / stage / REPORT, project.manifest(stage)
    report = read_json(place)
    for ours, theirs in (("records", "counts"), ("reasons", "reasons")):
        if report[ours] != manifest[theirs]:
            yield Fault(str(place), f"its {ours} are not the {theirs} of the manifest", _AGAIN)


def _metrics(stage: str) -> Iterator[Finding]:
    place = Path("reports") / f"{stage}.json"
    report = read_json(DATA / stage / REPORT)
    headline = _headline(stage)
    if headline is None:
        yield Note(f"{place}: {stage} is no stage of this code; its figures were not checked")
        return
    expected, found = metrics_of(report, headline), read_json(place)
    for path in _differing("", expected, found):
        yield Fault(f"{place}: {path}", f"is not what data/{stage}/{REPORT} says", f"`git checkout {place}`")


def _headline(stage: str) -> tuple[str, ...] | None:
    """The figures that a stage shows as metrics; None where there is no such stage."""
    if not stage.isidentifier():
        return None
    try:
        found: tuple[str, ...] = importlib.import_module(f"stages.{stage}").STAGE.headline
    except (ImportError, AttributeError):
        return None
    return found


def _differing(path: str, one: Any, other: Any) -> Iterator[str]:
    """Dotted names of the figures that differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted(one.keys() | other.keys()):
            yield from _differing(f"{path}.{name}" if path else name, one.get(name), other.get(name))
    elif one != other or type(one) is not type(other):
        yield path or "(the file)"
