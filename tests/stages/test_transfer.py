"""A model tuned from an earlier run: its lineage in plan and model, what it knows already, and what it forgot."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from stages.commands.verify_checks import Note
from stages.commands.verify_parents import parent_checks
from stages.commands.verify_project import Project
from stages.core.erasure import Erasures, add_erasures
from stages.core.errors import DataError
from stages.core.runner import run
from stages.core.storage import StageFolder, sha256_of
from stages.evaluate import STAGE as EVALUATE
from stages.finetune import STAGE as FINETUNE
from stages.methods.finetune.earlier_run import open_run
from stages.plan import STAGE as PLAN
from tests import tiny
from tests.repository import commit, git, store

SECTION = {"bootstrap": 100, "train_sample": 50, "min_slice": 10, "baselines": False}
ID = "{:020x}"


def records(*sizes, first=0, **more):
    """Toy records with ids of the length of true ones, from number `first` on."""
    made = [tiny.record(first + i, one.values["label"], one.split) for i, one in enumerate(tiny.toy_records(*sizes))]
    return [replace(one, id=ID.format(int(one.id, 16)), **more) for one in made]


def tune(model, given, **top):
    """Write the split, plan and tune in the current folder's `data`, as DVC would, and give plan.json."""
    settings = tiny.params(model, epochs=top.pop("epochs", 2), evaluate=SECTION, **top)
    tiny.write_split(Path("data/split"), given)
    run(PLAN, [Path("data/split")], Path("data/plan"), settings, tiny.TASK)
    run(FINETUNE, [Path("data/split"), Path("data/plan")], Path("data/finetune"), settings, tiny.TASK)
    return json.loads(Path("data/plan/plan.json").read_bytes())


def plan(model, given):
    """Plan alone, on a split of its own."""
    tiny.write_split(Path("other/split"), given)
    run(PLAN, [Path("other/split")], Path("other/plan"), tiny.params(model), tiny.TASK)
    return json.loads(Path("other/plan/plan.json").read_bytes())


def warned(planned):
    return {one["code"]: one["message"] for one in planned["warnings"] if one["code"].startswith("parent")}


def evaluate(out="evaluate", **section):
    settings = tiny.params("unused", evaluate={**SECTION, **section})
    return run(EVALUATE, [Path("data/split"), Path("data/finetune")], Path("data") / out, settings, tiny.TASK)


@pytest.fixture(scope="module")
def tuned_twice(tmp_path_factory):
    """A project with two versions: v1, and v2, which was tuned from v1 on new rows with the same labels."""
    root = tmp_path_factory.mktemp("transfer")
    base = tiny.save_base(root / "base")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("DVC_ROOT", raising=False)
        git(root, "init", "-q", "-b", "main")
        Path(".gitignore").write_text("/data/\n/.dvc/\n/.rowtrail/\n/base/\n/other/\n/reports/\n", encoding="utf-8")
        commit(root)  # DVCLive looks at the last one
        tune(base, records(90, 15, 30, subject="f" * 32), epochs=16, finetune={"early_stopping": None})
        store(root)
        git(root, "tag", "v1")
        tune("run://v1", records(30, 15, 15, first=1000))
        store(root)
        git(root, "tag", "v2")
    return root


@pytest.fixture
def project(tuned_twice, tmp_path, monkeypatch):
    """A copy of that project, in which the second version stands."""
    shutil.copytree(tuned_twice, tmp_path / "p", symlinks=True)
    monkeypatch.chdir(tmp_path / "p")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path / "p"


def test_plan_and_model_name_the_run_they_come_from_and_its_files(project):
    planned, training = (
        json.loads(Path("data", name).read_bytes()) for name in ("plan/plan.json", "finetune/training.json")
    )
    (parent,) = planned["parents"]
    assert training["parents"] == planned["parents"]
    files = open_run("run://v1").version.files("finetune")
    earlier = json.loads(files["training.json"].read_bytes())
    assert parent == {
        "name": "v1", "commit": git(project, "rev-parse", "v1"), "finetune": sha256_of(files["manifest.json"]),
        "split": sha256_of(open_run("run://v1").version.files("split")["manifest.json"]),
        "labels": ["negative", "neutral", "positive"],
        **{name: earlier[name] for name in ("task", "model", "plan", "train_ids")},
    }  # fmt: skip
    assert earlier["parents"] == []
    assert warned(planned) == {}


