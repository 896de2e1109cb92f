"""Group `records` of `verify`: no record was lost, added or changed in silence, counted anew from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.commands.verify_checks import Check, Finding, Note, counted, some
from stages.commands.verify_project import DATA, EVENTS, MANIFEST, RECORDS, Project, id_set
from stages.core.errors import DataError, Fault

_STEP = "the folder is not what the stage wrote: `dvc checkout` brings that back"
_IDENTITY = ("source", "source_row", "subject", "confidence", "attributes")
"""Columns that no stage after ingest may change."""
_WRITERS = {"group": "deduplicate", "split": "split", "language": "clean"}
"""Columns that belong to one of the stages that come with Rowtrail; a stage of one's own may write them, too."""
_SHIPPED = frozenset({"clean", "deduplicate", "scrub_pii", "check_labels", "split"})
_NOT_VALUES = frozenset({"id", *_IDENTITY, *_WRITERS})
_OUTCOMES = {"created": "create", "dropped": "drop", "quarantined": "quarantine"}


@dataclass(frozen=True)
class Decided:
    """What became of the records that a stage was given, by its parquet files."""

    project: Project
    stage: str

    @cached_property
    def events(self) -> pa.Table:
        """`id`, `action` and `reason` of each event."""
        return self.project.folder(self.stage).table(EVENTS, ["id", "action", "reason"])

    @cached_property
    def input(self) -> str | None:
        """The folder whose records it was given: of several, the one with the records that the manifest counts."""
        manifest = self.project.manifest(self.stage)
        holding = [name for name in manifest["inputs"] if self.project.has(name, RECORDS)]
        digest = manifest["digests"]["in"]
        return next((name for name in holding if self.project.id_set(name).digest == digest), next(iter(holding), None))

    @property
    def creates(self) -> bool:
        """Whether the stage has no input, and makes records of source rows."""
        return not self.project.manifest(self.stage)["inputs"]

    def with_action(self, *actions: str) -> pa.Array:
        """The ids that have an event of these actions, each once."""
        chosen = pc.is_in(self.events["action"], pa.array(actions))
        return pc.unique(self.events["id"].filter(chosen))

    @cached_property
    def outcomes(self) -> dict[str, pa.Array]:
        """Ids by outcome; those that an artifact stage did not skip are `kept`."""
        none = pa.array([], pa.string())
        found = {outcome: self.with_action(action) for outcome, action in _OUTCOMES.items()}
        if self.creates:
            return {**found, "kept": none}
        if self.project.has(self.stage, RECORDS):
            return {**found, "kept": self.project.ids(self.stage)}
        return {**found, "kept": minus(self.given, found["dropped"])}

    @cached_property
    def given(self) -> pa.Array:
        """Ids that went in: of all source rows, or of the input's records."""
        if self.creates:
            return pc.unique(self.events["id"])
        if self.input is None:
            problem = "none of the folders it was made from is here with its records: nothing to count against"
            raise DataError(Fault(str(DATA / self.stage), problem, "`dvc checkout` or `dvc pull` brings them back"))
        return self.project.ids(self.input)


def minus(one: pa.Array, other: pa.Array) -> pa.Array:
    """The ids of one that are not in the other."""
    return one.filter(pc.invert(pc.is_in(one, other)))


def record_checks(project: Project) -> Iterator[Check]:
    """Order and uniqueness of ids, conservation, counts and digests, and changes, by stage."""
    for stage in project.stages:
        decided = Decided(project, stage)
        place = str(DATA / stage)
        if project.has(stage, RECORDS):
            yield Check(f"{place}/{RECORDS}", partial(_order, decided))
        yield Check(place, partial(_conserved, decided))
        yield Check(f"{place}/{MANIFEST}", partial(_counts, decided))
        if project.has(stage, RECORDS) and _has_input(decided):
            yield Check(f"{place}/{RECORDS}", partial(_changes, decided))


