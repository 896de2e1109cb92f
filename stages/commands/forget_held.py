"""What the project holds of those who are to be forgotten: in the workspace and beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.commands.forget_search import Place, Search, parquet_places
from stages.core.dvc_files import LOCK, read_lock
from stages.core.errors import DataError, Fault
from stages.core.params import Source
from stages.core.remote import shown
from stages.core.storage import StageFolder
from stages.methods.forget.comparison import FATES

OWN = Path(".rowtrail")
_HOLDINGS = ("cache", "sources", "checkpoints")
_DUPLICATES = "data/deduplicate/events.parquet"
_BATCH = 2**16


def held(search: Search, ids: Collection[str], sources: Sequence[Source]) -> dict[str, Any]:
    """The rows by stage, their splits, what they were used for, their places in the sources; files that name them."""
    stages: dict[str, dict[str, Any]] = {}
    for name, found in search.of("stages").items():
        stage = stages.setdefault(Path(name).parts[1], {"records": 0, "uses": Counter()})
        stage["records"] += found.rows if name.endswith("/records.parquet") else 0
        stage["uses"] += found.uses
    order = list(read_lock(Path(LOCK).read_bytes())) if Path(LOCK).is_file() else []
    stages = dict(sorted(stages.items(), key=lambda one: order.index(one[0]) if one[0] in order else len(order)))
    return {
        "stages": {name: {"records": one["records"], "uses": dict(one["uses"])} for name, one in stages.items()},
        "splits": dict(Counter(row["split"] for row in _own("data/split/records.parquet", ids, ["id", "split"]))),
        "source_rows": source_rows(ids, sources),
        "files": sorted(search.of("reports", "files", "temporary", "rowtrail")),
        "own": holdings(),
    }


def source_rows(ids: Collection[str], sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Where the rows stand in the sources, as the last run of `ingest` saw them: source, file or address, row."""
    addresses = {source.name: shown(source.uri) for source in sources}
    found = []
    for row in _own("data/ingest/events.parquet", ids, ["id", "evidence"]):
        said = json.loads(row["evidence"])
        file = said.get("file") or addresses.get(said.get("source"), "")
        found.append({"id": row["id"], "source": said.get("source"), "file": file, "row": said.get("row")})
    return found


def duplicates(ids: Collection[str]) -> list[dict[str, Any]]:
    """Records of others that carry the same text: dropped for one of the erased, or kept for one."""
    own, found = set(ids), dict[str, dict[str, Any]]()
    groups: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for row in _rows(_DUPLICATES, ["id", "action", "evidence"], pc.field("action") == "drop"):
        evidence = json.loads(row["evidence"])
        if "of" in evidence:
            groups.setdefault(evidence["of"], []).append((row["id"], evidence))
    for kept, members in groups.items():
        carriers = {kept: {"kind": "represents the group"}, **dict(members)}
        if own & carriers.keys():
            for id in carriers.keys() - own:
                found[id] = {"id": id, "kept": id == kept, **_measure(carriers[id])}
    return [found[id] for id in sorted(found)]


def _measure(evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {name: evidence[name] for name in ("kind", "similarity") if name in evidence}


def holdings(root: Path = Path()) -> dict[str, dict[str, int]]:
    """Files in .rowtrail that were made from rows and do not say from which: deleted as a whole."""
    counts = {}
    for name in _HOLDINGS:
        files = [path for path in (root / OWN / name).rglob("*") if path.is_file()]
        if files:
            counts[name] = {"files": len(files), "bytes": sum(path.stat().st_size for path in files)}
    return counts


def fates(among: Iterable[Place]) -> pa.Table:
    """What became of every record in the workspace: its split and group, or which stage left it out and why."""
    parts = [FATES.empty_table()]
    dropped = set[str]()
    for place in parquet_places(place for place in among if place.area == "stages"):
        stage = Path(place.name).parts[1]
        if place.path.name == "events.parquet":
            rows = _table(place.path, ["id", "action", "reason"])
            rows = rows.filter(pc.is_in(rows["action"], pa.array(["drop", "quarantine"])))
            if _has_records(place.path.parent):
                dropped.update(rows["id"].to_pylist())
                parts.append(_fates(rows.select(["id", "reason"]), stage=pa.repeat(stage, len(rows))))
        elif place.name == "data/split/records.parquet":
            parts.append(_fates(_table(place.path, ["id", "split", "group"])))
    return pa.concat_tables(parts)


def _has_records(folder: Path) -> bool:
    return (folder / "records.parquet").is_file()


def _fates(rows: pa.Table, **more: pa.Array) -> pa.Table:
    columns = {name: rows[name] for name in rows.schema.names} | more
    return pa.table({name: columns.get(name, pa.nulls(len(rows), pa.string())) for name in FATES.names}, FATES)


def manifests(root: Path = Path()) -> dict[str, str]:
    """SHA-256 of every stage's manifest: the identity of what it wrote."""
    return {file.parent.name: StageFolder(file.parent).digest for file in sorted(root.glob("data/[!.]*/manifest.json"))}


def _own(name: str, ids: Collection[str], columns: list[str]) -> list[dict[str, Any]]:
    return list(_rows(name, columns, pc.field("id").isin(sorted(ids)))) if ids else []


def _rows(name: str, columns: list[str], only: pc.Expression) -> Iterator[dict[str, Any]]:
    if Path(name).is_file():
        for batch in _table(Path(name), columns, only).to_batches(_BATCH):
            yield from batch.to_pylist()


def _table(path: Path, columns: list[str], only: pc.Expression | None = None) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns, filters=only, partitioning=None)
    except (OSError, pa.ArrowException):
        step = "`dvc checkout` brings back the last good one, or run `dvc repro`"
        raise DataError(Fault(str(path), "is not a readable parquet file", step)) from None
