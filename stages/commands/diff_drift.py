"""Drift for `rowtrail diff`: whether labels and lengths of the records are as in the other version."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stages.commands.diff_kept import RECORDS, Kept
from stages.commands.diff_rows import Found
from stages.core.tables import records_of
from stages.core.task import Task
from stages.methods.check_labels.issues.drift import label_difference, length_difference, told
from stages.tasks import load_task

MOST = 100_000
"""Records of each version that are looked at: the first ones, a choice by chance, for ids are hashes."""
_BATCH = 4096


def compare_drift(a: Kept, b: Kept, stage: str | None) -> Found:
    """Tests of all records of A against all of B in a stage that both have; None, or the same bytes: no tests."""
    found = Found()
    paths = [side.file(stage, RECORDS) if stage else None for side in (a, b)]
    if stage is None or paths[0] is None or paths[1] is None or _same(a, b, stage):
        return found
    task = load_task(str(a.version.params.get("task", "classification")))
    try:
        (strata, lengths), (others, other_lengths) = (_looked(path, task) for path in paths if path)
    except KeyError:
        found.lack("labels and lengths", "one version's records were written by an older Rowtrail")
        return found
    tests = (label_difference(strata, others), length_difference(lengths, other_lengths))
    rows: list[dict[str, Any]] = told([test for test in tests if test is not None])
    found.told = {"stage": stage, "rows": [len(lengths), len(other_lengths)], "tests": rows} if rows else {}
    return found


def _same(a: Kept, b: Kept, stage: str) -> bool:
    digest = a.digest(stage, RECORDS)
    return digest is not None and digest == b.digest(stage, RECORDS)


def _looked(path: Path, task: Task) -> tuple[Counter[str], list[int]]:
    """Records by what the split keeps in proportion (the label, where there is one), and their lengths."""
    strata, lengths = Counter[str](), list[int]()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH):
            some = records_of(pa.Table.from_batches([batch]), task.schema)[: MOST - len(lengths)]
            strata.update(stratum for record in some if (stratum := task.stratum(record)))
            lengths += [record.length for record in some]
            if len(lengths) == MOST:
                break
    return strata, lengths
