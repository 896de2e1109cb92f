import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core.errors import DataError
from stages.core.runner import run
from stages.core.storage import FolderWriter, StageFolder, sha256_of, write_json
from stages.core.tables import events_table
from stages.evaluate import STAGE
from tests.tiny import TASK, params, record, run_finetune, save_base, toy_records, write_split

SECTION = {"bootstrap": 100, "train_sample": 50, "min_slice": 10}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A split of toy records and a model tuned on it."""
    root = tmp_path_factory.mktemp("evaluate")
    settings = params(save_base(root / "base"), epochs=16, evaluate=SECTION)
    records = [*toy_records(90, 30, 45), record(9000, None, "test")]
    write_split(root / "split", records)
    run_finetune(root, settings)
    return root


def evaluate(root, out, *more, split="split", **section):
    settings = params(root / "base", evaluate={**SECTION, **section})
    return run(STAGE, [root / split, root / "finetune", *more], root / out, settings, TASK)


@pytest.fixture(scope="module")
def report(root):
    return evaluate(root, "evaluate")


def test_scores_come_with_intervals_and_beat_or_meet_what_the_task_can_reach(report):
    assert report["accuracy_low"] <= report["accuracy"] <= report["accuracy_high"]
    assert report["accuracy"] > 0.8
    assert report["macro_f1"] > report["baselines"]["majority"]["macro_f1"]
    assert set(report["gain"]) == set(report["baselines"]) == {"majority", "tfidf_logistic"}
    assert report["gain"]["majority"]["macro_f1_low"] > 0


def test_predictions_hold_every_scored_record_and_agree_with_the_report(root, report):
    table = pq.read_table(root / "evaluate" / "predictions.parquet").to_pylist()
    assert [row["id"] for row in table] == sorted(row["id"] for row in table)
    test = [row for row in table if row["split"] == "test"]
    assert len(test) == 45
    assert sum(row["correct"] for row in test) / 45 == pytest.approx(report["accuracy"], abs=1e-6)
    assert sum(row["loss"] for row in test) / 45 == pytest.approx(report["loss"], abs=1e-5)
    assert all(row["correct"] == (row["label"] == row["answer"]) for row in table)
    assert all(sum(dict(row["scores"]).values()) == pytest.approx(1, abs=1e-5) for row in table)
    assert {split: sum(row["split"] == split for row in table) for split in ("train", "validation")} == {
        "train": 50,
        "validation": 30,
    }


def test_every_scored_record_has_an_event_and_one_without_a_label_is_skipped(root, report):
    events = StageFolder(root / "evaluate").table("events.parquet").to_pylist()
    reasons = {}
    for event in events:
        reasons[event["reason"]] = reasons.get(event["reason"], 0) + 1
    assert reasons == {"tested_on": 45, "scored_for_choice": 30, "scored_for_fit": 50, "no_label": 1}
    tested = [json.loads(event["evidence"]) for event in events if event["reason"] == "tested_on"]
    assert all(isinstance(facts["correct"], bool) and facts["loss"] >= 0 for facts in tested)
    assert report["records"]["dropped"] == 1


def test_rows_over_the_cap_of_their_subject_do_not_tell_how_the_model_fits(root, tmp_path):
    shutil.copytree(root / "finetune", tmp_path / "finetune")
    file = tmp_path / "finetune" / "events.parquet"
    rows = pq.read_table(file)
    found = rows.to_pylist()
    over = [event["id"] for event in found if event["reason"] == "trained_on"][:60]
    capped = [{**event, "reason": "over_subject_cap"} if event["id"] in over else event for event in found]
    pq.write_table(pa.Table.from_pylist(capped, schema=rows.schema), file)
    manifest = json.loads((tmp_path / "finetune/manifest.json").read_bytes())
    manifest["files"]["events.parquet"] = sha256_of(file)
    write_json(tmp_path / "finetune/manifest.json", manifest)
    settings = params(root / "base", evaluate=SECTION)
    run(STAGE, [root / "split", tmp_path / "finetune"], tmp_path / "evaluate", settings, TASK)
    table = pq.read_table(tmp_path / "evaluate" / "predictions.parquet").to_pylist()
    asked = {row["id"] for row in table if row["split"] == "train"}
    assert len(asked) == 30
    assert asked.isdisjoint(over)


def test_the_tables_that_are_drawn_have_a_row_for_each_thing_they_show(root, report):
    confusion = (root / "evaluate" / "confusion.csv").read_text().splitlines()
    assert confusion[0] == "actual,predicted"
    assert len(confusion) == 46
    matrix, labels = report["confusion"]["matrix"], report["confusion"]["labels"]
    for i, actual in enumerate(labels):
        for j, predicted in enumerate(labels):
            assert confusion.count(f"{actual},{predicted}") == matrix[i][j]
    assert len((root / "evaluate" / "slices.csv").read_text().splitlines()) == 1 + len(report["slices"])
    bins = report["calibration"]["bins"]
    assert len((root / "evaluate" / "reliability.csv").read_text().splitlines()) == 1 + len(bins)
    assert sum(one["count"] for one in bins) == 45


def test_slices_and_classes_and_the_fit_are_reported_with_their_rows(report):
    assert {name for name in report["slices"] if name.startswith("label")} == {
        "label: negative",
        "label: neutral",
        "label: positive",
    }
    assert {row["rows"] for row in report["per_class"].values()} == {15}
    assert all(row["f1_low"] <= row["f1"] <= row["f1_high"] for row in report["per_class"].values())
    assert report["fit"]["train_rows"] == 50
    assert report["fit"]["code"] in ("overfit", "underfit", "balanced")


def test_a_second_run_gives_the_same_bytes(root, report):
    evaluate(root, "again")
    for name in ("predictions.parquet", "events.parquet", "report.json", "slices.csv", "reliability.csv"):
        assert (root / "evaluate" / name).read_bytes() == (root / "again" / name).read_bytes()


def write_checked(path, *events):
    """A folder of check_labels with an event each: id, action, reason, evidence."""
    rows = [
        {"id": id, "seq": 0, "action": action, "reason": reason, "evidence": json.dumps(evidence)}
        for id, action, reason, evidence in events
    ]
    with FolderWriter(path, TASK.schema) as folder:
        folder.append(events_table(rows))
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "check_labels", "inputs": {}, "params": {}})
    return path


TESTED = [one for one in toy_records(90, 30, 45) if one.split == "test"]


def test_the_folder_of_check_labels_adds_the_score_without_suspects(root):
    doubted = [(one.id, "keep", "suspect_label", {}) for one in TESTED[:5]]
    others = [(TESTED[9].id, "keep", "outlier", {}), ("ffff", "keep", "suspect_label", {})]
    checked = write_checked(root / "check_labels", *doubted, *others)
    found = evaluate(root, "undisputed", checked, baselines=False)
    assert found["without_suspects"]["rows"] == 40
    assert found["without_suspects"]["suspects"] == 5
    assert "as_given" not in found
    assert found["baselines"] == {}


def test_where_people_decided_about_test_rows_the_score_by_the_labels_as_given_stands_beside(root, report):
    """The labels in data/split are those that people gave: the other ones are wrong here, and were before."""
    *relabelled, taken_out, unlabelled = TESTED[:6]
    other = {"negative": "neutral", "neutral": "positive", "positive": "negative"}
    events = [
        (one.id, "relabel", "reviewed_wrong", {"given": other[one.values["label"]], "to": one.values["label"]})
        for one in relabelled
    ]
    events += [
        (unlabelled.id, "relabel", "reviewed_wrong", {"given": "", "to": unlabelled.values["label"]}),
        (taken_out.id, "keep", "reviewed_out", {"given": taken_out.values["label"]}),
        ("ffff", "relabel", "reviewed_wrong", {"given": "neutral", "to": "positive"}),
        ("fffe", "drop", "reviewed_out", {"given": "neutral"}),
    ]
    found = evaluate(root, "decided", write_checked(root / "reviewed", *events), baselines=False)
    rows = pq.read_table(root / "decided" / "predictions.parquet").to_pylist()
    tested = {row["id"]: row for row in rows if row["split"] == "test"}
    assert {one.id for one in TESTED} - tested.keys() == {taken_out.id}
    assert found["accuracy"] == pytest.approx(sum(row["correct"] for row in tested.values()) / 44, abs=1e-6)
    assert (found["as_given"]["rows"], found["as_given"]["changed"], found["as_given"]["left_out"]) == (44, 5, 1)

    said = {row["id"]: row["answer"] for row in pq.read_table(root / "evaluate" / "predictions.parquet").to_pylist()}
    given = {one.id: one.values["label"] for one in TESTED if one is not unlabelled}
    given |= {one.id: other[one.values["label"]] for one in relabelled}
    right = sum(said[id] == label for id, label in given.items())
    assert found["as_given"]["accuracy"] == pytest.approx(right / 44, abs=1e-6)
    assert found["as_given"]["accuracy"] < found["accuracy"]

    events = StageFolder(root / "decided").table("events.parquet").to_pylist()
    assert [event["id"] for event in events if event["reason"] == "reviewed_out"] == [taken_out.id]
    assert found["records"]["dropped"] == report["records"]["dropped"] + 1


def test_when_people_took_out_every_test_row_there_is_nothing_to_score(root):
    out = write_checked(root / "all_out", *((one.id, "keep", "reviewed_out", {}) for one in TESTED))
    with pytest.raises(DataError, match="took out every test record"):
        evaluate(root, "refused", out)


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        (toy_records(60, 15, 0), "no labelled record is in test"),
        (toy_records(60, 15, 15, ("negative", "neutral", "positive", "furious")), "furious"),
    ],
)
def test_an_empty_test_split_and_unknown_labels_are_refused(root, records, problem):
    write_split(root / "other", records)
    with pytest.raises(DataError, match=problem):
        evaluate(root, "refused", split="other")
    assert not (root / "refused").exists()
    shutil.rmtree(root / "other")
