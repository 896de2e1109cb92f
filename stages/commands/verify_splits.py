"""Group `splits` of `verify`: nothing crosses the splits, and each record was used as its split allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.commands.verify_checks import Check, Finding, Note, counted, read_json, some
from stages.commands.verify_project import DATA, EVENTS, MANIFEST, RECORDS, Project, id_set
from stages.core.errors import Fault
from stages.methods.deduplicate.shingles import digests
from stages.methods.split.splitting import PARTS, component_keys, draw, part_of

_STEP = "the folder is not what the stage wrote: `dvc checkout` brings that back"
_ROLES = {
    "finetune": {"trained_on": "train", "validated_on": "validation"},
    "evaluate": {"tested_on": "test", "scored_for_choice": "validation", "scored_for_fit": "train"},
    "audit": {"attacked_as_member": "train", "attacked_as_other": "test"},
}
"""What a stage says it used a record for, and the split in which such records are."""
_ALL_USED = {"finetune": ("trained_on", "train"), "evaluate": ("tested_on", "test")}
_PREDICTIONS = "predictions.parquet"
_U = 6  # digits of a draw in the evidence


@dataclass(frozen=True)
class Splits:
    """The records with their splits, and what other stages say of them."""

    project: Project

    @cached_property
    def rows(self) -> pa.Table:
        """`id`, `subject`, `group`, `part`, and `text`: a digest of the normalised texts."""
        folder = self.project.folder("split")
        table = folder.table(columns=["id", "subject", "group", "split"]).rename_columns(
            ["id", "subject", "group", "part"]
        )
        texts: list[bytes] = []
        for batch in folder.batches(self.project.task.schema, 4096):
            texts += digests([[*record.texts().values()] for record in batch])
        return table.append_column("text", pa.array(texts, pa.binary())).combine_chunks()

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
        yield Check(str(DATA / "evaluate" / _PREDICTIONS), partial(_predictions, splits))


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
    said = said.filter(pc.equal(said["action"], "assign"))
    at = pc.index_in(rows["id"], said["id"].combine_chunks())
    here = said.take(at.fill_null(0)) if len(said) else said
    if at.null_count or len(said) != len(rows):
        yield Fault(place, "does not have one assignment for each record", _STEP)
        return
    other = rows["id"].filter(pc.not_equal(here["reason"].combine_chunks(), rows["part"]))
    if len(other):
        yield Fault(
            place, f"assigns {counted(len(other))} to another split than theirs: {some(other.to_pylist())}", _STEP
        )
    yield from _draws(splits, here)


def _draws(splits: Splits, events: pa.Table) -> Iterator[Finding]:
    params = splits.project.manifest("split")["params"]
    seed, shares = params["seed"], (params["split"]["validation"], params["split"]["test"])
    keys = component_keys(splits.rows)
    wrong, row = [], 0
    for batch in events.select(["id", "reason", "evidence"]).to_batches(4096):
        drawn_by = keys.slice(row, len(batch)).to_pylist()
        row += len(batch)
        for key, id, part, evidence in zip(drawn_by, *(column.to_pylist() for column in batch.columns), strict=True):
            said, u = json.loads(evidence), draw(seed, key)
            if said.get("u") != round(u, _U) or said.get("drawn", part) != part_of(u, *shares):
                wrong.append(id)
    if wrong:
        problem = f"{counted(len(wrong))} with another draw than seed and group give: {some(wrong)}"
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
        told = pa.concat_arrays([splits.used(stage, one).combine_chunks() for one in (reason, "no_label")])
        ids = splits.ids_in(part)
        if left := ids.filter(pc.invert(pc.is_in(ids, told))).to_pylist():
            problem = f"{counted(len(left))} of the {part} split are neither {reason} nor left out: {some(left)}"
            yield Fault(place, problem, _STEP)


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
    if data["train_ids"] != training["train_ids"]:
        yield Fault(str(plan), "plans for other training records than those the model was trained on", "`dvc repro`")
    if data["split"] != project.sha256(DATA / "split" / MANIFEST):
        yield Fault(str(plan), "was made for another split than data/split", "run `dvc repro`")


def _predictions(splits: Splits) -> Iterator[Finding]:
    """The predictions against the split, and against the events and the accuracy that were written from them."""
    place = str(DATA / "evaluate" / _PREDICTIONS)
    folder = splits.project.folder("evaluate")
    said = folder.table(_PREDICTIONS)
    rows = splits.project.folder("split").table(columns=["id", "split"])
    at = pc.index_in(said["id"], rows["id"].combine_chunks()).combine_chunks()
    parts = rows["split"].combine_chunks().take(at)
    wrong = said["id"].filter(pc.fill_null(pc.not_equal(parts, said["split"].combine_chunks()), True))
    if len(wrong):
        yield Fault(
            place, f"{counted(len(wrong))} with another split than in data/split: {some(wrong.to_pylist())}", _STEP
        )
    roles = {f"{part}": reason for reason, part in _ROLES["evaluate"].items()}
    expected = {(id, roles.get(part, part)): facts for id, part, facts in _facts(said)}
    events = folder.table(EVENTS, ["id", "reason", "evidence"]).to_pylist()
    told = {(row["id"], row["reason"]): json.loads(row["evidence"]) for row in events if row["reason"] != "no_label"}
    if differing := {key[0] for key in expected.keys() | told.keys() if expected.get(key) != told.get(key)}:
        problem = f"{counted(len(differing))} scored otherwise than data/evaluate/{EVENTS} says: {some(differing)}"
        yield Fault(place, problem, _STEP)
    yield from _answers(said, folder.json("report.json"))


def _facts(said: pa.Table) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Id, split, and what the event of a prediction says of it."""
    for row in said.select(["id", "split", "correct", "loss"]).to_pylist():
        yield row["id"], row["split"], {"correct": row["correct"], "loss": row["loss"]}


def _answers(said: pa.Table, report: dict[str, Any]) -> Iterator[Finding]:
    place = str(DATA / "evaluate" / _PREDICTIONS)
    if "accuracy" not in report:
        yield Note(f"{place}: the scores of this task were not computed again")
        return
    right = pc.equal(said["label"], said["answer"])
    if wrong := said["id"].filter(pc.not_equal(right, said["correct"])).to_pylist():
        yield Fault(place, f"{counted(len(wrong))} marked right or wrong against their label: {some(wrong)}", _STEP)
    test = said.filter(pc.equal(said["split"], "test"))
    accuracy = pc.mean(pc.cast(test["correct"], pa.float64())).as_py()
    if accuracy is None or round(accuracy, 6) != report["accuracy"]:
        yield Fault(place, "does not give the accuracy of data/evaluate/report.json", _STEP)
