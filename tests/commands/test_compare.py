"""`rowtrail compare labels` on records of which some labels are wrong."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.check_labels import STAGE as CHECK_LABELS
from stages.commands.compare_labels_head import qualities
from stages.commands.compare_labels_rows import Rows, read_rows
from stages.core.keys import load_keys
from stages.core.label_decisions import LabelDecision, label_decisions_of, write_label_decisions
from stages.core.params_file import read_params
from stages.core.runner import run
from stages.core.storage import FolderWriter, StageFolder
from stages.core.task import Prediction
from stages.methods.check_labels.policy.policy_arms import Arm
from stages.methods.check_labels.summary import text_hash
from stages.split import STAGE as SPLIT
from stages.tasks import load_task
from tests.tiny import FILLERS, TASK, WORDS, params, record, save_base

LABELS = sorted(WORDS)
ROWS = 180
WRONG = range(0, ROWS, 7)


def rows():
    """Records whose words stand for their label; every seventh carries the next one."""
    for i in range(ROWS):
        draw = random.Random(i)
        true = LABELS[i % 3]
        words = [draw.choice(WORDS[true]) for _ in range(6)] + [draw.choice(FILLERS), f"n{i}"]
        yield replace(record(i, LABELS[(i + (i in WRONG)) % 3], None, " ".join(words)), id=f"{i:020x}")


def decided(keys):
    """What a person said of five wrong labels: four are another one, one is to go."""
    wrong = [one for one in rows() if int(one.id, 16) in WRONG][:5]
    for place, one in enumerate(wrong):
        seen, right = one.values["label"], LABELS[int(one.id, 16) % 3]
        relabel = place > 0
        yield LabelDecision(
            one.id, text_hash(keys, one), seen, "relabel" if relabel else "drop", right if relabel else ""
        )


def write_project(root: Path, policy: str):
    settings = params(
        save_base(root / "base"), check_labels={"policy": policy, "probe": 0}, engine={"workers": 1}, epochs=2,
        split={"test": 0.3, "validation": 0.15}, finetune={"early_stopping": None},
    )  # fmt: skip
    with (root / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(settings.model_dump(mode="json"), file)
    write_label_decisions(label_decisions_of(decided(load_keys({"s": True}))))
    with FolderWriter(root / "data/scrub_pii", TASK.schema) as folder:
        for one in rows():
            folder.add(one)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "scrub_pii", "inputs": {}, "params": {}})
    run(CHECK_LABELS, [root / "data/scrub_pii"], root / "data/check_labels", settings, TASK)
    run(SPLIT, [root / "data/check_labels"], root / "data/split", settings, TASK)


@pytest.fixture(scope="module", params=["flag", "drop"])
def made(tmp_path_factory, request):
    root = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_project(root, request.param)
    return root


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    """A copy: its folders may be changed."""
    shutil.copytree(made, tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


def test_rows_are_the_same_whatever_the_policy_of_the_run_was_and_none_is_in_test(project):
    """Also those that the run has dropped before its split: they are what dropping is compared on."""
    found = read_rows(read_params(Path("params.yaml")), TASK)
    assert [arm.name for arm in found.arms] == ["flag", "drop", "relabel", "decisions"]
    split = {one.id: one for one in StageFolder(project / "data/split").records(TASK.schema)}
    tested = {id for id, one in split.items() if one.split == "test"}
    assert {one.id for one in found.test} <= tested
    assert not found.parts.keys() & tested
    assert len(found.parts) + len(tested) == ROWS
    given = {one.id: one.values["label"] for one in rows()}
    as_given = [labels[0] for labels in found.train.values()]
    assert as_given == [(given[id],) for id in found.train]
    assert all(one.values == split[one.id].values for one in found.test)
    for place, arm in enumerate(found.arms[1:], 1):
        changed = {id for id, labels in found.train.items() if labels[place] != labels[0]}
        assert changed == {id for id in found.train if id in arm.changes}
        assert changed


def test_a_test_row_that_a_person_took_out_is_scored_in_no_arm(project):
    events = StageFolder(project / "data/check_labels").table("events.parquet").to_pylist()
    out = {row["id"] for row in events if row["reason"] == "reviewed_out"}
    assert out
    found = read_rows(read_params(Path("params.yaml")), TASK)
    assert not out & {one.id for one in found.test}


def test_the_policies_are_compared_on_the_same_test_rows_and_the_same_figures_come_again(project, ask):
    code, told, err = ask("compare", "labels", "--seeds", "3", "--out", "effect.json")
    assert code == 0, err
    found = json.loads(Path("effect.json").read_bytes())
    policies = found["policies"]
    assert [*policies] == sorted(["flag", "drop", "relabel", "decisions"])
    assert (found["seeds"], found["measure"], found["trained"]) == (3, "accuracy", "head")
    assert all(len(one["by_seed"]) == 3 for one in policies.values())
    assert policies["drop"]["left_out"] > policies["drop"]["relabelled"] == 0
    assert policies["relabel"]["relabelled"] > policies["relabel"]["left_out"] == 0
    assert policies["drop"]["train_rows"] == policies["flag"]["train_rows"] - policies["drop"]["left_out"]
    assert all(one["gain_low"] <= one["gain"] <= one["gain_high"] for name, one in policies.items() if name != "flag")
    assert "accuracy, %" in told
    again = ask("compare", "labels", "--seeds", "3")
    assert again[:2] == (0, told)
    assert "n17" not in told + err + again[2]


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("made", ["drop"], indirect=True)
def test_the_real_training_runs_once_a_policy_and_seed_and_leaves_nothing_behind(project, ask):
    code, told, err = ask("compare", "labels", "--seeds", "2", "--full", "--out", "full.json")
    assert code == 0, err
    found = json.loads(Path("full.json").read_bytes())
    assert (found["trained"], found["seeds"]) == ("fine-tuned", 2)
    assert {"flag", "drop", "relabel", "decisions"} == found["policies"].keys()
    assert err.count("training 2 of 2") == 4
    assert not list((project / ".rowtrail").glob("compare-*"))
    assert not (project / "reports/finetune.json").exists()
    assert "drop" in told


def test_where_no_label_is_in_doubt_there_is_nothing_to_compare(project, ask, monkeypatch):
    def undoubted(params, task):
        found = read_rows(params, task)
        return replace(found, arms=found.arms[:1])

    monkeypatch.setattr("stages.commands.compare_labels.read_rows", undoubted)
    code, told, _ = ask("compare", "labels")
    assert code == 0
    assert "nothing to compare" in told


def test_records_with_several_labels_are_compared_by_how_right_the_whole_set_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = load_task("multi_label")
    settings = params(save_base(tmp_path / "base"), task="multi_label")
    with FolderWriter(tmp_path / "data/scrub_pii", task.schema) as folder:
        for one in rows():
            values = {"text": one.values["text"], "labels": (one.values["label"],)}
            folder.add(replace(one, schema=task.schema, values=values))
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "scrub_pii", "inputs": {}, "params": {}})
    source = StageFolder(tmp_path / "data/scrub_pii")
    records = source.records(task.schema)
    learned = {one.id: one.values["labels"] for one in islice(records, 2 * ROWS // 3)}
    test = [*records]
    wrong = {one.id for one in rows() if int(one.id, 16) in WRONG}
    labels = {id: [own, None if id in wrong else own] for id, own in learned.items()}
    ways = [Arm("flag", {}), Arm("drop", dict.fromkeys(wrong))]
    found, measure = qualities(settings, task, Rows(ways, {}, labels, test, source), 2)
    assert {name: some.shape for name, some in found.items()} == {"flag": (2, 60), "drop": (2, 60)}
    assert measure == task.score(test, [Prediction(one.id, (), {}) for one in test], 1, 0).measure
    assert found["drop"].mean() > 0.5


def test_folders_of_different_runs_are_refused(project, ask):
    manifest = Path("data/check_labels/manifest.json")
    manifest.write_bytes(manifest.read_bytes().replace(b'"stage"', b' "stage"'))
    code, _, err = ask("compare", "labels")
    assert code == 3
    assert "was made from another version of data/check_labels" in err


def test_what_cannot_be_compared_is_refused_with_all_that_is_wrong(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    settings = params("none", task="token_labels").model_dump(mode="json")
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(settings, file)
    code, _, err = ask("compare", "labels", "--seeds", "1", "--out", "effect.txt")
    assert code == 2
    assert "token_labels has no labels of whole records" in err
    assert "--seeds" in err
    assert "--out" in err


def test_a_run_with_a_privacy_budget_is_not_trained_over_and_over(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    settings = params("none", privacy={"enabled": True}).model_dump(mode="json")
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(settings, file)
    code, _, err = ask("compare", "labels", "--full")
    assert code == 4
    assert "privacy budget" in err
