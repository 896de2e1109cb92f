"""How long `rowtrail trace` takes to answer, each way in, over stage folders with as many records as you like.

    python benchmarks/trace.py                                  1,000,000 records
    python benchmarks/trace.py --records 100000 --repeat 5      other sizes, more rounds
    python benchmarks/trace.py --keep DIR                       leaves the folders there, or uses those it finds

`trace_folders.py` says what the folders hold. An answer is a process of its own, start of Python included; the files
are in the system's cache, because they were just written.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from measuring import conditions
from trace_folders import SOURCE, Corpus, fabricate


def ways(corpus: Corpus, data: Path) -> dict[str, list[str]]:
    """What is asked, by the name it has in the table: of records in the middle of the files."""
    middle = len(corpus.ids) // 2
    gone = middle + int(np.argmax(~corpus.stays[middle:]))
    trained = middle + int(np.argmax((corpus.stays & (corpus.split == 0))[middle:]))
    tested = middle + int(np.argmax((corpus.stays & (corpus.split == 2))[middle:]))
    events = pq.ParquetFile(data / "scrub_pii" / "events.parquet")
    group = events.read_row_group(events.metadata.num_row_groups // 2, columns=["evidence"])
    value = json.loads(group["evidence"][0].as_py())["value"]
    name = corpus.name
    return {
        "id, trained on": [name(trained)],
        "id, tested on": [name(tested)],
        "id, dropped duplicate": [name(gone)],
        "id, stands for duplicates": [name(int(corpus.kept_as[gone]))],
        "first 12 digits of an id": [name(trained)[:12]],
        "--source-row": ["--source-row", f"{SOURCE}:{corpus.place[trained]}"],
        "--value-hash": ["--value-hash", value],
        "--subject, about 20 records": ["--subject", f"person {corpus.person[trained]}"],
        "--subject, all stories": ["--subject", f"person {corpus.person[trained]}", "--all", "--json"],
        "id, as a page": [name(trained), "--html", str(data / "trace.html")],
    }


def measure(asked: Sequence[str], data: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one answer. Ends the benchmark when there is none."""
    before, started = _cpu(), time.perf_counter()
    command = [sys.executable, "-m", "stages", "trace", *asked, "--data", str(data)]
    done = subprocess.run(command, capture_output=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(done.stderr.decode())
    return seconds, _cpu() - before


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Invent, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="rounds of each question")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the folders are written, and stay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = (options.keep or Path(scratch)) / "data"
        corpus = Corpus.of(options.records)
        if not (data / "evaluate" / "manifest.json").exists():
            fabricate(data, corpus)
            shutil.copy("dvc.lock", data.parent)
        print(f"{conditions([f'{options.records:,} records'])}\n")
        print("| asked by | wall s, best | wall s, median | CPU s, best |\n|---|---|---|---|")
        for name, asked in {"(only the start of the command)": ["--help"], **ways(corpus, data)}.items():
            wall, cpu = zip(*(measure(asked, data) for _ in range(options.repeat)), strict=True)
            print(f"| {name} | {min(wall):.2f} | {statistics.median(wall):.2f} | {min(cpu):.2f} |", flush=True)


if __name__ == "__main__":
    main()