def test_the_head_of_a_run_for_the_same_labels_is_kept(project):
    from safetensors.torch import load_file

    first = load_file(open_run("run://v1").version.files("finetune")["model/model.safetensors"])
    planned = json.loads(Path("data/plan/plan.json").read_bytes())
    model, _ = tiny.TASK.load(planned["model"], planned["labels"], planned["finetune"])
    assert (model.classifier.weight == first["classifier.weight"]).all()


def test_the_runs_behind_a_run_are_named_too(project):
    planned = plan("run://v2", records(30, 15, 15, first=2000))
    assert [one["name"] for one in planned["parents"]] == ["v2", "v1"]
    assert planned["parents"][1] == json.loads(Path("data/finetune/training.json").read_bytes())["parents"][0]


def test_test_records_that_any_run_was_trained_on_are_counted_and_named_by_id_and_by_text(project):
    own = records(30, 15, 15, first=2000)
    known = records(90, 15, 30)[:2]
    by_id = replace(known[0], split="test", values={"text": "something else", "label": "neutral"})
    by_text = replace(known[1], id=ID.format(9999), source="other", split="test")
    planned = plan("run://v2", [by_id, *own, by_text])
    assert warned(planned)["parent_trained_on_test"].startswith("2 test records were trained on")
    events = StageFolder(Path("other/plan")).table("events.parquet").to_pylist()
    assert [(row["id"], row["reason"], json.loads(row["evidence"])) for row in events] == [
        (by_id.id, "known_to_parent", {"by": "id"}),
        (by_text.id, "known_to_parent", {"by": "text"}),
    ]
    in_train = [replace(one, split="train") for one in known]
    assert warned(plan("run://v2", [*in_train, *own])) == {}


def test_people_erased_since_are_counted_by_record_and_by_subject_in_all_runs_behind_a_model(project):
    own = records(30, 15, 15, first=2000)
    one_of_second = records(30, first=1000)[0].id
    add_erasures(Erasures(records=frozenset({one_of_second, ID.format(7777)})))
    assert "learned from 1 records" in warned(plan("run://v2", own))["parent_knows_erased"]
    assert warned(plan("run://v1", own)) == {}
    add_erasures(Erasures(subjects=frozenset({"f" * 32})))
    assert "learned from 91 records" in warned(plan("run://v2", own))["parent_knows_erased"]


def test_where_forget_deleted_the_list_of_records_its_proof_tells_how_many_there_were(project):
    run_ = open_run("run://v1")
    run_.version.files("finetune")["events.parquet"].unlink()
    model = {"folder": run_.folder, "weights": [], "trained_on": 3, "validated_on": 1}
    Path("reports/erasures").mkdir(parents=True)
    Path("reports/erasures/0123456789ab.json").write_text(json.dumps({"before": {"models": [model]}}), encoding="utf-8")
    found = warned(plan("run://v1", records(30, 15, 15, first=2000)))
    assert "learned from 3 records" in found["parent_knows_erased"]
    assert "what was learned in v1 is not in DVC's cache" in found["parent_unread"]
    Path("reports/erasures/0123456789ab.json").write_text("<<<<", encoding="utf-8")
    with pytest.raises(DataError, match="no proof of an erasure"):
        plan("run://v1", records(30, 15, 15, first=2000))


def test_a_branch_as_base_is_warned_of_for_it_moves(project):
    assert (
        "run://main may mean another run" in warned(plan("run://main", records(30, 15, 15, first=2000)))["parent_moves"]
    )


def test_a_plan_for_a_branch_that_moved_since_is_refused(project):
    given = records(30, 15, 15, first=2000)
    plan("run://main", given)
    git(project, "reset", "-q", "--hard", "v1")
    inputs = [Path("other/split"), Path("other/plan")]
    with pytest.raises(DataError, match="run://main is not the model that the plan was made for"):
        run(FINETUNE, inputs, Path("other/finetune"), tiny.params("run://main"), tiny.TASK)


