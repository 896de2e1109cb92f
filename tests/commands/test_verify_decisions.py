"""Group `decisions` of `rowtrail verify`: what the events of check_labels say of labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.commands.verify_checks import Note
from stages.commands.verify_decisions import decision_checks
from stages.commands.verify_project import Project
from stages.core.storage import FolderWriter
from stages.core.tables import events_table
from tests.tiny import TASK, record

IDS = [f"{i:04x}" for i in range(6)]


def write(stage, records, events=(), **inputs):
    rows = [
        {"id": id, "seq": 0, "action": action, "reason": reason, "evidence": json.dumps(evidence)}
        for id, action, reason, evidence in events
    ]
    with FolderWriter(Path("data") / stage, TASK.schema) as folder:
        for one in records:
            folder.add(one)
        folder.append(events_table(rows))
        folder.finish_tables()
        folder.finish({"format": 1, "stage": stage, "inputs": inputs, "params": {}})


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Six records labelled `neutral`, some relabelled, and what the check finds when events say this and that."""
    monkeypatch.chdir(tmp_path)
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"task": "classification"}, file)

    def find(events, **changed):
        labels = {f"{int(name[1:]):04x}": label for name, label in changed.items()}
        write("scrub_pii", [record(i, "neutral", None) for i in range(6)])
        after = [record(i, labels.get(id, "neutral"), None) for i, id in enumerate(IDS)]
        write("check_labels", after, events, scrub_pii="0" * 64)
        checks = [check for check in decision_checks(Project()) if "check_labels" in check.place]
        return [one for check in checks for one in check.look()]

    return find


PERSON = {"given": "neutral", "to": "positive", "doubts": ["suspect_label"]}
MACHINE = {"given": "neutral", "suggested": "negative", "rank": 3}


def test_labels_that_a_person_or_the_policy_set_are_those_of_the_output(checked):
    events = [
        (IDS[0], "relabel", "reviewed_wrong", PERSON),
        (IDS[1], "relabel", "suspect_label", MACHINE),
        (IDS[2], "keep", "suspect_label", MACHINE),
        (IDS[3], "keep", "reviewed_right", {"given": "neutral", "doubts": []}),
    ]
    assert checked(events, _0="positive", _1="negative") == []


@pytest.mark.parametrize("reason", ["reviewed_wrong", "suspect_label"])
def test_another_label_than_the_one_that_was_set_is_found(checked, reason):
    evidence = PERSON if reason == "reviewed_wrong" else MACHINE
    (fault,) = checked([(IDS[4], "relabel", reason, evidence)], _4="neutral")
    assert f"another label in data/check_labels than the events say: {IDS[4]}" in fault.problem


def test_another_label_than_the_one_that_was_seen_is_found(checked):
    events = [(IDS[5], "keep", "reviewed_right", {"given": "positive", "doubts": []})]
    (fault,) = checked(events)
    assert f"another label in data/scrub_pii than the events say: {IDS[5]}" in fault.problem


def test_without_the_input_nothing_is_compared_and_that_is_said(checked):
    checked([])
    Path("data/scrub_pii/records.parquet").unlink()
    (check,) = [check for check in decision_checks(Project()) if "check_labels" in check.place]
    assert all(isinstance(one, Note) for one in check.look())
