"""`rowtrail show STAGE`: what a stage counted, and a few of its records. Prints text of your data, on screen only."""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stages.core.errors import Fault, UsageError
from stages.core.storage import StageFolder
from stages.core.terminal import printable
from stages.methods.text_table import text_table

_IDENTITY = ("id", "source", "source_row", "subject", "group", "split", "language", "confidence", "attributes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The stage, and how many records."""
    parser.add_argument("stage", metavar="STAGE", help="name of a stage, e.g. clean")
    parser.add_argument("--rows", type=int, default=5, metavar="N", help="records to show (default 5); 0 for none")
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where the stage folders are")


def run(args: argparse.Namespace) -> int:
    """Print the counts and the records. Raises DataError when the stage has not run."""
    if args.rows < 0:
        raise UsageError(Fault("--rows", f"{args.rows} is below 0", "give 0 or more"))
    folder = StageFolder(args.data / args.stage)
    for line in itertools.chain(counts(folder.manifest), records(folder, args.rows)):
        print(line)
    return 0


def counts(manifest: dict[str, Any]) -> Iterator[str]:
    """Records by outcome, then events by action and reason with what the reason means."""
    yield "  ".join(f"{name} {count:,}" for name, count in manifest.get("counts", {}).items() if count or name == "in")
    texts = manifest.get("reason_texts", {})
    rows = [
        (count, action, reason, texts.get(reason, ""))
        for action, by_reason in manifest.get("reasons", {}).items()
        for reason, count in by_reason.items()
    ]
    rows.sort(key=lambda row: (-row[0], row[1:]))
    yield from ["", *text_table(("events", "action", "reason", "meaning"), rows, shutil.get_terminal_size().columns)]


def records(folder: StageFolder, wanted: int) -> Iterator[str]:
    """The first records by id (ids are hashes, so these are a fair sample), or the files of a stage without any."""
    path = folder.path / "records.parquet"
    if not path.exists():
        yield from ["", *(f"{name}  sha256 {digest[:12]}" for name, digest in folder.manifest.get("files", {}).items())]
        return
    if not wanted:
        return
    with pq.ParquetFile(path) as file:
        found = next(file.iter_batches(batch_size=wanted), None)
    for row in found.to_pylist() if found is not None else []:
        yield from ["", "  ".join(f"{name} {row[name]}" for name in _IDENTITY if row.get(name) not in (None, []))]
        yield from (f"  {name}: {_shown(value)}" for name, value in row.items() if name not in _IDENTITY)


def _shown(value: Any) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
