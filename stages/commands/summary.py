"""`rowtrail summary`: the key figures of the last run, and where the report is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.core.errors import DataError, Fault
from stages.methods.document.measures import headlines, measure


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
    names = ("ingest", "scrub_pii", "check_labels", "split", "finetune", "evaluate", "audit")
    found = {name: _read(reports / f"{name}.json") for name in names}
    if not found["ingest"]:
        raise DataError(Fault(str(reports), "no reports of a finished run", "run `make repro` first"))
    lines = [_rows(found["ingest"], found["split"]), *_findings(found["scrub_pii"], found["check_labels"])]
    lines += _scores(found["evaluate"], found["audit"]) + _privacy(found["finetune"].get("privacy") or {})
    return [*lines, f"report       {(reports / 'index.html').absolute().as_uri()}"]


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
    """The scores that tell most; then each baseline's, and what the model gains over it."""
    lines = [f"{name:<12} {_value(evaluate, name)}{_interval(evaluate, name)}" for name in headlines(evaluate, 2)]
    others = evaluate.get("baselines", {})
    for name, scores in others.items():
        told = [f"{_value(scores, one)} {measure(one).within}" for one in _compared(others) if one in scores]
        lines += [f"  {name:<14} {', '.join(told)}{_gain(evaluate, name)}"] if told else []
    attacks = [audit.get("membership", {}).get(name) for name in ("auc", "calibrated_auc")]
    if any(attacks):
        strongest = max(auc for auc in attacks if auc is not None)
        lines.append(f"membership   AUC {strongest:.3f} of the stronger attack (0.5: nothing tells who was trained on)")
    return lines


def _privacy(found: Mapping[str, Any]) -> list[str]:
    """What a private training promises, and what all of them over these subjects come to."""
    if not found:
        return []
    if not found["private"]:
        return ["privacy      NOT private: the noise was drawn from privacy.test_seed"]
    named = {"a record": found["epsilon"], "a subject": found["epsilon_subject"]}
    bounds = " and ".join(f"{value:g} for {whom}" for whom, value in named.items() if value is not None)
    spent = found["epsilon_all_runs"]
    total = "no bound" if spent is None else f"{spent:g}"
    said = f"epsilon {bounds or 'without bound'}, delta {found['delta']:g}"
    return [f"privacy      {said}; of all runs {total} for a subject"]


def _compared(others: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What baselines are compared by: where there is another score, not accuracy, which a majority class has too."""
    names = headlines({name for scores in others.values() for name in scores}, 2)
    return [name for name in names if name != "accuracy"] or names


def _value(scores: Mapping[str, Any], name: str) -> str:
    return f"{scores[name]:.{3 if measure(name).unit == '%' else 1}f}"


def _interval(scores: Mapping[str, Any], name: str) -> str:
    ends = {end: {name: scores[f"{name}_{end}"]} for end in ("low", "high") if f"{name}_{end}" in scores}
    if len(ends) < 2:
        return ""
    return f" (95 % interval {_value(ends['low'], name)} to {_value(ends['high'], name)})"


def _gain(evaluate: Mapping[str, Any], other: str) -> str:
    """What is gained over a baseline, compared row by row: the report has one score or two of it."""
    gained = evaluate.get("gain", {}).get(other, {})
    name = next(iter(headlines([name for name in gained if name != "accuracy"], 1)), None)
    if name is None or f"{name}_low" not in gained:
        return ""
    scale = measure(name).scale
    value, low, high = (scale * gained[f"{name}{end}"] for end in ("", "_low", "_high"))
    return f"; gain {value:+.1f} points of {measure(name).within} ({low:+.1f} to {high:+.1f})"
