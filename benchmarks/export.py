"""What each form of the reference project's model costs and gains: size, latency and score side by side, in one run.

Run after `dvc repro`, alone on the machine: `python benchmarks/export.py`; `--rows 300` for a quick look. It makes the
forms in a folder of its own by `rowtrail export model`, with no limit to how far the score may fall, so that every form
is in the table. The second row is the tuned model once more, loaded from its copy: what it differs from the first by is
noise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring import conditions

_FORMS = "safetensors,bfloat16,onnx,onnx-int8,weight-int8,weight-int4,pruned"


def main() -> None:
    """Export into a scratch folder, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", default=_FORMS)
    parser.add_argument("--sparsity", default="0.1,0.2,0.3")
    parser.add_argument("--rows", type=int)
    options = parser.parse_args()
    if not Path("data/finetune/manifest.json").exists():
        sys.exit("run `dvc repro` (or `make repro`) first: the model of data/finetune is exported")
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "export"
        command = [sys.executable, "-m", "stages", "export", "model", "--out", str(out), "--max-drop", "1000"]
        command += ["--form", options.form, "--sparsity", options.sparsity]
        command += ["--rows", str(options.rows)] if options.rows else []
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print("\n".join(table(json.loads((out / "export.json").read_bytes()))))


def table(result: Mapping[str, Any]) -> list[str]:
    """The results as Markdown; times are medians, ratios are medians of ratios within a round."""
    forms = result["forms"]
    rounds = min(form["times"]["rounds"] for form in forms)
    lines = [
        f"{conditions([])}; {result['test']['records']:,} test records, ms a record over {rounds} rounds.",
        "",
        f"| form | MB | MB, zstd | ms, batch 1 | ratio | ms, batch 32 | ratio | {result['metric']} | change |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + ["| " + " | ".join(cells(form)) + " |" for form in forms]


def cells(form: Mapping[str, Any]) -> Sequence[str]:
    """A row of the table."""
    times, score, change = form["times"], form["score"], form["change"]
    measured = [cell for size in ("1", "32") for cell in (f"{times['ms'][size]:.1f}", f"{times['ratio'][size]:.2f}")]
    return [
        form["form"],
        f"{form['size'] / 1e6:.1f}",
        f"{form['compressed'] / 1e6:.1f}",
        *measured,
        f"{score['value']:.3f}",
        f"{change['value']:+.4f} ({change['low']:+.3f} to {change['high']:+.3f})",
    ]


if __name__ == "__main__":
    main()
