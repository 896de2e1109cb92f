"""A customer is erased from a whole project by DVC, once; many tests look at what is left."""

from __future__ import annotations

import io
import json
import shutil

import pyarrow.parquet as pq
import pytest

from stages.core.keys import Keys
from tests.pipeline.conftest import MARK, MARKED_CUSTOMER, MARKED_MAIL, Project

pytestmark = pytest.mark.slow
SUBJECT = Keys(None, frozenset({"sample"})).hash("subject", "sample", MARKED_CUSTOMER)[:32]
SKIPPED = ("data/raw/", "data/samples/", ".git/", "stages/", "tests/")


def rows(project, name):
    return pq.read_table(project.path / name).to_pylist()


def values_of(content):
    """What a file says, whatever its columns are compressed with."""
    if content[:4] != b"PAR1":
        return content
    return json.dumps(pq.read_table(io.BytesIO(content)).to_pylist(), ensure_ascii=False, default=str).encode()


@pytest.fixture(scope="module")
def before(project, tmp_path_factory):
    """A copy of the project with a tag and an experiment, and the splits and ids it had."""
    path = tmp_path_factory.mktemp("forget") / "project"
    shutil.copytree(project.path, path, symlinks=True)
    copy = Project(path)
    copy.run("git", "add", "-A")
    copy.run("git", "commit", "-qm", "first run")
    copy.run("git", "tag", "v1")
    copy.run("dvc", "exp", "save", "--name", "tried-before")
    return copy


@pytest.fixture(scope="module")
def splits(before):
    return {row["id"]: row["split"] for row in rows(before, "data/split/records.parquet")}


@pytest.fixture(scope="module")
def ids(before):
    """The marked customer's record, and one that stands for an exact duplicate by another customer."""
    marked = next(row["id"] for row in rows(before, "data/ingest/records.parquet") if row["subject"] == SUBJECT)
    drops = [row for row in rows(before, "data/deduplicate/events.parquet") if row["action"] == "drop"]
    drop = next(row for row in drops if row["reason"] == "exact_duplicate")
    return {"marked": marked, "kept": json.loads(drop["evidence"])["of"], "duplicate": drop["id"]}


@pytest.fixture(scope="module")
def plan(before, ids):
    """The plan, made before anything is changed."""
    return before.run("rowtrail", "forget", "--subject", MARKED_CUSTOMER, "--record", ids["kept"]).stdout


@pytest.fixture(scope="module")
def erased(before, ids, splits, plan):
    """The project after the erasure, and what the command said."""
    done = before.run("rowtrail", "forget", "--subject", MARKED_CUSTOMER, "--record", ids["kept"], "--apply")
    return before, done


@pytest.fixture(scope="module")
def proof(erased):
    [file] = (erased[0].path / "reports/erasures").iterdir()
    return json.loads(file.read_bytes())


def test_the_plan_names_records_versions_model_and_duplicate_and_no_person(plan, ids):
    for said in (*ids.values(), "tag v1", "experiment tried-before", "trained_on", "--with-duplicates", SUBJECT):
        assert said in plan
    assert not [said for said in (MARK, MARKED_MAIL, MARKED_CUSTOMER) if said in plan]


def test_nothing_of_the_customer_is_left_in_any_file(erased, ids):
    project, _ = erased
    for path in sorted(path for path in project.path.rglob("*") if path.is_file()):
        name = str(path.relative_to(project.path))
        if name.startswith(SKIPPED):
            continue
        content = values_of(path.read_bytes())
        left = [said for said in (MARK, MARKED_MAIL, MARKED_CUSTOMER) if said.encode() in content]
        if SUBJECT.encode() in content and name not in ("data/erasure.csv", ".rowtrail/erasure.csv"):
            left += [] if name.startswith("reports/erasures/") else [SUBJECT]
        if ids["marked"].encode() in content:
            reasons = {row.get("reason") for row in json.loads(content) if row["id"] == ids["marked"]}
            left += [] if reasons == {"erased"} else [ids["marked"]]
        assert not left, (name, left)


