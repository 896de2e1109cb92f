"""Time and peak memory of every stage on the project's params, each in a process of its own, and the test metrics.

    python benchmarks/pipeline.py                          the params.yaml that is here
    python benchmarks/pipeline.py -S ingest.limit=null     with values changed, as in `dvc exp run`

The project's own `data/` is not touched: outputs go to a folder that is removed at the end; `--keep DIR` keeps it.
Peak memory is that of the largest single process; CPU seconds are those of all processes of the stage.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import changed_params, conditions, measured
from ruamel.yaml import YAML

from stages.__main__ import STAGES


def inputs_of(wiring: dict[str, Any], stage: str, folder: Path) -> list[str]:
    """The stage's `--in` arguments of dvc.yaml, pointing into another folder."""
    names = re.findall(r"--in data/(\w+)", wiring["stages"][stage]["cmd"])
    return [part for name in names for part in ("--in", str(folder / name))]


def main() -> None:
    """Run all stages and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-S", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        run_all(folder, options.changes)


def run_all(folder: Path, changes: list[str]) -> None:
    """Run the stages one after the other into a folder and print what they took."""
    params = changed_params(changes, folder)
    wiring = YAML(typ="safe").load(Path("dvc.yaml").read_text(encoding="utf-8"))
    print(f"{conditions(changes)}\n")
    print("| stage | records in | records out | wall s | CPU s | peak MiB |\n|---|---|---|---|---|---|")
    total = 0.0
    for stage in STAGES:
        command = [sys.executable, "-m", "stages", stage, *inputs_of(wiring, stage, folder)]
        wall, cpu, peak = measured([*command, "--out", str(folder / stage), "--params", str(params)])
        counts = json.loads((folder / stage / "manifest.json").read_bytes())["counts"]
        total += wall
        out = counts["created"] + counts["kept"]
        print(f"| {stage} | {counts['in']} | {out} | {wall:.1f} | {cpu:.1f} | {peak:.0f} |", flush=True)
    print(f"| all | | | {total:.0f} | | |\n")
    print(json.dumps(json.loads((folder / "evaluate" / "report.json").read_bytes()), indent=1)[:4000])


if __name__ == "__main__":
    main()
