"""From a run of check_labels over people's answers to the next run, which applies them."""

import csv
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.check_labels import STAGE
from stages.core.records import Record
from stages.core.runner import run
from stages.core.storage import FolderWriter, StageFolder
from tests.tiny import FILLERS, SOURCE, TASK, WORDS, params, save_base

LABELS = sorted(WORDS)
WRONG = (4, 17, 33, 62)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def checked(tmp_path, base, monkeypatch):
    """Run the stage in a project of its own, and give its events by id, its records by id, and its report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump({"ingest": {"sources": [SOURCE]}}, file)

    def of(records):
        with FolderWriter(Path("data/scrub_pii"), TASK.schema) as folder:
            for record in records:
                folder.add(record)
            folder.finish_tables()
            folder.finish({"format": 1, "stage": "scrub_pii", "inputs": {}, "params": {}})
        settings = params(base, check_labels={"probe": 0}, engine={"workers": 1})
        report = run(STAGE, [Path("data/scrub_pii")], Path("data/check_labels"), settings, TASK)
        done = StageFolder(Path("data/check_labels"))
        events: dict[str, list[dict]] = {}
        for row in done.table("events.parquet").to_pylist():
            events.setdefault(row["id"], []).append(row)
        return events, {record.id: record for record in done.records(TASK.schema)}, report

    return of


def id_of(number):
    return f"{number:020x}"


def toy(rows=90):
    """Records whose words stand for their label, except for those in `WRONG`, who carry the next one."""
    records = []
    for i in range(rows):
        draw = random.Random(i)
        words = [draw.choice(WORDS[LABELS[i % 3]]) for _ in range(6)] + [draw.choice(FILLERS), f"n{i}"]
        label = LABELS[(i + (i in WRONG)) % 3]
        records.append(Record(id_of(i), "s", str(i), TASK.schema, {"text": " ".join(words), "label": label}))
    return records


def test_decisions_are_applied_by_the_next_run_until_the_text_changes(checked, ask):
    records = toy()
    events, _, _ = checked(records)
    assert {id_of(i) for i in WRONG} <= {*events}
    assert ask("review", "labels", "--export", "review/labels.csv", "--sample", "12")[0] == 0
    with Path("review/labels.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    answers = {4: ("relabel", LABELS[4 % 3]), 17: ("keep", ""), 33: ("drop", ""), 62: ("keep", "")}
    for number, (decision, to) in answers.items():
        rows[id_of(number)] |= {"decision": decision, "to": to}
    with Path("review/labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[id_of(4)]))
        table.writeheader()
        table.writerows(rows.values())
    code, out, error = ask("review", "labels", "--import", "review/labels.csv")
    assert code == 0, error
    assert "4 decisions: 4 new" in out

    records[62] = replace(records[62], values={**records[62].values, "text": records[62].text + " again"})
    events, kept, _ = checked(records)
    reasons = {number: [event["reason"] for event in events[id_of(number)]] for number in answers}
    assert (reasons[4], reasons[17], reasons[33]) == (["reviewed_wrong"], ["reviewed_right"], ["reviewed_out"])
    assert "stale_decision" in reasons[62]
    assert kept[id_of(4)].values["label"] == LABELS[4 % 3]
    assert kept[id_of(17)].values["label"] == records[17].values["label"]
    reserved = json.loads(events[id_of(33)][0]["evidence"])["reserved"]
    assert (id_of(33) in kept) is reserved

    out = ask("review", "labels")[1]
    assert "1 of them are stale" in out
    assert ask("review", "labels", "--export", "review/again.csv")[0] == 0
    with Path("review/again.csv").open(encoding="utf-8-sig", newline="") as file:
        asked = {row["id"] for row in csv.DictReader(file)}
    assert id_of(62) in asked
    assert not asked & {id_of(number) for number in (4, 17, 33)}
