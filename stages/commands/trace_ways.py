"""The ways to ask for records: by id, by the source's row, by the hash of a value that was found, by subject."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.commands.trace_keys import check_key, hashes_of, keys_of_before, typed_in_private
from stages.commands.trace_rows import ids_from, search
from stages.core.erasure import read_erasures
from stages.core.errors import DataError, Fault, UsageError
from stages.core.keys import Keys
from stages.core.rows import FileRow
from stages.core.storage import StageFolder
from stages.methods.ingest.row_ids import RowIds

_HEX = re.compile(r"[0-9a-f]+\Z")
_HASH = re.compile(r"[0-9a-f]{32}\Z")
_LISTED = "`rowtrail show ingest` lists some ids"


@dataclass(frozen=True, slots=True)
class Found:
    """What was asked for, in words fit for a log, and the records: by id, how each was found."""

    asked: str
    records: Mapping[str, str]
    details: Mapping[str, Any] = field(default_factory=dict)
    """By id, for JSON."""


def full_id(prefix: str, folders: Sequence[StageFolder]) -> str:
    """The only id that starts with these digits, in any of the folders."""
    if not _HEX.match(prefix):
        raise UsageError(Fault(f"id {prefix!r}", "is not made of hex digits", _LISTED))
    ids: set[str] = set()
    for folder in folders:
        for name in ("events.parquet", "records.parquet"):
            ids |= ids_from(folder.path / name, prefix)
        if ids:
            break  # the first stage names every row; later ones make no new ids
    if not ids:
        problem = f"no record with this id in {len(folders)} stages"
        raise DataError(Fault(f"id {prefix}", problem, f"{_LISTED}; ids change with the key"))
    if len(ids) > 1:
        raise UsageError(Fault(f"id {prefix}", f"{len(ids)} records start with these digits", "give more of them"))
    return ids.pop()


def by_source_row(spec: str, folders: Sequence[StageFolder]) -> Found:
    """Records made, or not made, from `SOURCE:ROW`, `SOURCE:FILE:ROW` or, with one source, `ROW`.

    ROW is the row's own key, or its place in the file: its line, or its number from 1. Raises UsageError for an unknown
    source, DataError when there is no such row.
    """
    ingest = _folder("ingest", folders)
    source, row = _source_and_row(spec, [str(one["name"]) for one in _sources(ingest)])
    records = dict.fromkeys(_by_key(row, source, ingest), "key")
    for found in search(ingest.path / "records.parquet", "source_row", [row], ["source"], whole=True):
        if found["source"] == source:
            records.setdefault(found["id"], "key or place")
    file, _, place = row.rpartition(":")
    if place.isdecimal():
        # Keys of the evidence are sorted, and `source` always follows.
        for found in search(ingest.path / "events.parquet", "evidence", [f'"row": {int(place)},'], ["evidence"]):
            seen = json.loads(found["evidence"])
            if (seen.get("source"), seen.get("row")) == (source, int(place)) and file in ("", seen.get("file", "")):
                records[found["id"]] = f"{seen['file']}:{place}" if "file" in seen else f"row {place}"
    if not records:
        problem = f"source {source} has no such row"
        step = "give the row's own key where the source has `id:`, else its line or its number, as events name it"
        raise DataError(Fault(f"--source-row {spec}", problem, step))
    return Found(f"row {row} of {source}", records)


def _by_key(key: str, source: str, ingest: StageFolder) -> set[str]:
    """The id of the row with this key, where the source has keys: also of a row that became no record."""
    column = next((one.get("id") for one in _sources(ingest) if one["name"] == source), None)
    if column is None:
        return set()
    id, _, _ = RowIds(_keys(ingest), source, column).of(FileRow(0, {column: key}))
    return ids_from(ingest.path / "events.parquet", id)


def _source_and_row(spec: str, sources: Sequence[str]) -> tuple[str, str]:
    name, colon, row = spec.partition(":")
    if colon and name in sources and row:
        return name, row
    if len(sources) == 1 and spec:
        return sources[0], spec
    raise UsageError(
        Fault(f"--source-row {spec}", "names no source", f"write SOURCE:ROW; sources: {', '.join(sources)}")
    )


def by_value(hashed: str, folders: Sequence[StageFolder]) -> Found:
    """Records in which the value with this keyed hash was found. Raises UsageError for what is no such hash."""
    if not _HASH.match(hashed):
        step = "it is the `value` in the evidence of scrub_pii's events: `rowtrail trace ID` shows it"
        raise UsageError(Fault(f"--value-hash {hashed}", "is not 32 hex digits", step))
    counts: dict[str, Counter[tuple[str, str]]] = {}
    path = _folder("scrub_pii", folders).path / "events.parquet"
    for row in search(path, "evidence", [f'"value": "{hashed}"'], ["reason", "evidence"]):
        counts.setdefault(row["id"], Counter())[json.loads(row["evidence"]).get("entity", ""), row["reason"]] += 1
    if not counts:
        problem, step = "no record holds a value with this hash", "hashes change with the key, and with the source"
        raise DataError(Fault(f"--value-hash {hashed}", problem, step))
    details = {
        id: [{"entity": entity, "reason": reason, "count": count} for (entity, reason), count in sorted(some.items())]
        for id, some in counts.items()
    }
    shown = {id: ", ".join(_counted(one) for one in some) for id, some in details.items()}
    return Found(f"value {hashed}", shown, details)


def _counted(one: Mapping[str, Any]) -> str:
    times = f" {one['count']} times" if one["count"] > 1 else ""
    return f"{one['entity']} {one['reason'].removeprefix('pii_')}{times}"


def by_subject(person: str, folders: Sequence[StageFolder]) -> Found:
    """Records of a person, named as the sources name them or by the keyed hash of that; `-` asks for the name.

    Raises DataError without naming the person when there are none, UsageError when a name is given without a key.
    """
    person = typed_in_private(person, "subject: ").strip()
    if not person:
        raise UsageError(Fault("--subject", "is empty", "give the person's id as the source has it, or its keyed hash"))
    ingest = _folder("ingest", folders)
    hashes = _subject_hashes(person, ingest)
    rows = search(ingest.path / "records.parquet", "subject", hashes, ["subject", "source"], whole=True)
    found = {row["id"]: row for row in rows}
    if not found:
        listed = set(hashes) & set(read_erasures(ingest.path.parent / "erasure.csv").subjects)
        problem = "is on the erasure list: no row of it becomes a record" if listed else "no record is of this person"
        step = "write the name as the source does (capitals count); the key must be the one that the data was made with"
        step = "`rowtrail forget` with the same --subject tells what is still held" if listed else step
        raise DataError(Fault("--subject", problem, step))
    asked = ", ".join(sorted({row["subject"] for row in found.values()}))
    return Found(f"subject {asked}", {id: f"in {row['source']}" for id, row in found.items()})


def _subject_hashes(person: str, ingest: StageFolder) -> list[str]:
    """What the person is called in the records: a hash for each source, and the name itself where it could be one."""
    given = [person] if _HASH.match(person) else []
    try:
        keys = _keys(ingest)
    except UsageError:
        if given:
            return given
        raise
    by_spelling = hashes_of(person, keys, [str(one["name"]) for one in _sources(ingest)])
    return [*given, *sorted({hash for some in by_spelling for hash in some})]


def _keys(ingest: StageFolder) -> Keys:
    """The keys of all sources. Raises UsageError when there are none, or others than those that made the records."""
    keys = keys_of_before({str(one["name"]): bool(one.get("public")) for one in _sources(ingest)})
    for source in _sources(ingest):
        if source.get("id") is not None:
            check_key(keys, str(source["name"]), ingest.path / "records.parquet")
    return keys


def _sources(ingest: StageFolder) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = ingest.manifest.get("params", {}).get("ingest", {}).get("sources", [])
    return found


def _folder(stage: str, folders: Sequence[StageFolder]) -> StageFolder:
    for folder in folders:
        if folder.stage == stage:
            return folder
    raise DataError(Fault(stage, "has not run, and knows what was asked for", "run `dvc repro`"))
