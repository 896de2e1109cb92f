"""What the benchmarks share: a command measured as a process, params with values changed, and the machine's name."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ruamel.yaml import YAML


def measured(command: Sequence[str]) -> tuple[float, float, float]:
    """(wall seconds, CPU seconds, peak MiB) of a command; ends the benchmark when it fails.

    CPU seconds are those of all its processes, the peak is that of the largest single one. A process begins with the
    memory of the one that starts it in its peak, so a benchmark must stay small itself.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = os.posix_spawnp(command[0], list(command), os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - started
    if status:
        sys.exit(f"{' '.join(command)} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, usage.ru_maxrss / 1024


def changed_params(changes: Sequence[str], folder: Path) -> Path:
    """params.yaml with values changed (`ingest.limit=null`), written into the folder."""
    yaml = YAML()
    params = yaml.load(Path("params.yaml").read_text(encoding="utf-8"))
    for change in changes:
        place, _, value = change.partition("=")
        *sections, key = place.split(".")
        target = params
        for section in sections:
            target = target.setdefault(section, {})
        target[key] = YAML(typ="safe").load(value)
    file = folder / "params.yaml"
    with file.open("w", encoding="utf-8") as out:
        yaml.dump(params, out)
    return file


def conditions(changes: Sequence[str]) -> str:
    """The line above a table: date, processor, cores, Python, and what was changed in the params."""
    cores = len(os.sched_getaffinity(0))
    machine = f"{_processor()}, {cores} cores, Python {platform.python_version()}"
    return ", ".join([f"{datetime.now(UTC):%Y-%m-%d}", machine, *changes])


def _processor() -> str:
    """The model's name where the system tells it, else the architecture."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
