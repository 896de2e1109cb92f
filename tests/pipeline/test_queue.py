"""Experiments as docs/experiments.md tells them: a queue of learning rates, raw files that git lacks, a search."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow
QUICK = ("--single-item", "plan", "finetune")
"""What a trial of `rowtrail tune` runs; a queue runs more of the pipeline with `--downstream plan`, and longer."""


@pytest.fixture
def committed(copy):
    """The project with dvc.lock and the reports in git: experiments begin from there."""
    copy.run("git", "add", "-A")
    copy.run("git", "commit", "-qm", "first run")
    return copy


def losses(project) -> dict[str, float]:
    """Learning rate and validation loss of all experiments, as `dvc exp show` has them."""
    shown = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    found = [one["revs"][0]["data"] for rev in shown for one in rev["experiments"] or ()]
    return {
        one["params"]["params.yaml"]["data"]["lr"]: one["metrics"]["reports/finetune.json"]["data"]["validation_loss"]
        for one in found
    }


def test_a_queue_of_three_learning_rates_gives_three_experiments_and_leaves_the_workspace_alone(committed):
    params = (committed.path / "params.yaml").read_bytes()
    weights = (committed.path / "data/finetune/manifest.json").read_bytes()
    committed.run("dvc", "exp", "run", "--queue", "-S", "lr=1e-5,2e-5,5e-5", *QUICK)
    assert committed.run("dvc", "queue", "status").stdout.count("Queued") == 3
    committed.run("dvc", "exp", "run", "--run-all")
    found = losses(committed)
    assert set(found) == {1e-5, 2e-5, 5e-5}
    assert len(set(found.values())) == 3
    assert (committed.path / "params.yaml").read_bytes() == params
    assert (committed.path / "data/finetune/manifest.json").read_bytes() == weights
    assert committed.run("git", "status", "--porcelain").stdout == ""


def test_a_copy_without_the_raw_files_says_so_and_goes_on_when_it_is_given_them(committed):
    done = committed.run("dvc", "exp", "run", "--temp", "plan", code=255)
    assert "data/raw/*.csv: no file has such a name" in done.stdout + done.stderr
    done = committed.run("dvc", "exp", "run", "--temp", "--copy-paths", "data/raw/sample.csv", "plan")
    assert "Running stage" not in done.stdout


def test_a_search_runs_the_real_stages_and_reads_the_losses_that_they_tell(committed):
    committed.run("python", "-m", "stages", "tune", "--trials", "2", "--space", "lr=1e-5..1e-4:log", "--prune")
    first, second = json.loads((committed.path / "reports/tune.json").read_text(encoding="utf-8"))["trials"]
    assert first["params"] == {"lr": 5e-5}
    assert "losses" not in first  # what `dvc repro` ran is not run again
    assert min(second["losses"]) == pytest.approx(second["value"], abs=1e-4)
    assert losses(committed) == {one["params"]["lr"]: one["value"] for one in (first, second)}
    log = (committed.path / ".rowtrail/tune/search/tune-search-1.log").read_text(encoding="utf-8")
    assert [line for line in log.splitlines() if line.startswith("Running stage")] == [
        "Running stage 'plan':",
        "Running stage 'finetune':",
    ]
