"""Synthetic training records on their way through `plan` and `finetune`."""

import json

import pyarrow.parquet as pq
import pytest

from stages.core.errors import UsageError
from stages.core.storage import StageFolder
from tests import tiny


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("augment")
    tiny.save_base(root / "base")
    tiny.write_split(root / "split", tiny.toy_records(60, 15, 15))
    return root


def params(root, **augment):
    return tiny.params(root / "base", {"augment": {"method": "edits", **augment}}, epochs=1)


def test_synthetic_records_are_trained_on_and_their_parents_are_named(root):
    tuned = tiny.run_finetune(root, params(root, copies=2, strength=0.3), "edits")
    plan = json.loads((root / "edits_plan" / "plan.json").read_bytes())
    made = pq.read_table(root / "edits_plan" / "synthetic.parquet").to_pylist()
    assert plan["data"]["synthetic"] == len(made) > 100
    assert plan["steps"]["total"] == -(-(60 + len(made)) // 8)
    events = StageFolder(root / "edits_plan").table("events.parquet").to_pylist()
    told = {event["id"]: json.loads(event["evidence"])["copies"] for event in events}
    assert sum(told.values()) == len(made)
    assert {row["parent"] for row in made} == set(told)
    splits = {row["id"]: row["split"] for row in pq.read_table(root / "split" / "records.parquet").to_pylist()}
    assert {splits[parent] for parent in told} == {"train"}
    trained = StageFolder(tuned).table("events.parquet").to_pylist()
    assert {event["id"] for event in trained} <= set(splits)


def test_nothing_is_made_up_unless_it_is_asked_for(root):
    planned = tiny.run_plan(root, tiny.params(root / "base"), "plain")
    assert not (planned / "synthetic.parquet").exists()
    assert StageFolder(planned).json("plan.json")["data"].get("synthetic") is None


def test_a_model_to_rewrite_with_must_be_named(root):
    with pytest.raises(UsageError, match=r"augment\.model"):
        tiny.run_plan(root, params(root, method="completion"), "nothing")
