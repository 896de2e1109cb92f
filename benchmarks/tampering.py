"""What `rowtrail verify` finds of what somebody altered, beside what `dvc status` finds.

Works on a copy of the project after `dvc repro`, and alters one thing at a time:

    python benchmarks/tampering.py
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from measuring import conditions

from stages.core.dvc_files import DvcCache, md5_of
from stages.core.storage import sha256_of

SPLIT = Path("data/split")


def flip(path: Path) -> None:
    """Change one byte in the middle of a file, and put its times and its mode back."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(before.st_mode)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def byte_in_a_record_file() -> None:
    """A byte of records.parquet, times put back."""
    flip(SPLIT / "records.parquet")


def byte_in_the_model() -> None:
    """A byte of the weights, times put back."""
    flip(Path("data/finetune/model/model.safetensors"))


def object_in_the_cache() -> None:
    """A byte of a cached object, checked out again by DVC itself."""
    cache = DvcCache()
    listing = cache.listing(md5_of(SPLIT)) or {}
    flip(cache.place(listing["records.parquet"]))
    shutil.rmtree(SPLIT)
    subprocess.run(["dvc", "checkout", "--quiet", str(SPLIT)], check=True)


def metric() -> None:
    """A better accuracy in reports/, and its hash in dvc.lock."""
    path = Path("reports/evaluate.json")
    before = md5_of(path)
    report = json.loads(path.read_bytes())
    path.write_text(json.dumps({**report, "accuracy": 0.95}))
    relock(before, md5_of(path))


def row_left_out() -> None:
    """A record taken out of a folder, and every hash of the folder, its manifest and dvc.lock made to fit."""
    before = md5_of(SPLIT)
    table = pq.read_table(SPLIT / "records.parquet", partitioning=None)
    rewrite("records.parquet", table.slice(1))
    relock(before, md5_of(SPLIT))


def event_edited() -> None:
    """A test row made a training row in its event, hashes made to fit likewise."""
    before = md5_of(SPLIT)
    table = pq.read_table(SPLIT / "events.parquet", partitioning=None)
    reasons = table["reason"].to_pylist()
    reasons[reasons.index("test")] = "train"
    rewrite("events.parquet", table.set_column(table.column_names.index("reason"), "reason", pa.array(reasons)))
    relock(before, md5_of(SPLIT))


def rewrite(name: str, table: pa.Table) -> None:
    """A file of the folder, and its digest in the manifest."""
    pq.write_table(table, SPLIT / name, compression="zstd", row_group_size=4096)
    manifest = json.loads((SPLIT / "manifest.json").read_bytes())
    manifest["files"][name] = sha256_of(SPLIT / name)
    (SPLIT / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def relock(before: str, after: str) -> None:
    """Another hash in dvc.lock, wherever the old one stands."""
    lock = Path("dvc.lock")
    lock.write_text(lock.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


CASES: tuple[Callable[[], None], ...] = (
    byte_in_a_record_file,
    byte_in_the_model,
    object_in_the_cache,
    metric,
    row_left_out,
    event_edited,
)


def main() -> None:
    """Print a line a case: whether each of the two found it."""
    root, before = Path.cwd(), state()
    print(f"{conditions([])}\n\n| altered | `dvc status` | `rowtrail verify` |\n|---|---|---|")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "project"
            shutil.copytree(root, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".rowtrail", "tmp"))
            os.chdir(copy)
            # DVC's memory of files it has hashed goes by path: without this first look it would hash everything.
            if any(asked()):
                sys.exit("the project is not up to date: run `dvc repro` first")
            case()
            found = ["found" if code else "not found" for code in asked()]
            os.chdir(root)
        print(f"| {(case.__doc__ or '').rstrip('.')} | {found[0]} | {found[1]} |", flush=True)
    if state() != before:
        sys.exit("the project itself was changed")


def asked() -> tuple[int, int]:
    """Exit codes of both, in this folder."""
    commands = (["dvc", "status", "--quiet"], ["rowtrail", "verify"])
    noticed, verified = (subprocess.run(one, check=False, capture_output=True).returncode for one in commands)
    return noticed, verified


def state() -> str:
    """A digest of what must not change here."""
    return hashlib.sha256(Path("dvc.lock").read_bytes() + (SPLIT / "manifest.json").read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
