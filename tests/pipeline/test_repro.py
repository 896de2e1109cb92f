"""`dvc repro` on the sample rows, and what it promises."""

from __future__ import annotations

import json
import re
import shutil

import pyarrow.parquet as pq
import pytest

from stages.__main__ import STAGES
from stages.core.storage import StageFolder, files_below, sha256_of
from tests.pipeline.conftest import MARK, MARKED_CUSTOMER, MARKED_MAIL

pytestmark = pytest.mark.slow
DATA_STAGES = ("ingest", "clean", "deduplicate", "scrub_pii", "check_labels", "split")


def test_every_stage_leaves_a_folder_whose_files_are_those_of_its_manifest(project):
    for name in STAGES:
        folder = StageFolder(project.path / "data" / name)
        found = {file: sha256_of(folder.path / file) for file in files_below(folder.path) if file != "manifest.json"}
        assert found == folder.manifest["files"]


def test_the_manifests_form_a_chain_from_the_source_to_the_report(project):
    digests = {name: StageFolder(project.path / "data" / name).digest for name in STAGES}
    for name in STAGES:
        inputs = StageFolder(project.path / "data" / name).manifest["inputs"]
        assert inputs == {stage: digests[stage] for stage in inputs}
        assert inputs or name == "ingest"


def test_no_record_is_lost_between_any_two_stages(project):
    previous = None
    for name in DATA_STAGES:
        manifest = StageFolder(project.path / "data" / name).manifest
        out = [int(manifest["digests"][kind], 16) for kind in ("created", "kept", "dropped", "quarantined")]
        assert int(manifest["digests"]["in"], 16) == sum(out) % 2**256
        if previous:
            assert manifest["digests"]["in"] == previous
        previous = manifest["digests"]["created" if name == "ingest" else "kept"]


def test_a_second_run_does_nothing_and_changes_no_byte(project):
    before = (project.path / "dvc.lock").read_bytes()
    done = project.run("dvc", "repro")
    assert "Running stage" not in done.stdout
    assert (project.path / "dvc.lock").read_bytes() == before


def test_changing_how_to_run_does_not_change_what_was_run(copy):
    copy.set_params(lambda params: params.update(engine={"kind": "ray", "workers": 3, "processes": 2}))
    assert "up to date" in copy.run("dvc", "status").stdout


def test_the_data_stages_give_the_same_bytes_in_another_folder_with_other_workers(project, tmp_path):
    params = (project.path / "params.yaml").read_text(encoding="utf-8")
    other, changes = re.subn(r"  workers:.*", "  workers: 1", params)
    assert changes == 1
    (project.path / "other.yaml").write_text(other, encoding="utf-8")
    previous: list[str] = []
    for name in DATA_STAGES:
        out = tmp_path / name
        project.stage(name, *previous, out=str(out), params="other.yaml")
        assert StageFolder(out).digest == StageFolder(project.path / "data" / name).digest, name
        previous = [str(out)]
    (project.path / "other.yaml").unlink()


def test_training_and_scoring_again_give_the_same_metrics_files(copy):
    reports = ("finetune", "evaluate", "audit")
    before = {name: (copy.path / f"reports/{name}.json").read_bytes() for name in reports}
    weights = sha256_of(copy.path / "data/finetune/model/model.safetensors")
    copy.run("dvc", "repro", "--force", "--single-item", *reports)
    assert {name: (copy.path / f"reports/{name}.json").read_bytes() for name in reports} == before
    assert sha256_of(copy.path / "data/finetune/model/model.safetensors") == weights


def test_an_experiment_with_another_learning_rate_runs_plan_and_what_follows_and_nothing_before(copy):
    done = copy.run("dvc", "exp", "run", "-S", "lr=2e-5")
    ran = [name for name in STAGES if f"Running stage '{name}'" in done.stdout]
    assert ran == ["plan", "finetune", "evaluate", "audit", "document"]
    trained = json.loads((copy.path / "data/finetune/training.json").read_text(encoding="utf-8"))
    assert isinstance(trained["lr"], float)
    assert trained["lr"] == 2e-5
    assert "2e-05" in copy.run("dvc", "params", "diff").stdout
    assert "evaluate.json" in copy.run("dvc", "metrics", "diff").stdout
    shown = json.loads(copy.run("dvc", "exp", "show", "--json").stdout)
    assert len(shown) == 2


