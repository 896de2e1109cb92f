"""A hundred thousand rows from source to split, in the memory that docs/scale.md states."""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys

import pytest

from stages.core.storage import StageFolder
from tests.faults.odd_project import SOURCE, make_small_project

ROWS = 100_000
BOUNDS = {"ingest": 512, "clean": 512, "deduplicate": 512, "scrub_pii": 768, "check_labels": 1536, "split": 512}
"""MiB that the largest process of each stage may take: a third to a half above what was measured."""
WORDS = (
    "order",
    "parcel",
    "late",
    "refund",
    "card",
    "login",
    "invoice",
    "address",
    "change",
    "cancel",
    "track",
    "help",
)
LABELS = ("billing", "delivery", "technical")


WATCH = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
"""A small process in between: what is started by a large one counts as large as that for a moment."""


def write_rows(file) -> None:
    """Invented rows: exact duplicates, telephone numbers, empty texts and repeated keys among them."""
    chance = random.Random(4)
    with file.open("w", encoding="utf-8", newline="") as lines:
        out = csv.writer(lines, lineterminator="\n")
        out.writerow(["id", "text", "label", "customer", "agreement"])
        text = "the first text of all"
        for number in range(ROWS):
            if number % 20:  # each twentieth is the one before again
                words = [*chance.choices(WORDS, k=chance.randint(4, 25)), f"{number % 977}-{number % 101}"]
                text = " ".join(words) + (f" call 212-555-{number % 10_000:04d}" if number % 50 == 1 else "")
            key = number - 1 if number % 1000 == 7 else number
            out.writerow([key, "" if number % 500 == 3 else text, LABELS[number % 3], f"c{number // 3}", 1])


def peak_of(project, *command: str) -> float:
    """MiB of the largest process of a command that must succeed."""
    done = subprocess.run([sys.executable, "-c", WATCH, sys.executable, "-m", *command], cwd=project.path,
                          env={**os.environ, "PYTHONPATH": ""}, stdout=subprocess.PIPE, check=True)  # fmt: skip
    return int(done.stdout.split()[-1]) / 1024


def without_models(params) -> None:
    params["scrub_pii"]["ner"] = {}
    params["engine"]["workers"] = 2


@pytest.mark.soak
@pytest.mark.timeout(2 * 3600)
def test_a_hundred_thousand_rows_reach_the_split_in_bounded_memory_and_none_is_lost(tmp_path):
    project = make_small_project(tmp_path / "large")
    project.set_params(without_models)
    write_rows(project.path / "data/raw" / SOURCE)
    previous, peaks = "", {}
    for name in BOUNDS:
        inputs = ("--in", f"data/{previous}") if previous else ()
        peaks[name] = peak_of(project, "stages", name, *inputs, "--out", f"data/{name}")
        counts = StageFolder(project.path / "data" / name).manifest["counts"]
        left = counts.get("kept", 0) + counts.get("created", 0)
        assert counts["in"] == left + counts.get("dropped", 0) + counts.get("quarantined", 0)
        previous = name
        sys.stdout.write(f"{name}: {peaks[name]:.0f} MiB, {counts}\n")
    assert StageFolder(project.path / "data/ingest").manifest["counts"]["in"] == ROWS
    assert {name: peak for name, peak in peaks.items() if peak > BOUNDS[name]} == {}