def _has_input(decided: Decided) -> bool:
    try:
        return not decided.creates and decided.input is not None
    except (DataError, KeyError, TypeError, AttributeError):
        return False  # other checks say what is wrong with the manifest, or the input


def _order(decided: Decided) -> Iterator[Finding]:
    ids = decided.project.ids(decided.stage)
    if ids.null_count or not pc.all(pc.less(ids[:-1], ids[1:]), min_count=0).as_py():
        place = str(DATA / decided.stage / RECORDS)
        yield Fault(place, "its rows are not in the order of their ids, or two have one id", _STEP)


def _conserved(decided: Decided) -> Iterator[Finding]:
    """Every record that went in has one fate, and none came from nowhere."""
    outcomes, given, place = decided.outcomes, decided.given, str(DATA / decided.stage)
    going_on = outcomes["kept"] if not decided.creates else outcomes["created"]
    if decided.creates:
        written = decided.project.ids(decided.stage)
        yield from _fault(place, minus(written, going_on), "in the records without an event that created them")
        yield from _fault(place, minus(going_on, written), "created by an event, and not in the records")
    gone = pa.concat_arrays([outcomes["dropped"], outcomes["quarantined"]])
    yield from _fault(place, minus(minus(given, going_on), gone), "given to the stage, and neither kept nor dropped")
    yield from _fault(place, minus(going_on, given), "in the output, and not among what the stage was given")
    yield from _fault(place, minus(gone, given), "dropped or quarantined, and not among what the stage was given")
    yield from _fault(place, going_on.filter(pc.is_in(going_on, gone)), "in the output, and dropped by an event")
    strangers = minus(pc.unique(decided.events["id"]), given)
    yield from _fault(f"{place}/{EVENTS}", strangers, "spoken of by events, and not among what the stage was given")


def _fault(place: str, ids: pa.Array, what: str) -> Iterator[Fault]:
    if len(ids):
        verb = "is" if len(ids) == 1 else "are"
        yield Fault(place, f"{counted(len(ids))} {verb} {what}: {some(ids.to_pylist())}", _STEP)


def _counts(decided: Decided) -> Iterator[Finding]:
    """Counts and digests by outcome, and events by action and reason, against the manifest."""
    manifest, place = decided.project.manifest(decided.stage), str(DATA / decided.stage / MANIFEST)
    sets = {outcome: id_set(ids) for outcome, ids in decided.outcomes.items() if outcome != "kept"}
    sets["in"] = id_set(decided.given) if decided.input is None else decided.project.id_set(decided.input)
    sets["kept"] = _kept(decided)
    for outcome, found in sets.items():
        said = manifest["counts"][outcome]
        if found.count != said:
            yield Fault(place, f"says {counted(said)} {outcome}; the rows themselves give {found.count:,}", _STEP)
        elif found.digest != manifest["digests"][outcome]:
            yield Fault(place, f"its digest of the records {outcome} is not theirs: they are other records", _STEP)
    reasons: dict[str, dict[str, int]] = {}
    tallied = decided.events.group_by(["action", "reason"]).aggregate([([], "count_all")])
    for row in tallied.sort_by([("action", "ascending"), ("reason", "ascending")]).to_pylist():
        reasons.setdefault(row["action"], {})[row["reason"]] = row["count_all"]
    if reasons != manifest["reasons"]:
        differing = sorted(_differing(reasons, manifest["reasons"]))
        yield Fault(place, f"counts other events than {EVENTS} holds: {', '.join(differing)}", _STEP)


def _kept(decided: Decided) -> Any:
    if decided.project.has(decided.stage, RECORDS) and not decided.creates:
        return decided.project.id_set(decided.stage)
    return id_set(decided.outcomes["kept"])


