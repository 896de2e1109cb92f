"""Group `splits` of `rowtrail verify`, on the split of a few-shot run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from stages.commands.verify_checks import Note
from stages.commands.verify_project import Project
from stages.commands.verify_splits import split_checks
from stages.core.params import EngineParams, IngestParams, Params, Source, SplitParams
from stages.core.records import Record, create, flag
from stages.core.runner import run
from stages.core.stage import create_stage, set_stage
from stages.core.tables import EVENTS
from stages.split import STAGE
from tests import tiny

EVENTS_FILE = Path("data/split/events.parquet")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, classification):
    """A split with three shots a class, in which people tie records of different classes together."""
    folder = tmp_path_factory.mktemp("few")
    records = [
        Record(f"{i:03x}", "s", str(i), classification.schema, {"text": f"text {i}", "label": "abc"[i % 3]},
               subject=f"p{i // 5:02}" if i % 2 else None, group=f"{i - i % 4:03x}" if i % 4 < 2 else None)
        for i in range(120)
    ]  # fmt: skip
    source = Source(name="s", uri="none.csv", license="MIT", public=True)
    split = SplitParams(validation=0.2, test=0.2, shots=3)
    params = Params(ingest=IngestParams(sources=[source]), split=split, engine=EngineParams(workers=1))
    reasons = {"created": "made", "seen": "seen"}
    made = create_stage("ingest", lambda _: map(create, records), reasons=reasons)
    checked = set_stage("check_labels", lambda *_: {}, lambda record, *_: flag(record, "seen"), reasons=reasons)
    data = folder / "data"
    run(made, [], data / "ingest", params, classification)
    run(checked, [data / "ingest"], data / "check_labels", params, classification)
    run(STAGE, [data / "check_labels"], data / "split", params, classification)
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"task": "classification"}, file)
    return folder


@pytest.fixture
def found(drawn, tmp_path, monkeypatch):
    """What the checks of the splits find in a copy of that project."""
    shutil.copytree(drawn, tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    return lambda: [one for check in split_checks(Project()) for one in check.look()]


def change(names):
    """Rewrite the events, each changed by `names(row)`."""
    rows = pq.read_table(EVENTS_FILE).to_pylist()
    pq.write_table(pa.Table.from_pylist([names(row) or row for row in rows], schema=EVENTS), EVENTS_FILE)


def test_a_few_shot_split_is_drawn_again_with_the_groups_that_dropped_records_make(found):
    reasons = [row["reason"] for row in pq.read_table(EVENTS_FILE).to_pylist()]
    assert reasons.count("beyond_shots") > 20
    assert reasons.count("train") == 9
    assert found() == []


def test_another_choice_of_shots_than_the_seed_gives_is_found(found):
    rows = pq.read_table(EVENTS_FILE).to_pylist()
    manifest = json.loads(Path("data/split/manifest.json").read_text(encoding="utf-8"))
    manifest["params"]["split"]["shots"] = 4
    Path("data/split/manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (fault,) = found()
    assert "3 records left out or kept otherwise than seed and classes give" in fault.problem
    assert sum(row["id"] in fault.problem for row in rows) == 3


def test_another_draw_of_a_dropped_record_is_found(found):
    rows = pq.read_table(EVENTS_FILE).to_pylist()
    id = next(row["id"] for row in rows if row["reason"] == "beyond_shots")
    change(lambda row: {**row, "evidence": '{"u": 0.5}'} if row["id"] == id else None)
    (fault,) = found()
    assert f"another draw than seed and group give: {id}" in fault.problem


def test_without_the_records_before_the_split_a_note_says_what_was_not_checked(found):
    shutil.rmtree("data/check_labels")
    (note,) = found()
    assert isinstance(note, Note)
    assert "the draws cannot be made again" in note


# --- private training -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A project with a model that was tuned privately, on three of a subject's five rows."""
    folder = tmp_path_factory.mktemp("capped")
    records = [replace(one, subject="ada" if i < 5 else f"p{i}") for i, one in enumerate(tiny.toy_records())]
    tiny.write_split(folder / "data/split", records)
    private = {"enabled": True, "test_seed": 5, "accountant": "rdp", "max_rows_per_subject": 3}
    base = tiny.save_base(tmp_path_factory.mktemp("base"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DVC_ROOT", str(folder))
        tiny.run_finetune(folder / "data", tiny.params(base, {"head_only": True}, private, epochs=1, batch_size=16))
    (folder / "data/finetune_plan").rename(folder / "data/plan")
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"task": "classification"}, file)
    return folder


@pytest.fixture
def said_of_tuning(tuned, tmp_path, monkeypatch):
    """What the checks of the training's records find in a copy of that project."""
    shutil.copytree(tuned, tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    return lambda: [one for check in split_checks(Project()) if "finetune" in check.place for one in check.look()]


def test_rows_over_the_cap_of_their_subject_are_left_out_and_that_is_no_fault(said_of_tuning):
    assert said_of_tuning() == []


def test_a_row_that_is_left_out_without_being_over_the_cap_is_found(said_of_tuning):
    file = Path("data/finetune/events.parquet")
    rows = pq.read_table(file).to_pylist()
    id = next(row["id"] for row in rows if row["reason"] == "trained_on")
    rows = [{**row, "reason": "over_subject_cap"} if row["id"] == id else row for row in rows]
    pq.write_table(pa.Table.from_pylist(rows, schema=EVENTS), file)
    assert any(
        "otherwise than privacy.max_rows_per_subject and the seed say" in one.problem for one in said_of_tuning()
    )
