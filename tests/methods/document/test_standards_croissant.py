"""The Croissant document: mlcroissant finds no fault in it, and reads the records through it."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages.core.records import Answer, Column, Message, Record, Schema, Span
from stages.core.tables import records_table
from stages.methods.document.facts import Facts
from stages.methods.document.standards.croissant import croissant

CLASSES = Schema((Column("text", "text"), Column("label", "label")))
EVERYTHING = Schema(
    (
        Column("text", "text"),
        Column("labels", "labels"),
        Column("spans", "spans", of="text"),
        Column("answers", "answers", of="text"),
        Column("messages", "messages"),
    )
)
SAID = {
    "license": "Apache-2.0",
    "controller": "Example Ltd",
    "collection": "Bought in 2019.",
    "intended_use": "Routing",
    "out_of_scope": "Decisions about people",
    "retention": "Two years",
}

SCRUBBED = {
    "manifest": {"counts": {"in": 3, "kept": 3}, "reasons": {"edit": {"pii_replaced": 2}}},
    "report": {
        "spans": {"PERSON": {"surrogate": 2}},
        "leaks": {"known": {"found": 1}},
        "probe": {"entities": {"PERSON": {"planted": 100, "found": 85}}},
    },
}


def rows(schema, *values):
    return [Record(f"{i:020x}", "s", str(i), schema, value, split="train") for i, value in enumerate(values)]


@pytest.fixture
def project(tmp_path):
    """Write `split/records.parquet` and `document/croissant.json`, and give the latter's path."""

    def write(schema, records, **facts):
        (tmp_path / "split").mkdir()
        (tmp_path / "document").mkdir()
        table = tmp_path / "split/records.parquet"
        pq.write_table(records_table(records, schema), table)
        digest = hashlib.sha256(table.read_bytes()).hexdigest()
        manifest = {
            "counts": {"in": len(records), "kept": len(records)},
            "reasons": {"assign": {"train": len(records)}},
            "files": {"records.parquet": digest},
        }
        recorded = {"split": {"manifest": manifest, "report": {}, "digest": "12ab" * 16}, "scrub_pii": SCRUBBED}
        path = tmp_path / "document/croissant.json"
        path.write_text(croissant(recorded, Facts("Tweets", schema=schema, **facts)), encoding="utf-8")
        return path

    return write


def load(path):
    """The data set as mlcroissant sees it; what its libraries warn of among themselves is not ours to mend."""
    import mlcroissant as mlc

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "ConjunctiveGraph is deprecated", DeprecationWarning)
        return mlc.Dataset(jsonld=str(path))


def read(path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The inplace keyword in DataFrame.reset_index")
        return list(load(path).records("records"))


def test_mlcroissant_finds_no_fault_and_misses_only_what_people_must_say(project):
    issues = load(project(CLASSES, rows(CLASSES, {"text": "one", "label": "a"}), statements=SAID)).metadata.ctx.issues
    assert issues.errors == set()
    assert {warning.partition('"')[2].partition('"')[0] for warning in issues.warnings} == {
        "http://mlcommons.org/croissant/citeAs",
        "https://schema.org/datePublished",
    }


def test_the_records_are_read_through_the_document_from_the_local_file(project):
    path = project(CLASSES, rows(CLASSES, {"text": "one", "label": "a"}, {"text": "two", "label": None}))
    first, second = read(path)
    assert (first["records/text"], first["records/label"]) == (b"one", b"a")
    assert (second["records/id"], second["records/split"]) == (b"0" * 19 + b"1", b"train")
    assert second["records/label"] is None


def test_columns_of_every_kind_are_described_down_to_their_parts_and_read(project):
    values = {
        "text": "one two",
        "labels": ("a", "b"),
        "spans": (Span(0, 3, "NUMBER"),),
        "answers": (Answer(4, "two"),),
        "messages": (Message("user", "one?"), Message("assistant", "two")),
    }
    path = project(EVERYTHING, rows(EVERYTHING, values))
    assert load(path).metadata.ctx.issues.errors == set()
    (row,) = read(path)
    assert row["records/labels"] == [b"a", b"b"]
    (span,) = row["records/spans"]
    assert {name.rpartition("/")[2]: value for name, value in span.items()} == {
        "start": 0,
        "end": 3,
        "label": b"NUMBER",
    }
    assert row["records/answers"][0]["records/answers/text"] == b"two"
    assert row["records/messages"][1]["records/messages/content"] == b"two"


def test_bytes_that_are_not_those_of_the_document_are_refused(project):
    path = project(CLASSES, rows(CLASSES, {"text": "one", "label": "a"}))
    table = path.parent.parent / "split/records.parquet"
    pq.write_table(records_table(rows(CLASSES, {"text": "other", "label": "a"}), CLASSES), table)
    with pytest.raises(Exception, match=r"operation Download\(records.parquet\)"):
        read(path)


def test_what_people_said_stands_in_the_document_and_what_they_did_not_say_does_not(project):
    document = json.loads(project(CLASSES, rows(CLASSES, {"text": "one", "label": "a"}), statements=SAID).read_text())
    assert document["license"] == "Apache-2.0"
    assert document["publisher"]["name"] == "Example Ltd"
    assert document["rai:dataCollection"] == "Bought in 2019."
    assert document["rai:dataUseCases"] == ["Routing", "Out of scope: Decisions about people"]
    assert document["rai:dataReleaseMaintenancePlan"] == "Two years"
    assert document["conformsTo"][1] == "http://mlcommons.org/croissant/RAI/1.0"
    unsaid = {"datePublished", "citeAs", "creator", "rai:dataSocialImpact", "rai:annotatorDemographics"}
    assert not unsaid & set(document)


def test_without_statements_no_use_no_license_and_no_publisher_is_made_up(project):
    document = json.loads(project(CLASSES, rows(CLASSES, {"text": "one", "label": "a"})).read_text())
    assert not {"license", "publisher", "rai:dataUseCases", "rai:dataCollection"} & set(document)
    assert document["version"] == "0.0.0+12ab12ab12ab"


def test_manipulation_is_told_under_the_name_that_the_vocabulary_has(project):
    document = json.loads(project(CLASSES, rows(CLASSES, {"text": "one", "label": "a"})).read_text())
    assert document["rai:dataManipulationProtocol"].startswith("scrub_pii: 3 in")
    assert document["rai:personalSensitiveInformation"] == [
        "PERSON: surrogate 2 times",
        "Left in the output, as far as a second look found: values that were detected and replaced elsewhere: 1",
    ]
    assert document["rai:dataLimitations"] == "PERSON: 85 of 100 planted values were found"


def test_making_the_document_writes_nothing_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    split = {"manifest": {"files": {"records.parquet": "0" * 64}}, "report": {}, "digest": "1" * 64}
    assert croissant({"split": split}, Facts("T", schema=CLASSES))
    assert list(Path(tmp_path).iterdir()) == []
