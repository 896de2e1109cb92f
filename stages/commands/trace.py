"""`rowtrail trace ID`: one record's story through all stages. Shows ids, codes and numbers, never text."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.core.errors import DataError, Fault, UsageError
from stages.core.storage import StageFolder
from stages.methods.story import Chapter, Story, chapter, fate, story_lines

_ABOUT = ["id", "source", "source_row", "subject", "group", "split", "language", "confidence"]
_ID = re.compile(r"[0-9a-f]+\Z")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The id, where to look, and how to print."""
    parser.add_argument(
        "id", metavar="ID", help="a record's id, or its first digits; `rowtrail show ingest` lists some"
    )
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where the stage folders are")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the story. Raises UsageError for an ambiguous id, DataError for an unknown one."""
    story = trace(args.id, folders_in_order(args.data))
    for line in [story.as_json()] if args.json else story_lines(story):
        print(line)
    return 0


def folders_in_order(data: Path) -> list[StageFolder]:
    """All finished stage folders, each after those it was made from. Raises DataError when there are none."""
    found = {path.parent.name: StageFolder(path.parent) for path in sorted(data.glob("[!.]*/manifest.json"))}
    if not found:
        raise DataError(Fault(str(data), "holds no stage folders", "run `dvc repro`, or name the folder with --data"))
    by_stage = {folder.stage: folder for folder in found.values()}
    before = {name: sorted(set(folder.manifest.get("inputs", {})) & set(by_stage)) for name, folder in by_stage.items()}
    return [by_stage[name] for name in TopologicalSorter(before).static_order()]


def trace(prefix: str, folders: Sequence[StageFolder]) -> Story:
    """The story of the one record whose id starts with `prefix`."""
    id = full_id(prefix, folders)
    chapters: list[Chapter] = []
    about: dict[str, Any] = {}
    for folder in folders:
        row = _row(folder, id)
        events = _rows(folder.path / "events.parquet", id)
        if events or row or folder_saw(folder, chapters):
            chapters.append(chapter(folder.stage, events, folder.manifest.get("reason_texts", {}), _folded(folder, id)))
        about = row or about
    about.pop("id", None)
    return Story(id, fate(chapters, about.get("split")), about, tuple(chapters))


def folder_saw(folder: StageFolder, chapters: Sequence[Chapter]) -> bool:
    """Whether a stage without records of its own was given the record: it had not left before."""
    gone = any(part.outcome in ("dropped", "quarantined") for part in chapters)
    return not gone and not (folder.path / "records.parquet").exists()


def full_id(prefix: str, folders: Sequence[StageFolder]) -> str:
    """The only id that starts with these digits, in any of the folders."""
    if not _ID.match(prefix):
        raise UsageError(Fault(f"id {prefix!r}", "is not made of hex digits", "`rowtrail show ingest` lists some ids"))
    ids: set[str] = set()
    for folder in folders:
        for name in ("events.parquet", "records.parquet"):
            ids.update(row["id"] for row in _rows(folder.path / name, prefix, ["id"]))
    if not ids:
        problem = f"no record with this id in {len(folders)} stages"
        raise DataError(
            Fault(f"id {prefix}", problem, "`rowtrail show ingest` lists some ids; ids change with the key")
        )
    if len(ids) > 1:
        raise UsageError(Fault(f"id {prefix}", f"{len(ids)} records start with these digits", "give more of them"))
    return ids.pop()


def _row(folder: StageFolder, id: str) -> dict[str, Any]:
    """The record's columns without its text, or nothing where the folder does not hold it."""
    return next(iter(_rows(folder.path / "records.parquet", id, _ABOUT)), {})


def _rows(path: Path, prefix: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Rows whose id starts with the prefix. Files are sorted by id: only the row groups that can hold it are read."""
    if not path.exists():
        return []
    # "g" comes right after the hex digits, so this is the range of all ids with the prefix.
    range = [("id", ">=", prefix), ("id", "<", prefix + "g")]
    return list(_read(path, filters=range, columns=columns).to_pylist())


def _folded(folder: StageFolder, id: str) -> list[str]:
    """Ids of the records that this stage dropped as duplicates of this one."""
    path = folder.path / "events.parquet"
    if not path.exists() or "drop" not in folder.manifest.get("reasons", {}):
        return []
    drops = _read(path, filters=[("action", "==", "drop")], columns=["id", "evidence"])
    candidates = drops.filter(pc.match_substring(drops["evidence"], id)).to_pylist()
    return [row["id"] for row in candidates if json.loads(row["evidence"]).get("of") == id]


def _read(path: Path, **options: Any) -> pa.Table:
    try:
        return pq.read_table(path, partitioning=None, **options)
    except (OSError, pa.ArrowException):
        step = "`dvc checkout` brings back the last good one, or run `dvc repro`"
        raise DataError(Fault(str(path), "is not a readable parquet file", step)) from None
