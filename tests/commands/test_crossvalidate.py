"""`rowtrail crossvalidate` on records that a tiny model learns."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from stages.core.runner import run
from stages.core.storage import FolderWriter, StageFolder
from stages.methods.crossvalidate.folds import fold_stage, folds_of
from stages.split import STAGE as SPLIT
from tests.tiny import TASK, params, save_base, toy_records

KFOLD = 2


def write_project(root: Path, kfold: int | None = KFOLD):
    """params.yaml and data/split, as the stage `split` leaves it."""
    split = {"test": 0.2, "validation": 0.15, "kfold": kfold}
    settings = params(save_base(root / "base"), split=split, lr=5e-3, epochs=20, finetune={"early_stopping": None},
                      evaluate={"bootstrap": 100})  # fmt: skip
    with (root / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(settings.model_dump(mode="json"), file)
    with FolderWriter(root / "check_labels", TASK.schema) as folder:
        for one in toy_records(train=150, validation=0, test=0):
            folder.add(replace(one, split=None))
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "check_labels", "inputs": {}, "params": {}})
    run(SPLIT, [root / "check_labels"], root / "data/split", settings, TASK)
    return settings


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    return tmp_path


def test_a_fold_is_held_out_whole_and_no_test_row_is_touched(project):
    split = StageFolder(project / "data/split")
    folds = folds_of(split)
    before = {record.id: record.split for record in split.records(TASK.schema)}
    assert {id for id, part in before.items() if part != "test"} == folds.keys()
    settings = params("none", split={"kfold": KFOLD})
    for fold in range(KFOLD):
        run(fold_stage(fold, folds), [project / "data/split"], project / f"fold-{fold}", settings, TASK)
        after = {record.id: record.split for record in StageFolder(project / f"fold-{fold}").records(TASK.schema)}
        assert after.keys() == folds.keys()
        assert {id for id, part in after.items() if part == "test"} == {id for id, n in folds.items() if n == fold}
        assert all(part == before[id] for id, part in after.items() if part != "test")


@pytest.mark.slow
def test_each_row_is_scored_once_by_a_model_that_has_not_seen_it_and_the_work_goes_on_after_a_stop(project, ask):
    code, out, err = ask("crossvalidate", "--keep")
    assert code == 0, err
    folds = folds_of(StageFolder(project / "data/split"))
    rows = pq.read_table(project / "data/crossvalidate/predictions.parquet").to_pylist()
    assert {row["id"]: row["fold"] for row in rows} == folds
    assert set(rows[0]) == {"id", "fold", "quality", "loss"}
    for fold in range(KFOLD):
        used = StageFolder(project / f"data/crossvalidate/fold-{fold}/finetune").table("events.parquet", ["id"])
        assert not set(used["id"].to_pylist()) & {id for id, n in folds.items() if n == fold}

    found = json.loads((project / "reports/crossvalidate.json").read_text(encoding="utf-8"))
    accuracy = found["metrics"]["accuracy"]
    by_fold = [fold["metrics"]["accuracy"] for fold in found["folds"]]
    assert accuracy["mean"] == pytest.approx(statistics.fmean(by_fold), abs=1e-6)
    assert accuracy["pooled"] == pytest.approx(statistics.fmean(row["quality"] for row in rows), abs=1e-6)
    assert accuracy["mean"] > 0.9  # the toy words give the label away
    assert accuracy["t_low"] <= accuracy["mean"] <= accuracy["t_high"]
    assert f"{TASK.primary}: mean" in out
    assert "Bengio and Grandvalet" in out

    # One fold's model is lost: the others are not trained again, and the numbers are the same.
    (project / "data/crossvalidate/fold-1/finetune/manifest.json").unlink()
    code, _, err = ask("crossvalidate")
    assert code == 0
    assert [f"fold {n}: trained before" in err for n in range(KFOLD)] == [True, False]
    assert json.loads((project / "reports/crossvalidate.json").read_text(encoding="utf-8")) == found
    assert not list((project / "data/crossvalidate").glob("fold-*"))


def test_without_folds_the_knob_is_named(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path, kfold=None)
    code, _, err = ask("crossvalidate")
    assert code == 2
    assert "split.kfold" in err


def test_folds_that_the_split_was_not_dealt_are_asked_for(project, ask):
    text = (project / "params.yaml").read_text(encoding="utf-8").replace(f"kfold: {KFOLD}", "kfold: 5")
    (project / "params.yaml").write_text(text, encoding="utf-8")
    code, _, err = ask("crossvalidate")
    assert code == 3
    assert "params.yaml asks for 5 folds, and 2 have rows" in err


def test_private_folds_are_refused_for_each_would_be_paid_for(project, ask):
    text = Path("params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(text.replace("privacy:\n  enabled: false", "privacy:\n  enabled: true"), "utf-8")
    code, _, err = ask("crossvalidate")
    assert code == 4
    assert "privacy.runs" in err
    assert not Path("data/crossvalidate").exists()


def test_a_stage_that_fails_is_named(project, ask):
    text = (project / "params.yaml").read_text(encoding="utf-8").replace("max_length: 32", "max_length: 4096")
    (project / "params.yaml").write_text(text, encoding="utf-8")
    code, _, err = ask("crossvalidate")
    assert code == 1
    assert "crossvalidate: fold-0: plan ended with 2" in err
