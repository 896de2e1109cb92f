"""Pairs and groups in the report of `evaluate`."""

from dataclasses import replace

import pytest

from stages.core.runner import run
from stages.core.storage import StageFolder
from stages.evaluate import STAGE
from tests import tiny

SECTION = {"bootstrap": 100, "train_sample": 50, "min_slice": 10, "baselines": False}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A model tuned on records that name the region of their writer."""
    root = tmp_path_factory.mktemp("bias")
    records = [
        replace(one, attributes={"region": "north" if i % 2 else "south", "person": str(i)})
        for i, one in enumerate(tiny.toy_records(60, 15, 60))
    ]
    tiny.write_split(root / "split", records)
    ingest = {"sources": [{**tiny.SOURCE, "attributes": ["region", "person"]}]}
    settings = tiny.params(tiny.save_base(root / "base"), {"attribute_weights": "region"}, epochs=1, ingest=ingest)
    tiny.run_finetune(root, settings)
    return root


def report(root, name, **bias):
    settings = tiny.params(root / "base", evaluate={**SECTION, "bias": bias})
    return run(STAGE, [root / "split", root / "finetune"], root / name, settings, tiny.TASK)


def test_groups_are_compared_wherever_records_name_them_and_pairs_only_when_asked(root):
    found = report(root, "groups")
    assert list(found["groups"]) == ["region"]
    assert set(found["groups"]["region"]["groups"]) == {"north", "south"}
    assert found["groups"]["region"]["demographic_parity_difference"] <= 1
    assert "bias" not in found


def test_pairs_are_asked_and_the_report_can_be_made_again(root):
    found = report(root, "pairs", enabled=True)
    assert found["bias"]["pairs"] == 3584
    assert set(found["bias"]["by_attribute"]) == {"gender", "name", "religion", "nationality", "age", "disability"}
    assert report(root, "again", enabled=True)["bias"] == found["bias"]
    assert StageFolder(root / "pairs").json("report.json")["bias"] == found["bias"]
