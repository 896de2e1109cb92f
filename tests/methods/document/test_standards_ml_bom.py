"""The ML-BOM keeps to the official schema of CycloneDX, names every part by digest, and makes nothing up."""

from __future__ import annotations

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from stages.core.records import Column, Schema
from stages.methods.document.facts import Facts
from stages.methods.document.standards.ml_bom import ml_bom

SCHEMA = Schema((Column("text", "text"), Column("label", "label")))
SOURCE = {"name": "mails", "uri": "data/raw/my mails.csv", "license": "proprietary, see contract", "public": False}


def entry(digest, report=None, **manifest):
    return {"manifest": manifest, "report": report or {}, "digest": digest * 64}


@pytest.fixture
def recorded():
    metrics = {"accuracy": 0.8, "accuracy_low": 0.75, "accuracy_high": 0.85, "loss": 0.6}
    weak = {"accuracy": 0.6, "accuracy_low": 0.5, "accuracy_high": 0.7, "rows": 40, "weaker": True}
    measured = {"rows": 12, "files": [{"name": "my mails.csv", "sha256": "a" * 64}]}
    return {
        "ingest": entry("1", {"sources": {"mails": measured}}, params={"ingest": {"sources": [SOURCE]}}),
        "scrub_pii": entry("2", {"spans": {"PERSON": {"surrogate": 5}}}),
        "split": entry("3", files={"records.parquet": "b" * 64}, reasons={"assign": {"train": 8, "test": 4}}),
        "finetune": entry("4", files={"model/model.safetensors": "c" * 64, "live/metrics.json": "d" * 64}),
        "evaluate": entry("5", {**metrics, "slices": {"label: rare": weak}}),
        "audit": entry("6", {"membership": {"auc": 0.53, "auc_low": 0.5, "auc_high": 0.56}, "valid": True}),
    }


FACTS = Facts(
    "Mails",
    schema=SCHEMA,
    statements={"license": "Apache-2.0", "controller": "Example Ltd", "intended_use": "Routing"},
    packages={"Torch_Thing": "1.0", "numpy": "2.4.6"},
    plan={"model": "pkg://base/model", "base": {"model.safetensors": "e" * 64}, "labels": ["a", "b"], "lr": 5e-5},
    training={"steps": 402},
    model_config={"model_type": "bert", "architectures": ["BertForSequenceClassification"]},
)


def part(document, reference):
    (found,) = [one for one in document["components"] if one["bom-ref"] == reference]
    return found


BARE = Facts("", schema=SCHEMA)


@pytest.mark.parametrize("facts", [FACTS, BARE], ids=["all that is known", "nothing but the record"])
def test_the_official_schema_finds_no_fault(recorded, facts):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(ml_bom(recorded, facts)) is None


def test_the_validator_would_find_a_fault(recorded):
    document = json.loads(ml_bom(recorded, FACTS))
    document["metadata"]["component"]["modelCard"]["modelParameters"]["approach"]["type"] = "guesswork"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is not None


def test_the_same_record_gives_the_same_bytes_and_another_one_another_serial_number(recorded):
    first = ml_bom(recorded, FACTS)
    assert ml_bom(recorded, FACTS) == first
    assert "timestamp" not in json.loads(first)["metadata"]
    recorded["evaluate"]["report"]["accuracy"] = 0.81
    other = json.loads(ml_bom(recorded, FACTS))
    assert other["serialNumber"].startswith("urn:uuid:")
    assert other["serialNumber"] != json.loads(first)["serialNumber"]


def test_model_base_model_and_data_are_named_down_to_the_digests_of_their_files(recorded):
    document = json.loads(ml_bom(recorded, FACTS))
    model = document["metadata"]["component"]
    assert (model["name"], model["version"]) == ("Mails", "4" * 12)
    assert [(file["name"], file["hashes"][0]["content"]) for file in model["components"]] == [
        ("model/model.safetensors", "c" * 64)
    ]
    assert model["pedigree"]["ancestors"][0]["name"] == "pkg://base/model"
    assert part(document, "base-model")["components"][0]["hashes"] == [{"alg": "SHA-256", "content": "e" * 64}]
    assert part(document, "data:split")["hashes"][0]["content"] == "b" * 64
    assert part(document, "source:mails")["hashes"][0]["content"] == "a" * 64


def test_the_graph_leads_from_the_model_over_the_data_to_the_source(recorded):
    graph = {one["ref"]: one["dependsOn"] for one in json.loads(ml_bom(recorded, FACTS))["dependencies"]}
    assert set(graph["model"]) == {"data:split", "base-model", "pkg:pypi/numpy@2.4.6", "pkg:pypi/torch-thing@1.0"}
    assert graph["data:split"] == ["source:mails"]
    assert set(graph) == {"model", "data:split"}


def test_data_is_described_with_its_rows_its_owner_and_what_was_personal_in_it(recorded):
    document = json.loads(ml_bom(recorded, FACTS))
    (data,) = part(document, "data:split")["data"]
    assert data["classification"] == "not public"
    assert data["sensitiveData"] == ["PERSON: surrogate 5 times"]
    assert data["governance"] == {"owners": [{"organization": {"name": "Example Ltd"}}]}
    assert {one["name"]: one["value"] for one in data["contents"]["properties"]} == {
        "rowtrail:rows:train": "8",
        "rowtrail:rows:test": "4",
    }
    source = part(document, "source:mails")
    assert source["data"][0]["contents"]["url"] == "data/raw/my%20mails.csv"
    assert source["licenses"] == [{"license": {"name": "proprietary, see contract"}}]


def test_scores_stand_with_their_intervals_and_slices(recorded):
    card = json.loads(ml_bom(recorded, FACTS))["metadata"]["component"]["modelCard"]
    scores = {(one["type"], one["slice"]): one for one in card["quantitativeAnalysis"]["performanceMetrics"]}
    assert set(scores) == {
        ("accuracy", "test split"),
        ("accuracy", "label: rare"),
        ("membership inference auc", "members and others"),
    }
    assert scores["accuracy", "test split"]["value"] == "0.8"
    assert scores["accuracy", "label: rare"]["confidenceInterval"] == {"lowerBound": "0.5", "upperBound": "0.7"}
    assert card["considerations"]["technicalLimitations"] == [
        "Weaker than elsewhere on label: rare: accuracy 0.6 on 40 test rows"
    ]
    assert card["modelParameters"]["outputs"] == [{"format": "label: a, b"}]
    assert card["modelParameters"]["modelArchitecture"] == "BertForSequenceClassification"


def test_an_attack_whose_control_failed_is_no_metric(recorded):
    recorded["audit"]["report"]["valid"] = False
    assert "membership inference" not in ml_bom(recorded, FACTS)


def test_a_source_of_several_files_names_each(recorded):
    files = [{"name": f"{i}.csv", "sha256": f"{i}" * 64} for i in (7, 8)]
    recorded["ingest"]["report"]["sources"]["mails"]["files"] = files
    document = ml_bom(recorded, FACTS)
    source = part(json.loads(document), "source:mails")
    assert [file["name"] for file in source["components"]] == ["7.csv", "8.csv"]
    assert "hashes" not in source
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None
