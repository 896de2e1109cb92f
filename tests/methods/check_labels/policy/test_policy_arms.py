"""The ways to treat labels in doubt, and the rows they apply to."""

from stages.core.runner import run
from stages.core.storage import FolderWriter, StageFolder
from stages.methods.check_labels.policy.policy_arms import Arm, arm_stage, arms, parts_of
from tests.tiny import TASK, params, record


def row(id, *reasons, suggested="b", reserved=False):
    return {"id": id, "suggested": suggested, "reasons": list(reasons), "reserved": reserved}


QUEUE = [
    row("1", "suspect_label"),
    row("2", "outlier"),
    row("3", "outlier", "suspect_label", suggested=None),
    row("4", "suspect_label", reserved=True),
    row("5", "suspect_label"),
    row("6"),
]


def test_each_policy_changes_what_it_would_in_the_pipeline_and_only_rows_that_are_learned():
    decided = {"2": "c", "6": None, "5": "c"}
    found = {arm.name: arm.changes for arm in arms(QUEUE, decided, {"1", "2", "3", "4", "6"})}
    assert found == {
        "flag": {},
        "drop": {"1": None, "3": None},
        "relabel": {"1": "b"},
        "decisions": {"2": "c", "6": None},
    }


def test_without_doubts_and_decisions_labels_stay_as_they_are():
    assert [arm.name for arm in arms(QUEUE[5:], {}, {"6"})] == ["flag"]


def test_rows_that_were_dropped_before_the_split_go_where_their_component_went():
    keys = {"a": "k", "b": "k", "c": "m", "d": "m", "e": "n", "f": "o", "g": "p", "h": "q"}
    split = {"a": "validation", "c": "test", "e": "train"}
    drawn = {"o": "train", "p": "test", "q": "train"}
    found = parts_of(keys, split, {"h"}, lambda key: drawn[key])
    assert found == {"a": "validation", "b": "validation", "e": "train", "f": "train"}


def test_a_dropped_row_that_ties_a_training_component_to_a_tested_one_takes_both_out_of_training():
    assert parts_of({"a": "k", "b": "k", "c": "k"}, {"a": "train", "b": "test"}, (), str) == {}


def test_the_split_of_an_arm_holds_the_rows_it_learns_from_and_no_test_row(tmp_path):
    records = [record(i, "neutral", None) for i in range(6)]
    with FolderWriter(tmp_path / "in", TASK.schema) as folder:
        for one in records:
            folder.add(one)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "scrub_pii", "inputs": {}, "params": {}})
    arm = Arm("x", {"0000": None, "0001": "positive"})
    parts = {"0000": "train", "0001": "train", "0002": "validation", "0003": "train"}
    run(arm_stage(arm, parts), [tmp_path / "in"], tmp_path / "split", params("none"), TASK)
    found = {one.id: (one.split, one.values["label"]) for one in StageFolder(tmp_path / "split").records(TASK.schema)}
    assert found == {
        "0001": ("train", "positive"),
        "0002": ("validation", "neutral"),
        "0003": ("train", "neutral"),
    }