def test_the_earlier_runs_test_rows_show_what_was_forgotten(project):
    report = evaluate()["forgetting"]["earlier run"]
    assert (report["rows"], report["measure"]) == (30, "macro_f1")
    assert report["base"] > 0.9
    assert report["change"] == pytest.approx(report["tuned"] - report["base"], abs=2e-6)
    assert report["change_low"] <= report["change"] <= report["change_high"]
    assert report["verdict"] in ("worse", "better", "no_change_shown")
    assert report["sentence"].startswith("On 30 rows macro_f1 went from ")
    first = (project / "data/evaluate/report.json").read_bytes()
    evaluate()
    assert (project / "data/evaluate/report.json").read_bytes() == first


def test_rows_that_were_learned_from_since_tell_nothing_of_forgetting(project):
    again = [replace(one, split="train") for one in records(90, 15, 30)[105:125]]
    tune("run://v1", [*records(30, 15, 15, first=1000), *again])
    assert evaluate()["forgetting"]["earlier run"]["rows"] == 10
    tune(
        "run://v1",
        [*records(30, 15, 15, first=1000), *[replace(one, split="train") for one in records(90, 15, 30)[105:]]],
    )
    report = evaluate()["forgetting"]["earlier run"]
    assert report["verdict"] == "not_comparable"
    assert "learned from all test rows" in report["sentence"]


def test_runs_with_other_labels_or_without_their_rows_are_not_compared(project):
    renamed = {"negative": "bad", "neutral": "so", "positive": "good"}
    given = [
        replace(one, values={**one.values, "label": renamed[one.values["label"]]})
        for one in records(30, 15, 15, first=1000)
    ]
    tune("run://v1", given)
    report = evaluate()["forgetting"]["earlier run"]
    assert (report["rows"], report["verdict"]) == (30, "not_comparable")
    assert "3 labels of these rows are not known to both models" in report["sentence"]
    open_run("run://v1").version.files("split")["records.parquet"].unlink()
    assert "not in DVC's cache" in evaluate()["forgetting"]["earlier run"]["sentence"]


def found(root=Path()):
    """What the checks of the parents find: faults, notes."""
    every = [
        str(one) if isinstance(one, Note) else one.problem for check in parent_checks(Project()) for one in check.look()
    ]
    notes = [one for check in parent_checks(Project()) for one in check.look() if isinstance(one, Note)]
    return [one for one in every if one not in notes], notes


def test_verify_finds_nothing_wrong_with_parents_that_are_as_they_were(project):
    assert found() == ([], [])
    assert len(list(parent_checks(Project()))) == 2


def test_verify_says_which_parent_was_rewritten_and_which_is_gone(project):
    files = open_run("run://v1").version.files("finetune")
    content = files["model/model.safetensors"].read_bytes()
    files["model/model.safetensors"].write_bytes(content[:-1] + b"x")
    assert found() == (["model/model.safetensors has other bytes than its manifest says"], [])
    files["model/model.safetensors"].unlink()
    faults, notes = found()
    assert (faults, len(notes)) == ([], 1)
    assert "model/model.safetensors" in notes[0]
    manifest = json.loads(files["manifest.json"].read_bytes())
    files["manifest.json"].write_text(json.dumps({**manifest, "inputs": {}}), encoding="utf-8")
    assert found()[0] == ["is not what data/finetune/training.json says of it"]
    files["manifest.json"].unlink()
    assert found() == ([], ["run v1: its files are not in DVC's cache; it was not checked"])


def test_verify_says_when_plan_and_model_name_other_parents(project):
    place = Path("data/finetune/training.json")
    training = json.loads(place.read_bytes())
    training["parents"][0]["train_ids"] = "0" * 64
    training["parents"].append({**training["parents"][0], "name": "lost", "commit": "0" * 40})
    place.write_text(json.dumps(training), encoding="utf-8")
    faults, notes = found()
    assert sorted(faults) == [
        "is not what data/finetune/training.json says of it",
        "names other parents of the model than data/plan/plan.json",
        "was trained on other records than its train_ids says",
    ]
    assert notes == [f"run lost: git does not know the commit {'0' * 40} any more; it was not checked"]
