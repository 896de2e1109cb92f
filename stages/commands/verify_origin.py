"""Groups `sources`, `environment` and `anchor` of `verify`: what lies around the pipeline's own outputs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from stages.commands.trace_keys import check_key
from stages.commands.verify_checks import Check, Finding, Note, read_json
from stages.commands.verify_project import DATA, RECORDS, Project
from stages.core.dvc_files import LOCK
from stages.core.erasure import ERASURE_LIST
from stages.core.errors import Fault, UsageError
from stages.core.git import Git
from stages.core.hub import is_hub
from stages.core.keys import key_file, load_keys
from stages.core.params import Source
from stages.core.params_file import read_params
from stages.core.remote import is_remote
from stages.core.sources import digests, find_files

_REQUIREMENTS = (Path("requirements/lock.txt"), Path("requirements/assets.txt"))
_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)")
_REPORT = DATA / "ingest" / "report.json"


def source_checks(project: Project) -> Iterator[Check]:
    """The files of each source, against the digests that ingest wrote down."""
    if not project.has("ingest", "report.json"):
        yield Check(str(_REPORT), lambda: [Note("data/ingest: DVC has not run it here; the sources were not checked")])
        return
    yield Check(str(_REPORT), partial(_named, project))
    for source in read_params(Path("params.yaml")).ingest.sources:
        yield Check(f"source {source.name}", partial(_source, source))
        if not source.public:
            yield Check(f"source {source.name}", partial(_key, project, source))


def _named(_: Project) -> Iterator[Finding]:
    """Whether ingest read the sources that params.yaml names."""
    now = {source.name for source in read_params(Path("params.yaml")).ingest.sources}
    for name in sorted(read_json(_REPORT)["sources"].keys() ^ now):
        where = "data/ingest" if name not in now else "params.yaml"
        yield Fault(f"source {name}", f"stands in {where} alone", "run `dvc repro`")


def _source(source: Source) -> Iterator[Finding]:
    said = read_json(_REPORT)["sources"].get(source.name)
    if said is None:
        return
    listed = {file["name"]: file["sha256"] for file in said["files"]}
    if is_hub(source.uri) or is_remote(source.uri):
        yield Note(f"source {source.name}: is not on this machine; its bytes were not checked")
        return
    found = digests(find_files([source])).get(source.name, {})
    for name in sorted(listed.keys() | found.keys()):
        if listed.get(name) != found.get(name):
            problem = "is missing" if name not in found else "is new" if name not in listed else "has other bytes"
            yield Fault(name, f"{problem}, compared with what data/ingest was made from", "run `dvc repro`")


def _key(project: Project, source: Source) -> Iterator[Finding]:
    """Whether the key here is the one that made the ids: another would make every record another one."""
    if not (os.environ.get("ROWTRAIL_KEY") or os.path.lexists(key_file())):
        yield Note(f"source {source.name}: its key is not here; that it made the ids was not checked")
    elif source.id is None or not project.has("ingest", RECORDS):
        yield Note(f"source {source.name}: has no keys of its own by which the key for its ids could be checked")
    else:
        try:
            check_key(load_keys({source.name: False}), source.name, DATA / "ingest" / RECORDS)
        except UsageError as error:
            place = str(key_file())
            for one in error.faults:
                problem = one.problem if one.place == place else f"{one.place}: {one.problem}"
                yield Fault(place, problem, one.next_step)


def environment_checks() -> Iterator[Check]:
    """Installed packages against the locked versions; packages beyond them do not matter."""
    if not _REQUIREMENTS[0].is_file():
        yield Check(
            str(_REQUIREMENTS[0]), lambda: [Note(f"{_REQUIREMENTS[0]}: no such file; versions were not checked")]
        )
    for file in _REQUIREMENTS:
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
            if pinned := _PINNED.match(line):
                yield Check(str(file), partial(_package, file, *pinned.groups()))


def _package(file: Path, name: str, version: str) -> Iterator[Finding]:
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        yield Fault(f"{file}: {name}", f"is locked at {version} and not installed", "`make setup`")
        return
    # A build for one kind of machine (2.13.0+cpu) is the same version.
    if found != version and found.partition("+")[0] != version:
        yield Fault(f"{file}: {name}", f"is locked at {version}; {found} is installed", "`make setup`")


def anchor_checks(project: Project) -> Iterator[Check]:
    """Whether git holds the lock file, the figures and the decisions: it finds who rewrites data and lock together."""
    try:
        git = Git()
        head = git.commit("HEAD")
    except UsageError:
        problem = "no commit holds the lock file: who can rewrite data and lock file together leaves no trace"
        yield Check("git", lambda: [Note(problem)])
        return
    yield Check("git", partial(_committed, git))
    hint = f"the last commit is {head[:12]}; `--rev` compares with a commit or tag that you trust"
    if project.revision:
        yield Check(LOCK, partial(_as_in, git, project.revision))
        hint = f"compared with the lock file of {project.revision}, commit {git.commit(project.revision)[:12]}"
    yield Check("git", lambda: [Note(hint)])


def _anchored() -> list[str]:
    reports = sorted(str(path) for path in Path("reports").glob("*.json"))
    decisions = sorted(str(path) for path in (DATA / "decisions").glob("[!.]*"))
    return [path for path in (LOCK, str(ERASURE_LIST), *decisions, *reports) if Path(path).is_file()]


def _committed(git: Git) -> Iterator[Finding]:
    if changed := [path for path in _anchored() if git.changed(path)]:
        yield Note(f"not committed, so that git cannot show whether they were altered: {', '.join(changed)}")


def _as_in(git: Git, revision: str) -> Iterator[Finding]:
    content: Any = git.read(git.commit(revision), LOCK)
    if not Path(LOCK).is_file() or Path(LOCK).read_bytes() != content:
        yield Fault(LOCK, f"is not that of {revision}", f"`git diff {revision} -- {LOCK}` shows where")