def test_curves_and_confusion_matrix_can_be_shown_by_dvc(copy):
    shown = json.loads(copy.run("dvc", "plots", "show", "--json").stdout)
    assert set(shown["data"]) == {"Loss while training", "Confusion on the test split", "Calibration on the test split"}
    assert not shown.get("errors")
    assert all("values" in json.dumps(plots[0]["content"]) for plots in shown["data"].values())
    copy.run("dvc", "plots", "show", "--out", "plots")
    assert (copy.path / "plots/index.html").stat().st_size > 5_000


def _texts_below(path):
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.suffix in {".json", ".csv", ".tsv", ".html", ".yaml", ".log", ".lock", ".txt"}:
            yield file, file.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("secret", [MARK, MARKED_MAIL, MARKED_CUSTOMER, "4012888888881881"])
def test_a_planted_value_turns_up_in_no_event_report_log_or_page(project, secret):
    places = [project.path / "reports", project.path.parent / "repro.log", project.path / "dvc.lock"]
    places += [project.path / "data" / name for name in STAGES]
    for place in places:
        found = [place] if place.is_file() else list(dict(_texts_below(place)))
        for file in found:
            assert secret.lower() not in file.read_text(encoding="utf-8", errors="replace").lower(), file
    for name in STAGES:
        events = pq.read_table(project.path / "data" / name / "events.parquet").to_pylist()
        assert not any(secret.lower() in str(row).lower() for row in events), name


def test_the_planted_mail_and_card_are_gone_from_the_scrubbed_text(project):
    ingested = pq.read_table(project.path / "data/ingest/records.parquet").to_pylist()
    (marked,) = [row for row in ingested if row["source_row"] == "marked-1"]
    assert MARKED_MAIL in marked["text"]
    (scrubbed,) = [
        row
        for row in pq.read_table(project.path / "data/scrub_pii/records.parquet").to_pylist()
        if row["id"] == marked["id"]
    ]
    assert MARKED_MAIL not in scrubbed["text"]
    assert "4012888888881881" not in scrubbed["text"]


def test_no_subject_stands_in_two_splits(project):
    rows = pq.read_table(project.path / "data/split/records.parquet", columns=["subject", "split"]).to_pylist()
    by_subject: dict[str, set[str]] = {}
    for row in rows:
        if row["subject"]:
            by_subject.setdefault(row["subject"], set()).add(row["split"])
    assert len(by_subject) > 10
    assert all(len(splits) == 1 for splits in by_subject.values())


def test_an_erased_record_is_gone_everywhere_and_no_other_row_moves(copy, tmp_path):
    before = {row["id"]: row for row in pq.read_table(copy.path / "data/split/records.parquet").to_pylist()}
    erased = sorted(before)[3]
    with (copy.path / "data/erasure.csv").open("a", encoding="utf-8") as file:
        file.write(f"record,{erased}\n")
    previous: list[str] = []
    for name in DATA_STAGES:
        copy.stage(name, *previous, out=str(tmp_path / name))
        previous = [str(tmp_path / name)]
        ids = pq.read_table(tmp_path / name / "records.parquet", columns=["id"]).column("id").to_pylist()
        assert erased not in ids
    after = {row["id"]: row["split"] for row in pq.read_table(tmp_path / "split/records.parquet").to_pylist()}
    assert all(after[id] == row["split"] for id, row in before.items() if id in after)
    assert len(after) >= len(before) - 1


def test_a_fresh_clone_after_repro_has_nothing_to_commit(project, tmp_path):
    """dvc.lock and the reports in git are what another folder gives: the free proof of reproducibility."""
    clone = tmp_path / "clone"
    shutil.copytree(project.path, clone, ignore=shutil.ignore_patterns("cache", "tmp", ".rowtrail"))
    for name in STAGES:
        shutil.rmtree(clone / "data" / name)
    again = type(project)(clone)
    again.run("dvc", "repro", "split")
    changed = [line for line in again.run("git", "diff", "--stat").stdout.splitlines() if "|" in line]
    assert not changed
    ours, theirs = (path.joinpath("dvc.lock").read_text(encoding="utf-8") for path in (project.path, clone))
    assert ours == theirs
