import json
from collections import Counter
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from stages.core.budget import budget_folder
from stages.core.budget_chain import read_budget
from stages.core.storage import StageFolder, sha256_of
from tests import tiny

PRIVATE = {"enabled": True, "test_seed": 5, "accountant": "rdp", "target_epsilon": 8.0}
TUNING = {"canaries": 24, "head_only": True}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a split, in which checkpoints and the ledger are kept, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    tiny.write_split(tmp_path / "split", people())
    return tmp_path


def people():
    """Toy records, of which one subject has five to train on, and another two."""
    subjects = {**dict.fromkeys(range(5), "ada"), 5: "bob", 6: "bob"}
    return [replace(one, subject=subjects.get(i, f"p{i}")) for i, one in enumerate(tiny.toy_records())]


def settings(base, finetune=(), **privacy):
    return tiny.params(base, {**TUNING, **dict(finetune)}, {**PRIVATE, **privacy}, epochs=2, batch_size=16)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, base):
    """A model tuned with privacy and canaries, at most three rows of a subject; shared by tests that only look."""
    root = tmp_path_factory.mktemp("tuned")
    tiny.write_split(root / "split", people())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DVC_ROOT", str(root))
        return tiny.run_finetune(root, settings(base, max_rows_per_subject=3))


def read(folder, name):
    return json.loads((folder / name).read_bytes())


def events(folder):
    return StageFolder(folder).table("events.parquet").to_pylist()


def planted(folder):
    return pq.read_table(folder / "canaries.parquet").to_pylist()


# --- the certificate --------------------------------------------------------------------------------------------------


def test_the_certificate_says_who_is_protected_how_and_what_is_not_covered(tuned):
    found, plan = read(tuned, "privacy.json"), read(tuned.parent / "finetune_plan", "plan.json")
    assert set(found) == {
        "format", "private", "not_private_because", "unit", "adjacency", "records", "units", "largest_unit",
        "with_subject", "left_out", "mechanism", "accountant", "delta", "epsilon", "ledger", "excludes", "self_test",
        "canaries", "audit", "spread", "digests",
    }  # fmt: skip
    assert (found["unit"], found["records"], found["units"]) == ("record", 58, 58)
    assert (found["largest_unit"], found["with_subject"], found["left_out"]) == (3, 58, 2)
    assert "one record more" in found["adjacency"]
    assert found["mechanism"]["rate"] == pytest.approx(16 / 58)
    assert (found["mechanism"]["expected_batch"], found["mechanism"]["steps"]) == (16, plan["steps"]["total"])
    assert 7.9 < found["epsilon"]["record"] <= found["epsilon"]["target"] == 8.0
    assert found["epsilon"]["subject"] > 1.5 * found["epsilon"]["record"]
    assert found["accountant"]["name"] == "rdp"
    assert found["self_test"]["gradient_error"] < 1e-4
    assert (found["canaries"], found["spread"]) == (24, None)
    assert {"preprocessing", "validation", "metrics", "base_model"} <= {one["what"] for one in found["excludes"]}


def test_the_certificate_holds_on_to_the_plan_the_split_and_the_ledger(tuned, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tuned.parent))
    found, plan = read(tuned, "privacy.json"), tuned.parent / "finetune_plan" / "plan.json"
    assert found["digests"]["plan"] == sha256_of(plan)
    assert found["digests"]["split"] == StageFolder(tuned.parent / "split").digest
    (run,) = read_budget(budget_folder()).runs
    assert (found["ledger"]["run"], found["ledger"]["entry"]) == (run.id, run.sha256)
    assert (found["ledger"]["runs"], run.confirmed) == (1, found["mechanism"]["steps"])
    assert len(run.exposed) == 58


def test_a_run_with_a_test_seed_says_that_it_is_not_private(tuned):
    found = read(tuned, "privacy.json")
    assert (found["private"], found["not_private_because"]) == (False, "test_seed")
    assert found["ledger"]["epsilon"] is None
    assert read(tuned, "training.json")["privacy"]["private"] is False


def test_no_text_of_a_record_is_in_what_is_published(tuned):
    written = "".join((tuned / name).read_text(encoding="utf-8") for name in ("privacy.json", "training.json"))
    assert not [one.id for one in people() if one.values["text"] in written]
    assert not any(f'"{one.subject}"' in written for one in people())


# --- records, curve, canaries -----------------------------------------------------------------------------------------


