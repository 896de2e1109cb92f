import json

import pytest

from stages.methods.attest.statement import (
    Evidence,
    Material,
    make_statement,
    materials,
    safe_name,
    shareable_params,
    statement_bytes,
    statement_faults,
    subjects,
)

LOCK = Material("dvc.lock", "file", "1" * 64)
COMMIT = Material(".", "commit", "2" * 40, "git+https://host/it")
SOURCE = Material("data/raw/a.csv", "source", "3" * 64, None, {"license": "MIT", "source": "a"})


def evidence(**changes):
    said = {"subjects": {"b": "b" * 64, "a": "a" * 64}, "materials": [LOCK, SOURCE, COMMIT], "params": {"seed": 1}}
    return Evidence(**{**said, "uncommitted": ["z", "y"], "invocation": "1" * 64, **changes})


def test_a_statement_says_what_it_was_given_and_reads_back():
    statement = make_statement(evidence())
    assert statement_faults(statement, "f") == []
    assert subjects(statement) == {"a": "a" * 64, "b": "b" * 64}
    assert materials(statement) == [COMMIT, LOCK, SOURCE]
    assert statement["predicate"]["buildDefinition"]["internalParameters"] == {"uncommitted": ["y", "z"]}


def test_the_order_of_what_was_found_does_not_change_a_statement():
    one = evidence()
    other = evidence(subjects={"a": "a" * 64, "b": "b" * 64}, materials=[COMMIT, LOCK, SOURCE], uncommitted=["y", "z"])
    assert statement_bytes(make_statement(one)) == statement_bytes(make_statement(other))


def test_fields_stand_under_the_names_of_the_specifications():
    statement = make_statement(evidence(finished="2026-01-02T03:04:05Z"), "https://ci.example.org")
    assert set(statement) == {"_type", "subject", "predicateType", "predicate"}
    assert set(statement["predicate"]) == {"buildDefinition", "runDetails"}
    fields = {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
    assert set(statement["predicate"]["buildDefinition"]) == fields
    metadata = {"invocationId": f"sha256:{'1' * 64}", "finishedOn": "2026-01-02T03:04:05Z"}
    assert statement["predicate"]["runDetails"] == {"builder": {"id": "https://ci.example.org"}, "metadata": metadata}
    assert COMMIT.descriptor()["digest"] == {"gitCommit": "2" * 40}
    assert set(SOURCE.descriptor()) == {"name", "digest", "annotations"}


def test_bytes_to_sign_hold_no_number_that_json_does_not_know():
    with pytest.raises(ValueError, match="JSON"):
        statement_bytes(make_statement(evidence(params={"lr": float("nan")})))
    assert json.loads(statement_bytes(make_statement(evidence(params={"name": "å"}))))


def test_credentials_are_taken_out_of_uris_and_nothing_else_is_changed():
    params = {
        "model": "https://u:p@hub/m",
        "sources": [{"uri": "s3://key:word@bucket/a?sig=1", "name": "a"}],
        "pattern": "x://a@b",
        "none": None,
        "empty": {"uri": ""},
    }
    assert shareable_params(params) == {
        "model": "https://hub/m",
        "sources": [{"uri": "s3://bucket/a", "name": "a"}],
        "pattern": "x://a@b",
        "none": None,
        "empty": {"uri": ""},
    }


@pytest.mark.parametrize("name", ["a", "a/b.json", "data/model card.md", "å/é", "a..b"])
def test_paths_inside_the_project_are_safe(name):
    assert safe_name(name)


@pytest.mark.parametrize(
    "name", [None, 3, "", ".", "..", "/a", "a/../b", "a//b", "a/", "./a", "a\nb", "a\\b", "\x1b[1m"]
)
def test_other_names_are_not(name):
    assert not safe_name(name)


@pytest.mark.parametrize("statement", [None, [], "x", 3, {}])
def test_what_is_no_statement_has_faults(statement):
    assert statement_faults(statement, "f")


@pytest.mark.parametrize("kind", ["source", "commit"])
@pytest.mark.parametrize("digest", [None, {}, {"sha256": "A" * 64}, {"sha256": "a" * 64 + "\n"}, {"gitCommit": "HEAD"}])
def test_a_digest_is_what_its_kind_demands(kind, digest):
    statement = make_statement(evidence())
    one = {"name": "x", "digest": digest, "annotations": {"rowtrail_kind": kind}}
    statement["predicate"]["buildDefinition"]["resolvedDependencies"].append(one)
    (fault,) = statement_faults(statement, "f")
    assert fault.place == "f: resolvedDependencies[3]"


@pytest.mark.parametrize(
    "change", [{"name": 3}, {"uri": []}, {"annotations": {"rowtrail_kind": ["file"]}}, {"annotations": 1}]
)
def test_a_dependency_of_another_form_is_a_fault(change):
    statement = make_statement(evidence())
    statement["predicate"]["buildDefinition"]["resolvedDependencies"][1].update(change)
    assert [fault.place for fault in statement_faults(statement, "f")] == ["f: resolvedDependencies[1]"]


def test_values_that_may_name_people_are_counted_and_not_told():
    params = {"scrub_pii": {"deny": {"PERSON": ["Zoe Zzyx"]}, "allow": ["Zzyx Ltd", "Zz"], "min_score": 0.35}}
    told = make_statement(evidence(params=params))["predicate"]["buildDefinition"]["externalParameters"]
    assert told == {"scrub_pii": {"deny": "1 values", "allow": "2 values", "min_score": 0.35}}