def test_the_command_and_the_pipeline_say_nothing_of_the_customer(erased):
    said = erased[1].stdout + erased[1].stderr
    assert not [one for one in (MARK, MARKED_MAIL, MARKED_CUSTOMER) if one in said]


def test_all_others_are_in_the_split_where_they_were_and_the_duplicate_came_in(erased, ids, splits, proof):
    now = {row["id"]: row["split"] for row in rows(erased[0], "data/split/records.parquet")}
    gone = {ids["marked"], ids["kept"]}
    assert set(now) == set(splits) - gone | {ids["duplicate"]}
    moved = {id for id in now if id in splits and now[id] != splits[id]}
    assert moved == {row["id"] for row in proof["others"]["moved"]}
    assert proof["others"]["in_place"] == len(splits) - len(gone & set(splits)) - len(moved)
    assert [(row["id"], row["reason"]) for row in proof["others"]["came_in"]] == [(ids["duplicate"], "exact_duplicate")]


def test_the_proof_is_clear_and_says_what_was_looked_for(proof):
    assert (proof["clear"], proof["found"], proof["before"]["records"]) == (True, [], 2)
    looked_for = proof["first_search"]["looked_for"]
    assert (looked_for["id"], looked_for["subject"]) == (2, 1)
    assert min(looked_for["text"], looked_for["value"], looked_for["content"]) >= 1
    assert proof["also_said_by_others"]["text"] >= 1
    assert proof["searched"]["files"] > 100
    assert proof["manifests"].keys() == proof["before"]["manifests"].keys()


def test_the_old_version_the_experiment_and_the_old_model_are_named(proof):
    assert "v1" in proof["remaining"]["versions"]
    assert proof["remaining"]["experiments"] == ["tried-before"]
    [model] = proof["remaining"]["models"]
    assert (model["trained_on"] + model["validated_on"], {"v1", "tried-before"} <= set(model["in"])) == (2, True)


def test_dvc_finds_the_project_complete(erased):
    assert "up to date" in erased[0].run("dvc", "status").stdout


def test_the_same_request_again_runs_nothing_and_adds_no_line(erased, ids, proof):
    project, _ = erased
    listed = (project.path / "data/erasure.csv").read_bytes()
    again = project.run("rowtrail", "forget", "--subject", SUBJECT, "--record", ids["kept"], "--apply")
    assert "Running stage" not in again.stderr
    assert (project.path / "data/erasure.csv").read_bytes() == listed


@pytest.fixture
def copy_of(erased, tmp_path):
    shutil.copytree(erased[0].path, tmp_path / "copy", symlinks=True)
    return Project(tmp_path / "copy")


def test_an_old_version_brings_nobody_back(copy_of, ids):
    copy_of.run("git", "add", "-A")
    copy_of.run("git", "commit", "-qm", "erased")
    copy_of.run("git", "checkout", "-q", "v1")
    assert copy_of.run("dvc", "checkout", code=None).returncode != 0
    done = copy_of.run("dvc", "repro", "ingest", code=None)
    assert done.returncode != 0
    assert "rowtrail forget --restore" in done.stderr
    left = [
        path for path in (copy_of.path / "data").rglob("*.parquet") if MARK.encode() in values_of(path.read_bytes())
    ]
    assert not left


def test_a_leftover_makes_the_proof_fail_and_is_named(copy_of, ids):
    place = copy_of.path / "data/evaluate/extra.json"
    place.write_text(json.dumps({"id": ids["marked"]}), encoding="utf-8")
    done = copy_of.run("rowtrail", "forget", "--subject", MARKED_CUSTOMER, "--record", ids["kept"], "--prove", code=1)
    assert "data/evaluate/extra.json: 1 record id" in done.stdout
