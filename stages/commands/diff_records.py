"""Records for `rowtrail diff`: texts by their hash, labels, subjects and groups, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.commands.diff_kept import ABSENT, RECORDS, Kept
from stages.commands.diff_rows import Found
from stages.core.errors import DataError, Fault, UsageError
from stages.core.records import Schema
from stages.methods.diff.contents import Contents, Hashes, changed, combined, first_shown, hashes, pairs
from stages.tasks import load_task

_BATCH = 65_536
_KINDS = {"text": ("text", "messages"), "label": ("label", "labels", "spans", "answers")}
"""Facets of a record, and the kinds of the task's columns that make them up."""
_NONE = pa.array([], pa.string())


@dataclass
class FoundRecords(Found):
    """`reworded`: ids of the records whose text is not the same in both versions, in the last stage they share."""

    reworded: pa.Array = field(default_factory=lambda: _NONE)


def compare_records(a: Kept, b: Kept, stages: Sequence[str]) -> FoundRecords:
    """What records say that both versions have, in the last of these stages, and where a difference shows first."""
    found = FoundRecords()
    schema = _schema(a, b, found)
    common = [stage for stage in stages if stage in a.stages and stage in b.stages]
    if schema is None or not common:
        return found
    by_stage: dict[str, dict[str, pa.Array]] = {}
    for stage in common:
        if (facets := _changed(a, b, stage, schema)) is not None:
            by_stage[stage] = facets
    if lost := [stage for stage in common if stage not in by_stage]:
        found.lack(f"texts, labels and groups in {', '.join(lost)}", _whose(a, b, lost))
    if by_stage:
        found.told |= _told(a, b, schema, by_stage)
        found.reworded = by_stage[[*by_stage][-1]].get("text", _NONE)
    return found


def _schema(a: Kept, b: Kept, found: Found) -> Schema | None:
    """The task's columns; None, and a note, when the versions do not have the same ones."""
    tasks = {side.name: side.version.params.get("task", "classification") for side in (a, b)}
    names = set(map(str, tasks.values()))
    if len(names) > 1:
        found.lack("texts and labels", "the versions are of different tasks, whose records have different columns")
        return None
    try:
        return load_task(names.pop()).schema
    except UsageError:
        found.lack("texts and labels", "this installation does not know the task of these versions")
        return None


def _whose(a: Kept, b: Kept, stages: Sequence[str]) -> str:
    names = [side.name for side in (a, b) if any(side.file(stage, RECORDS) is None for stage in stages)]
    return f"the records of {' and '.join(names)} are {ABSENT}"


def _changed(a: Kept, b: Kept, stage: str, schema: Schema) -> dict[str, pa.Array] | None:
    """By facet, ids of the records that differ in a stage; None where one version's records are gone."""
    digests = [side.digest(stage, RECORDS) for side in (a, b)]
    if digests[0] is not None and digests[0] == digests[1]:
        return {}
    paths = [side.file(stage, RECORDS) for side in (a, b)]
    if paths[0] is None or paths[1] is None:
        return None
    return changed(_contents(paths[0], schema), _contents(paths[1], schema))


def _contents(path: Path, schema: Schema) -> Contents:
    """Ids and hashes of a file's records, in batches. Raises DataError for a file that cannot be read."""
    columns = {facet: [c.name for c in schema.of_kind(*kinds)] for facet, kinds in _KINDS.items()}  # type: ignore[arg-type]
    columns |= {"subject": ["subject"], "group": ["group"]}
    ids: list[pa.Array] = []
    parts: dict[str, list[Hashes]] = {facet: [] for facet, names in columns.items() if names}
    try:
        with pq.ParquetFile(path) as file:
            wanted = ["id", *(name for names in columns.values() for name in names)]
            for batch in file.iter_batches(_BATCH, columns=wanted):
                ids.append(batch["id"])
                for facet, hashed in parts.items():
                    hashed.append(combined([hashes(batch[name]) for name in columns[facet]], len(batch)))
    except (OSError, KeyError, pa.ArrowException):
        step = "`rowtrail verify` finds what is damaged; `dvc repro` makes the workspace's again"
        raise DataError(Fault(str(path), "is not a readable file of records", step)) from None
    return Contents.of(ids, parts)


def _told(a: Kept, b: Kept, schema: Schema, by_stage: Mapping[str, Mapping[str, pa.Array]]) -> dict[str, Any]:
    stage = [*by_stage][-1]
    told: dict[str, Any] = {"stage": stage}
    for facet, ids in by_stage[stage].items():
        told[facet] = {"rows": len(ids)}
        if facet in _KINDS:
            shown = first_shown(ids, {name: facets[facet] for name, facets in by_stage.items() if facet in facets})
            told[facet]["first_shown"] = [{"stage": name, "ids": some.to_pylist()} for name, some in shown.items()]
        else:
            told[facet]["ids"] = ids.to_pylist()
    column = next((column.name for column in schema.of_kind("label")), None)
    if column and told.get("label", {}).get("rows"):
        told["label"]["pairs"] = _pairs(a, b, stage, column, by_stage[stage]["label"])
    return told


def _pairs(a: Kept, b: Kept, stage: str, column: str, ids: pa.Array) -> list[dict[str, Any]]:
    """Old and new label of the relabelled records."""
    tables = [side.table(stage, RECORDS, ["id", column]).rename_columns(["id", "value"]) for side in (a, b)]  # type: ignore[union-attr]
    tables = [table.filter(pc.is_in(table["id"], value_set=ids)) for table in tables]
    return [{"from": old, "to": new, "ids": some.to_pylist()} for old, new, some in pairs(ids, *tables)]
