"""What the standards tell in common, and that a document is left out rather than made up."""

from __future__ import annotations

import json

import pytest

from stages.core.records import Column, Schema
from stages.methods.document.facts import Facts
from stages.methods.document.standards.facts import pinned, shareable, sources, told
from stages.methods.document.standards.write import standards
from tests.fabricated import STAGES, fabricate

CROISSANT, ML_BOM = "croissant.json", "ml_bom.cdx.json"
SCHEMA = Schema((Column("text", "text"), Column("label", "label")))


@pytest.fixture
def recorded(tmp_path):
    """What the fabricated stages recorded, in the shape that the stage `document` gives it."""
    found = {}
    for folder in fabricate(tmp_path):
        manifest, report = (json.loads((folder / name).read_text()) for name in ("manifest.json", "report.json"))
        found[folder.name] = {"manifest": manifest, "report": report, "digest": f"{len(found):064x}"}
    found["split"]["manifest"]["files"] = {"records.parquet": "ab" * 32}
    found["finetune"]["manifest"]["files"] = {"model/model.safetensors": "cd" * 32, "report.json": "ef" * 32}
    return found


def test_both_documents_are_made_of_what_the_stages_recorded_and_again_the_same(recorded):
    made = standards(recorded, Facts("Tweets", schema=SCHEMA))
    assert set(made) == {CROISSANT, ML_BOM}
    assert made == standards(recorded, Facts("Tweets", schema=SCHEMA))
    assert all(json.loads(text) for text in made.values())


@pytest.mark.parametrize("missing", STAGES)
def test_without_a_stage_there_is_less_or_no_document_but_no_failure(recorded, missing):
    del recorded[missing]
    made = standards(recorded, Facts("Tweets", schema=SCHEMA))
    gone = {"split": CROISSANT, "finetune": ML_BOM}
    assert set(made) == {CROISSANT, ML_BOM} - {gone.get(missing)}


def test_without_anything_there_is_no_document():
    assert standards({}, Facts("", schema=SCHEMA)) == {}


def test_folders_that_name_no_files_and_reports_that_are_empty_do_no_harm(recorded):
    bare = {name: {"manifest": {"stage": name}, "report": {}, "digest": "00"} for name in recorded}
    assert set(standards(bare, Facts("", schema=SCHEMA))) == {ML_BOM}


def test_pins_are_read_without_comments_hashes_and_other_lines():
    lock = "# by hand\nabsl-py==2.5.1\ntorch==2.13.0 ; python_version > '3'\n-e .\n  Pillow==12.0 --hash=a"
    assert pinned(lock) == {"absl-py": "2.5.1", "torch": "2.13.0", "Pillow": "12.0"}


def test_a_uri_loses_its_password_and_its_query_and_a_path_stays():
    assert shareable("s3://user:secret@bucket/rows.csv?token=secret") == "s3://bucket/rows.csv"
    assert shareable("data/raw/rows?.csv") == "data/raw/rows?.csv"


def test_no_password_of_a_source_gets_into_a_document(recorded):
    for source in recorded["ingest"]["manifest"]["params"]["ingest"]["sources"]:
        source["uri"] = "https://user:hunter2@example.org/rows.csv?key=hunter3"
    text = "".join(standards(recorded, Facts("Tweets", schema=SCHEMA)).values())
    assert "https://example.org/rows.csv" in text
    assert "hunter" not in text
    assert sources(recorded)[0]["measured"]["rows"] == 38158


def test_a_stage_is_told_by_its_counts_and_reasons(recorded):
    assert told(recorded, "scrub_pii") == (
        "scrub_pii: 5704 in, 5704 went on; edit pii_replaced: 1,204 events "
        "(personal data was replaced as `scrub_pii.entities` says)."
    )
    assert told(recorded, "no_such_stage") is None
