"""One self-contained HTML report of everything that the stages wrote down.

in:  data/ingest ... data/audit   manifests, reports and the learning curve
out: data/document                `index.html`, copied to `reports/`
"""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.stage import Artifact, Context, artifact_stage
from stages.core.storage import StageFolder
from stages.methods.document.figures import figures
from stages.methods.document.html import page

REASONS: dict[str, str] = {}

_LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "presidio-analyzer",
    "spacy",
    "cleanlab",
    "scikit-learn",
    "pyarrow",
)


def build(context: Context, folder: Path) -> Artifact:
    """Write `index.html`. What an input did not record is said to be missing; nothing is computed in its place."""
    recorded = {source.stage: _recorded(source) for source in context.inputs}
    curve = [row for source in context.inputs if source.stage == "finetune" for row in _curve(source)]
    html = page(figures(recorded, curve, _versions()), context.params.title)
    (folder / "index.html").write_text(html, encoding="utf-8")
    return Artifact(publish=("index.html",))


def _recorded(source: StageFolder) -> dict[str, Any]:
    return {
        "manifest": source.manifest,
        "report": _report(source.path / "report.json"),
        "digest": source.digest,
        "rows_by_action": _rows_by_action(source),
    }


def _rows_by_action(source: StageFolder) -> dict[str, int]:
    """Records with an event of each action: one record may have many events, and the report speaks of records."""
    if not (source.path / "events.parquet").exists():
        return {}
    pairs = source.table("events.parquet", ["action", "id"]).group_by(["action", "id"]).aggregate([])
    return {row["values"]: row["counts"] for row in pairs["action"].value_counts().to_pylist()}


def _report(path: Path) -> Mapping[str, Any]:
    try:
        report = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise DataError(Fault(str(path), "is not readable JSON", "run `dvc repro --force` for that stage")) from None
    return report if isinstance(report, dict) else {}


def _curve(source: StageFolder) -> list[dict[str, float]]:
    """The learning curve's rows; cells that are empty (no evaluation at that step) are left out."""
    path = source.path / "learning_curve.csv"
    if not path.exists():
        return []
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return [{name: float(cell) for name, cell in row.items() if cell} for row in rows]


def _versions() -> dict[str, str]:
    """Python and the libraries whose version can change a result."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


STAGE = artifact_stage("document", build, reasons=REASONS)