def _differing(one: dict[str, dict[str, int]], other: dict[str, dict[str, int]]) -> Iterator[str]:
    for action in one.keys() | other.keys():
        ours, theirs = one.get(action, {}), other.get(action, {})
        for reason in ours.keys() | theirs.keys():
            if ours.get(reason, 0) != theirs.get(reason, 0):
                yield f"{action} {reason} ({theirs.get(reason, 0)} said, {ours.get(reason, 0)} found)"


def _changes(decided: Decided) -> Iterator[Finding]:
    """What a stage changed in a record stands in an event, and what no stage may change did not."""
    assert decided.input is not None
    place = str(DATA / decided.stage / RECORDS)
    changed = changed_ids(decided.input, decided.stage)
    if changed is None:
        yield Note(f"{place}: has other columns than data/{decided.input}; changes of values were not checked")
        return
    foreign = [name for name, writer in _WRITERS.items() if decided.stage in _SHIPPED - {writer}]
    for name in [*_IDENTITY, *foreign]:
        if ids := changed[name].to_pylist() if name in changed else []:
            problem = f"{counted(len(ids))} with another {name} than in data/{decided.input}: {some(ids)}"
            yield Fault(place, problem, _STEP)
    none = pa.array([], pa.string())
    values = pa.concat_arrays([none, *(ids for name, ids in changed.items() if name not in _NOT_VALUES)])
    if len(silent := minus(values, decided.with_action("edit", "relabel")).unique()):
        problem = f"{counted(len(silent))} changed without an event that says so: {some(silent.to_pylist())}"
        yield Fault(place, problem, _STEP)
    if len(unchanged := minus(decided.with_action("edit"), values)):
        problem = f"{counted(len(unchanged))} with an event of an edit, and as before: {some(unchanged.to_pylist())}"
        yield Fault(place, problem, _STEP)


def changed_ids(before: str, after: str) -> dict[str, pa.Array] | None:
    """By column, the ids of the records in which it differs between two folders; None when their columns do.

    Both are read row group by row group, in order of id, so that a few thousand records are in memory at a time.
    """
    one, other = (DATA / name / RECORDS for name in (before, after))
    with _opened(one) as old_file, _opened(other) as new_file:
        names = new_file.schema_arrow.names
        if names != old_file.schema_arrow.names:
            return None
    found: dict[str, list[pa.Array]] = {name: [] for name in names}
    for old, new in _pairs(_batches(one), _batches(other)):
        for name in names:
            if not old[name].equals(new[name]):
                found[name].append(new["id"].filter(_differ(old[name], new[name])).combine_chunks())
    return {name: pa.concat_arrays(parts) for name, parts in found.items() if parts}


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a file, some thousand at a time."""
    with _opened(path) as file:
        yield from file.iter_batches(4096)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A parquet file. Raises DataError naming it when it, or what is read within the block, cannot be read."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException):
        raise DataError(Fault(str(path), "is not a readable parquet file", _STEP)) from None


def _differ(old: pa.ChunkedArray, new: pa.ChunkedArray) -> Any:
    """Where two columns differ; null differs from all but null."""
    if pa.types.is_nested(new.type) or old.type != new.type:
        return pa.array([was != now for was, now in zip(old.to_pylist(), new.to_pylist(), strict=True)])
    return pc.fill_null(pc.not_equal(old, new), pc.xor(old.is_null(), new.is_null()))


def _pairs(before: Iterator[pa.RecordBatch], after: Iterator[pa.RecordBatch]) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Rows of both with one id, side by side; rows only one of them has are left out. Both are sorted by id."""
    waiting = [batch for batch in [next(before, None)] if batch is not None]
    for batch in after:
        last = batch["id"][-1].as_py()
        while waiting and waiting[-1]["id"][-1].as_py() < last and (more := next(before, None)) is not None:
            waiting.append(more)
        old, new = pa.Table.from_batches(waiting, batch.schema), pa.Table.from_batches([batch])
        places = pc.index_in(new["id"], old["id"]).combine_chunks()
        both = places.is_valid()
        yield old.take(places.filter(both)), new.filter(both)
        waiting = waiting[-1:]
