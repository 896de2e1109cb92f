"""Group `erasures` of `verify`: nobody on the list is here, the list is whole, and so are the proofs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stages.commands.forget_proof import seal_of
from stages.commands.forget_search import PROOFS
from stages.commands.verify_checks import Check, Finding, Note, counted, read_json, some
from stages.commands.verify_project import DATA, RECORDS, Project, record_stages
from stages.core.erasure import ERASURE_LIST, Erasures, memory_file, read_erasures, read_list
from stages.core.errors import Fault, UsageError
from stages.core.git import Git

_REPORT = DATA / "ingest" / "report.json"
_PROVE = "`git checkout -- {place}` brings it back; or `rowtrail forget ... --prove` writes it anew"


def erasure_checks(project: Project) -> Iterator[Check]:
    """That nobody on the erasure list is in any folder, and that the list is the one ingest obeyed."""
    yield Check(str(ERASURE_LIST), partial(_listed, project))
    if os.path.lexists(memory_file()):
        yield Check(str(memory_file()), _remembered)
    for place in sorted({*_committed_proofs(), *map(str, PROOFS.glob("[!.]*"))}):
        yield Check(place, partial(_proof, Path(place)))
    for stage in record_stages(project):
        yield Check(str(DATA / stage / RECORDS), partial(_erased, project, stage))


def _committed_proofs() -> Iterator[str]:
    """The proofs that the last commit has."""
    try:
        git = Git()
        head = git.commit("HEAD")
    except UsageError:
        return
    yield from (name for name in git.files(head) if name.startswith(f"{PROOFS}/"))


def _remembered() -> Iterator[Finding]:
    """The project's own copy of the list, which keeps an older version of the list from bringing people back."""
    if lacking := {*read_list(ERASURE_LIST).lines()} - {*read_list(memory_file()).lines()}:
        step = "`rowtrail forget --restore` adds them"
        yield Note(f"{memory_file()}: lacks {len(lacking)} lines of {ERASURE_LIST}; {step}")


def _proof(place: Path) -> Iterator[Finding]:
    """A proof has all that was written into it."""
    step = _PROVE.format(place=place)
    if not place.is_file():
        yield Fault(str(place), "is missing; the last commit has it", step)
        return
    said = read_json(place)
    if "seal" not in said:
        yield Note(f"{place}: was written before proofs were sealed; whether it is whole was not checked")
    elif said.pop("seal") != seal_of(said):
        yield Fault(str(place), "was altered: its seal is that of another content", step)


def _listed(project: Project) -> Iterator[Finding]:
    erasures = read_erasures()
    if project.has("ingest", "report.json") and read_json(_REPORT)["erasures_listed"] != len(erasures):
        yield Fault(str(ERASURE_LIST), "has more or fewer lines than when data/ingest was made", "run `dvc repro`")
    if not len(erasures):
        yield Note(f"{ERASURE_LIST}: nobody is on the list")


def _erased(project: Project, stage: str) -> Iterator[Finding]:
    erasures: Erasures = read_erasures()
    rows = project.folder(stage).table(columns=["id", "subject"])
    hits = pc.or_(
        pc.is_in(rows["id"], pa.array(sorted(erasures.records), pa.string())),
        pc.is_in(rows["subject"], pa.array(sorted(erasures.subjects), pa.string())),
    )
    if ids := rows["id"].filter(hits).to_pylist():
        problem = f"{counted(len(ids))} that {ERASURE_LIST} names or whose subject it names: {some(ids)}"
        yield Fault(
            str(DATA / stage / RECORDS), problem, "run `dvc repro`, then `rowtrail forget` to look what is left"
        )
