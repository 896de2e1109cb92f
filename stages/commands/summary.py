"""`rowtrail summary`: the key figures of the last run, and where the report is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.core.errors import DataError, Fault


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--reports`: another folder than reports/."""
    parser.add_argument("--reports", type=Path, default=Path("reports"), metavar="DIR")


def run(args: argparse.Namespace) -> int:
    """Print the figures."""
    for line in summary(args.reports):
        print(line)
    return 0


def summary(reports: Path) -> list[str]:
    """Lines with the key figures. Raises DataError when there is no report of a finished run."""
    names = ("ingest", "scrub_pii", "check_labels", "split", "evaluate", "audit")
    found = {name: _read(reports / f"{name}.json") for name in names}
    if not found["ingest"]:
        raise DataError(Fault(str(reports), "no reports of a finished run", "run `make repro` first"))
    lines = [_rows(found["ingest"], found["split"]), *_findings(found["scrub_pii"], found["check_labels"])]
    lines += _scores(found["evaluate"], found["audit"])
    return [*lines, f"report       {(reports / 'index.html').resolve().as_uri()}"]


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise DataError(Fault(str(path), "is not readable JSON", "run `dvc repro --force` for that stage")) from None


def _rows(ingest: Mapping[str, Any], split: Mapping[str, Any]) -> str:
    parts = split.get("reasons", {}).get("assign", {})
    dealt = ", ".join(f"{parts[name]} {name}" for name in ("train", "validation", "test") if name in parts)
    return f"rows         {ingest['records']['in']} read, {ingest['records']['created']} taken; {dealt}"


def _findings(scrub: Mapping[str, Any], labels: Mapping[str, Any]) -> list[str]:
    replaced = scrub.get("reasons", {}).get("edit", {}).get("pii_replaced", 0)
    suspects = sum(by.get("suspect_label", 0) for by in labels.get("reasons", {}).values())
    return [f"findings     {replaced} pieces of personal data replaced, {suspects} labels suspected"]


def _scores(evaluate: Mapping[str, Any], audit: Mapping[str, Any]) -> list[str]:
    lines = []
    for name in ("accuracy", "macro_f1"):
        if name in evaluate:
            value, low, high = (evaluate[f"{name}{end}"] for end in ("", "_low", "_high"))
            lines.append(f"{name:<12} {value:.3f} (95 % interval {low:.3f} to {high:.3f})")
    for name, scores in evaluate.get("baselines", {}).items():
        lines.append(f"  {name:<14} {scores['macro_f1']:.3f} macro F1")
    attacks = [audit.get("membership", {}).get(name) for name in ("auc", "calibrated_auc")]
    if any(attacks):
        strongest = max(auc for auc in attacks if auc is not None)
        lines.append(f"membership   AUC {strongest:.3f} of the stronger attack (0.5: nothing tells who was trained on)")
    return lines
