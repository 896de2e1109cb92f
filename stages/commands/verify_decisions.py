"""Group `decisions` of `verify`: what the events of single stages say is what the records show."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow.compute as pc

from stages.commands.verify_checks import Check, Finding, Note, counted, some
from stages.commands.verify_project import DATA, EVENTS, RECORDS, Project
from stages.core.errors import Fault
from stages.core.records import Record
from stages.core.storage import Piece, StageFolder

_STEP = "the folder is not what the stage wrote: `dvc checkout` brings that back"

_GROUP = 4096
"""Records read together: a row group, since two files are read by turns."""


def decision_checks(project: Project) -> Iterator[Check]:
    """What deduplicate says of groups, check_labels of labels, and scrub_pii of the places it rewrote."""
    looks: dict[str, Callable[[Project], Iterator[Finding]]] = {
        "deduplicate": _groups,
        "check_labels": _labels,
        "scrub_pii": _places,
    }
    for stage, look in looks.items():
        if project.has(stage, RECORDS):
            yield Check(str(DATA / stage / EVENTS), partial(look, project))


def _groups(project: Project) -> Iterator[Finding]:
    """A duplicate leaves for a record that stays, and a record that stands for a group carries its own id as group."""
    folder, place = project.folder("deduplicate"), str(DATA / "deduplicate" / RECORDS)
    rows = folder.table(columns=["id", "group"])
    events = folder.table(EVENTS, ["id", "reason", "evidence"])
    stands = events["id"].filter(pc.equal(events["reason"], "represents_group"))
    grouped = rows.filter(pc.is_valid(rows["group"]))
    wrong = set(grouped["id"].filter(pc.not_equal(grouped["id"], grouped["group"])).to_pylist())
    wrong |= set(grouped["id"].to_pylist()) ^ set(stands.to_pylist())
    if wrong:
        yield Fault(place, f"{counted(len(wrong))} in another group than the events say: {some(wrong)}", _STEP)
    left = events["evidence"].filter(pc.match_substring(events["evidence"], '"of": '))
    lost = {json.loads(said)["of"] for said in left.to_pylist()} - set(grouped["id"].to_pylist())
    if lost:
        problem = f"records left as duplicates of {counted(len(lost))} that are not in the output: {some(lost)}"
        yield Fault(place, problem, _STEP)


def _labels(project: Project) -> Iterator[Finding]:
    """The label that was given is the input's; the one that was set, by a person or by the policy, is the output's."""
    before = next((name for name in project.manifest("check_labels")["inputs"] if project.has(name, RECORDS)), None)
    if before is None:
        yield Note("data/check_labels: its events could not be compared with labels")
        return
    given: list[tuple[str, str]] = []
    now: list[tuple[str, str | None]] = []
    for row in project.folder("check_labels").table(EVENTS, ["id", "action", "evidence"]).to_pylist():
        said = json.loads(row["evidence"])
        if "given" in said:
            given.append((row["id"], said["given"] or ""))
        if row["action"] == "relabel":
            now.append((row["id"], said.get("to", said.get("suggested"))))
    for name, labels in ((before, given), ("check_labels", now)):
        if wrong := _other_labels(project, name, labels):
            problem = f"{counted(len(wrong))} with another label in data/{name} than the events say: {some(wrong)}"
            yield Fault(str(DATA / "check_labels" / EVENTS), problem, _STEP)


def _other_labels(project: Project, stage: str, labels: Sequence[tuple[str, str | None]]) -> list[str]:
    """Ids of the records whose annotation is another one, empty where there is none, or that are not there."""
    ids = {id for id, _ in labels}
    found: dict[str, str] = {}
    for piece in project.folder(stage).pieces(_GROUP) if ids else ():
        offsets = [offset for offset, id in enumerate(piece.ids()) if id in ids]
        for record in piece.records(project.task.schema, offsets) if offsets else ():
            found[record.id] = project.task.annotation(record) or ""
    return sorted({id for id, label in labels if found.get(id) != label})


def _places(project: Project) -> Iterator[Finding]:
    """Outside the places that an event names, a text is character by character what it was."""
    before = next((name for name in project.manifest("scrub_pii")["inputs"] if project.has(name, RECORDS)), None)
    if before is None:
        yield Note("data/scrub_pii: what it was made from is not here; the places it rewrote were not checked")
        return
    scrubbed = project.folder("scrub_pii")
    old = _with_events(project, scrubbed, project.folder(before).pieces(_GROUP))
    wrong = []
    for record, events in _with_events(project, scrubbed, scrubbed.pieces(_GROUP)):
        was = next((one for one, _ in old if one.id >= record.id), None)
        if was is not None and was.id == record.id and not _rewritten(was.texts(), record.texts(), events):
            wrong.append(record.id)
    if wrong:
        problem = f"{counted(len(wrong))} changed elsewhere than the events say: {some(wrong)}"
        yield Fault(str(DATA / "scrub_pii" / RECORDS), problem, _STEP)


def _with_events(
    project: Project, folder: StageFolder, pieces: Iterator[Piece]
) -> Iterator[tuple[Record, list[dict[str, Any]]]]:
    """The records of pieces for which a folder has events, with the events' evidence, in order of id."""
    for piece, evidence in folder.with_evidence(pieces):
        offsets = [offset for offset, id in enumerate(piece.ids()) if id in evidence]
        for record in piece.records(project.task.schema, offsets) if offsets else ():
            yield record, evidence[record.id]


def _rewritten(before: Mapping[str, str], after: Mapping[str, str], events: Sequence[Mapping[str, Any]]) -> bool:
    """Whether texts differ only in places that events name: `start` to `end` before, `out_start` to `out_end` after."""
    for path, text in before.items():
        at = out = 0
        places = [event for event in events if event.get("field") == path]
        for place in sorted(places, key=lambda event: int(event["start"])):
            if text[at : place["start"]] != after[path][out : place["out_start"]]:
                return False
            at, out = place["end"], place["out_end"]
        if text[at:] != after[path][out:]:
            return False
    return True