def test_each_record_is_trained_on_watched_or_over_the_cap_of_its_subject(tuned):
    found = events(tuned)
    assert Counter(event["reason"] for event in found) == {"trained_on": 58, "over_subject_cap": 2, "watched": 15}
    over = {event["id"] for event in found if event["reason"] == "over_subject_cap"}
    assert over < {one.id for one in people() if one.subject == "ada"}
    assert StageFolder(tuned).manifest["reasons"]["drop"] == {"over_subject_cap": 2}


def test_there_is_no_training_loss_and_no_best_step(tuned):
    training = read(tuned, "training.json")
    assert "train_loss" not in training
    assert (training["best_step"], training["stopped_early"]) == (None, False)
    header, *rows = (tuned / "learning_curve.csv").read_text(encoding="utf-8").splitlines()
    place = header.split(",").index("train_loss")
    assert {row.split(",")[place] for row in rows} == {""}
    last = rows[-1].split(",")[header.split(",").index("validation_loss")]
    assert float(last) == training["validation_loss"]


def test_canaries_have_a_coin_and_losses_of_base_and_control_and_are_no_records(tuned):
    rows = planted(tuned)
    assert len(rows) == 24
    assert {(row["kind"], row["repeats"]) for row in rows} == {("canary", 1)}
    assert 4 < sum(row["included"] for row in rows) < 20
    assert all(row["base_loss"] > 0 and row["control_loss"] > 0 for row in rows)
    assert not {row["id"] for row in rows} & {event["id"] for event in events(tuned)}
    assert all(row["base_loss"] != row["control_loss"] for row in rows)


def test_checkpoints_and_coins_are_gone_when_the_training_is_done(tuned):
    left = [path for path in (tuned.parent / ".rowtrail").rglob("*") if path.is_file()]
    assert {path.parent.name for path in left} == {"budget"}


# --- chance -----------------------------------------------------------------------------------------------------------


def test_a_private_run_keeps_no_seed_and_the_next_one_adds_to_the_ledger(project, base):
    one, two = (tiny.run_finetune(project, settings(base, test_seed=None), name) for name in ("one", "two"))
    certificates = [read(folder, "privacy.json") for folder in (one, two)]
    assert [(found["private"], found["not_private_because"]) for found in certificates] == [(True, None)] * 2
    first, second = (found["ledger"] for found in certificates)
    assert (first["runs"], second["runs"]) == (1, 2)
    assert first["epsilon"] < second["epsilon"] < 2 * first["epsilon"]
    assert first["run"] != second["run"]
    digests = [StageFolder(folder).manifest["files"]["model/model.safetensors"] for folder in (one, two)]
    assert digests[0] != digests[1]
    assert [row["included"] for row in planted(one)] != [row["included"] for row in planted(two)]


def test_a_test_seed_gives_the_same_model_and_the_same_coins(project, base):
    one, two = (tiny.run_finetune(project, settings(base), name) for name in ("one", "two"))
    files = [StageFolder(folder).manifest["files"] for folder in (one, two)]
    for name in ("model/model.safetensors", "canaries.parquet", "learning_curve.csv"):
        assert files[0][name] == files[1][name], name


def test_without_privacy_canaries_are_drawn_from_the_seed_and_there_is_no_certificate(project, base):
    def run(name, **top):
        return tiny.run_finetune(project, tiny.params(base, TUNING, epochs=1, **top), name)

    one, two, other = run("one"), run("two"), run("other", seed=14)
    assert StageFolder(one).manifest["files"] == StageFolder(two).manifest["files"]
    assert not (one / "privacy.json").exists()
    rows = planted(one)
    assert len(rows) == 24
    assert {row["control_loss"] for row in rows} == {None}
    assert [row["values"] for row in rows] != [row["values"] for row in planted(other)]
    assert Counter(event["reason"] for event in events(one)) == {"trained_on": 60, "validated_on": 15}


# --- units ------------------------------------------------------------------------------------------------------------


def test_subjects_are_units_with_all_of_their_rows(project, base):
    folder = tiny.run_finetune(project, settings(base, {"canaries": 0}, unit="subject", delta=1e-3))
    found = read(folder, "privacy.json")
    assert (found["unit"], found["records"], found["units"], found["largest_unit"]) == ("subject", 60, 55, 5)
    assert "one subject more" in found["adjacency"]
    assert found["mechanism"]["rate"] == pytest.approx(16 / 55)
    assert found["epsilon"]["subject"] <= 8.0 < found["epsilon"]["record"]
    assert not (folder / "canaries.parquet").exists()
    assert Counter(event["reason"] for event in events(folder)) == {"trained_on": 60, "watched": 15}
