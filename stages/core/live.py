"""Learning curves as DVCLive writes them, so that `dvc plots`, DVC's extension for VS Code and Studio can show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

NAMES = {"train_loss": "train/loss", "validation_loss": "validation/loss", "lr": "lr"}
"""Names of the curve's columns in DVCLive, which makes a folder of each part before a slash."""


def write_live(folder: Path, curve: Iterable[Mapping[str, float | int | None]]) -> None:
    """Write metrics.json and plots/metrics/*.tsv below the folder.

    `curve` has one mapping a step with `step` and the names above, None where nothing was measured. The whole curve is
    written at the end, from the trainer's own history: a run that went on after a kill then has all of its steps.
    """
    from dvclive import Live

    # No experiment, no dvc.yaml, no report: the pipeline has its own. No timestamps: same run, same bytes.
    with Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False) as live:
        for point in curve:
            live.step = point["step"]
            for name, metric in NAMES.items():
                if point.get(name) is not None:
                    live.log_metric(metric, point[name])
            live.make_summary()
