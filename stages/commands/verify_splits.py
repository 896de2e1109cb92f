"""Group `splits` of `verify`: nothing crosses the splits, and each record was used as its split allows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.commands.verify_checks import Check, Finding, Note, counted, read_json, some
from stages.commands.verify_predictions import PREDICTIONS, predictions
from stages.commands.verify_project import DATA, EVENTS, MANIFEST, RECORDS, Project, id_set
from stages.core.errors import Fault
from stages.core.storage import StageFolder
from stages.methods.deduplicate.shingles import digests
from stages.methods.privacy.holders import find_holders
from stages.methods.split.shots import beyond_shots
from stages.methods.split.splitting import PARTS, component_keys, draw, part_of, strata

_STEP = "the folder is not what the stage wrote: `dvc checkout` brings that back"
_ROLES = {
    "finetune": {"trained_on": "train", "validated_on": "validation", "watched": "validation"},
    "evaluate": {"tested_on": "test", "scored_for_choice": "validation", "scored_for_fit": "train"},
    "audit": {"attacked_as_member": "train", "attacked_as_other": "test"},
}
"""What a stage says it used a record for, and the split in which such records are."""
_ALL_USED = {"finetune": ("trained_on", "train"), "evaluate": ("tested_on", "test")}
_LEFT_OUT = ("no_label", "reviewed_out", "nothing_to_learn", "over_subject_cap")
"""Why a record of its split may not have been used."""
_U = 6  # digits of a draw in the evidence


@dataclass(frozen=True)
class Splits:
    """The records with their splits, and what other stages say of them."""

    project: Project

    @cached_property
    def rows(self) -> pa.Table:
        """`id`, `subject`, `group`, `part`, and `text`: a digest of the normalised texts."""
        folder = self.project.folder("split")
        parts = folder.table(columns=["split"])["split"]
        return self._look(folder).append_column("part", parts).combine_chunks()

    @cached_property
    def given(self) -> pa.Table | None:
        """`id`, `subject`, `group`, `text` and `strata` of all records that `split` was given.

        Those that a few-shot run leaves out bind others into groups, too. None where the folder is not here.
        """
        (stage,) = self.project.manifest("split")["inputs"]
        return self._look(self.project.folder(stage)) if self.project.has(stage, RECORDS) else None

    def _look(self, folder: StageFolder) -> pa.Table:
        task, texts, named = self.project.task, list[bytes](), list[tuple[str, ...]]()
        for batch in folder.batches(task.schema, 4096):
            texts += digests([record.binding_texts() for record in batch])
            named += [strata(task, record) for record in batch]
        table = folder.table(columns=["id", "subject", "group"])
        table = table.append_column("text", pa.array(texts, pa.binary()))
        return table.append_column("strata", pa.array(named, pa.list_(pa.string())))

    def ids_in(self, part: str) -> pa.ChunkedArray:
        """The ids of a split."""
        rows = self.project.folder("split").table(columns=["id", "split"])
        return rows["id"].filter(pc.equal(rows["split"], part))

    def used(self, stage: str, reason: str) -> pa.ChunkedArray:
        """The ids that a stage says it used so."""
        events = self.project.folder(stage).table(EVENTS, ["id", "reason"])
        return events["id"].filter(pc.equal(events["reason"], reason))


def split_checks(project: Project) -> Iterator[Check]:
    """What was run of split, finetune, evaluate and audit."""
    splits = Splits(project)
    if not project.has("split", RECORDS):
        yield Check(str(DATA / "split"), lambda: [Note("data/split: there are no records with a split here")])
        return
    yield Check(str(DATA / "split" / RECORDS), partial(_crossing, splits))
    yield Check(str(DATA / "split" / EVENTS), partial(_assigned, splits))
    for stage in _ROLES:
        if project.has(stage, EVENTS):
            yield Check(str(DATA / stage / EVENTS), partial(_roles, splits, stage))
    if project.has("finetune"):
        yield Check(str(DATA / "finetune" / "training.json"), partial(_training, splits))
    if project.has("evaluate"):
        yield Check(str(DATA / "evaluate" / PREDICTIONS), partial(predictions, project, _ROLES["evaluate"]))


def _crossing(splits: Splits) -> Iterator[Finding]:
    """Subjects, duplicate groups and texts that lie in more than one split."""
    rows, place = splits.rows, str(DATA / "split" / RECORDS)
    strange = rows["id"].filter(pc.invert(pc.is_in(rows["part"], pa.array(PARTS))))
    if len(strange):
        yield Fault(place, f"{counted(len(strange))} in no split: {some(strange.to_pylist())}", _STEP)
    for name, what in (("subject", "a subject"), ("group", "a duplicate group"), ("text", "the same text")):
        known = rows.filter(pc.is_valid(rows[name]))
        parts = known.group_by(name).aggregate([("part", "count_distinct", pc.CountOptions("all"))])
        torn = parts.filter(pc.greater(parts["part_count_distinct"], 1))[name]
        if len(torn):
            ids = known["id"].filter(pc.is_in(known[name], torn)).to_pylist()
            yield Fault(place, f"{what} crosses splits ({len(torn)} times), in the records {some(ids)}", _STEP)


def _assigned(splits: Splits) -> Iterator[Finding]:
    """Each record lies where its event says, and that is where its draw puts it (or the event says it was moved)."""
    rows, place = splits.rows, str(DATA / "split" / EVENTS)
    said = splits.project.folder("split").table(EVENTS, ["id", "action", "reason", "evidence"])
    assigned = said.filter(pc.equal(said["action"], "assign"))
    at = pc.index_in(rows["id"], assigned["id"].combine_chunks())
    here = assigned.take(at.fill_null(0)) if len(assigned) else assigned
    if at.null_count or len(assigned) != len(rows):
        yield Fault(place, "does not have one assignment for each record", _STEP)
        return
    other = rows["id"].filter(pc.not_equal(here["reason"].combine_chunks(), rows["part"]))
    if len(other):
        yield Fault(
            place, f"assigns {counted(len(other))} to another split than theirs: {some(other.to_pylist())}", _STEP
        )
    left_out = said.filter(pc.equal(said["reason"], "beyond_shots"))
    if not len(left_out):
        yield from _draws(splits, here, rows)
    elif splits.given is None:
        yield Note(f"{place}: without the records that a few-shot run left out, the draws cannot be made again")
    else:
        yield from _draws(splits, pa.concat_tables([here, left_out]), splits.given)
        yield from _shots(splits, left_out["id"].to_pylist(), splits.given)


def _draws(splits: Splits, events: pa.Table, given: pa.Table) -> Iterator[Finding]:
    """The events against the draws of the groups, which are made of the `given` records."""
    params = splits.project.manifest("split")["params"]
    seed, shares = params["seed"], (params["split"]["validation"], params["split"]["test"])
    keys = component_keys(given).take(pc.index_in(events["id"], given["id"].combine_chunks()))
    wrong, row = [], 0
    for batch in events.select(["id", "reason", "evidence"]).to_batches(4096):
        drawn_by = keys.slice(row, len(batch)).to_pylist()
        row += len(batch)
        for key, id, reason, evidence in zip(drawn_by, *(column.to_pylist() for column in batch.columns), strict=True):
            said, u = json.loads(evidence), draw(seed, key)
            part = "train" if reason == "beyond_shots" else reason
            if said.get("u") != round(u, _U) or said.get("drawn", part) != part_of(u, *shares):
                wrong.append(id)
    if wrong:
        problem = f"{counted(len(wrong))} with another draw than seed and group give: {some(wrong)}"
        yield Fault(str(DATA / "split" / EVENTS), problem, _STEP)


def _shots(splits: Splits, left_out: list[str], given: pa.Table) -> Iterator[Finding]:
    """A few-shot run leaves out the training records that the seed and their classes say, and no others."""
    params = splits.project.manifest("split")["params"]
    train = {*splits.ids_in("train").to_pylist(), *left_out}
    pairs = zip(given["id"].to_pylist(), given["strata"].to_pylist(), strict=True)
    classes = [(id, named) for id, named in pairs if id in train]
    due = beyond_shots(classes, params["split"].get("shots") or len(train), params["seed"])
    if wrong := sorted(due.symmetric_difference(left_out)):
        problem = f"{counted(len(wrong))} left out or kept otherwise than seed and classes give: {some(wrong)}"
        yield Fault(str(DATA / "split" / EVENTS), problem, _STEP)


def _roles(splits: Splits, stage: str) -> Iterator[Finding]:
    """Records used for what their split does not allow, and records that should have been used and were not."""
    place = str(DATA / stage / EVENTS)
    for reason, part in _ROLES[stage].items():
        used = splits.used(stage, reason)
        outside = used.filter(pc.invert(pc.is_in(used, splits.ids_in(part).combine_chunks()))).to_pylist()
        if outside:
            problem = f"{counted(len(outside))} {reason} that lie outside the {part} split: {some(outside)}"
            yield Fault(place, problem, _STEP)
    if stage in _ALL_USED:
        reason, part = _ALL_USED[stage]
        told = pa.concat_arrays([splits.used(stage, one).combine_chunks() for one in (reason, *_LEFT_OUT)])
        ids = splits.ids_in(part)
        if left := ids.filter(pc.invert(pc.is_in(ids, told))).to_pylist():
            problem = f"{counted(len(left))} of the {part} split are neither {reason} nor left out: {some(left)}"
            yield Fault(place, problem, _STEP)


def _cap(splits: Splits, plan: Mapping[str, Any]) -> Iterator[Finding]:
    """Private training leaves out the rows that the seed and the cap for a subject say, and no others."""
    over = {*splits.used("finetune", "over_subject_cap").to_pylist()}
    most = plan["privacy"].get("max_rows_per_subject")
    due = frozenset[str]()
    if most:
        trained = splits.used("finetune", "trained_on").to_pylist()
        due = find_holders(splits.rows, [*trained, *over], most, plan["seed"]).left_out
    if wrong := sorted(due.symmetric_difference(over)):
        problem = f"{counted(len(wrong))} left out or kept otherwise than privacy.max_rows_per_subject and the seed say"
        yield Fault(str(DATA / "finetune" / EVENTS), f"{problem}: {some(wrong)}", _STEP)


def _training(splits: Splits) -> Iterator[Finding]:
    """The model's own note of what it was trained on, against the events and the plan."""
    project, place = splits.project, str(DATA / "finetune" / "training.json")
    training = read_json(DATA / "finetune" / "training.json")
    if training["train_ids"] != id_set(splits.used("finetune", "trained_on")).digest:
        yield Fault(place, "its train_ids is not the digest of the records that were trained on", _STEP)
    plan = DATA / "plan" / "plan.json"
    if not plan.is_file():
        yield Note("data/plan is not here: that the model was made by its plan cannot be checked")
        return
    if training["plan"] != project.sha256(plan):
        yield Fault(place, "the model was made by another plan than data/plan/plan.json", "run `dvc repro`")
    data = read_json(plan)["data"]
    yield from _cap(splits, read_json(plan))
    if data["train_ids"] != training["train_ids"]:
        yield Fault(str(plan), "plans for other training records than those the model was trained on", "`dvc repro`")
    if data["split"] != project.sha256(DATA / "split" / MANIFEST):
        yield Fault(str(plan), "was made for another split than data/split", "run `dvc repro`")
