"""Croissant 1.0 with the RAI fields: the cleaned, scrubbed and split data set, as dataset search and loaders read it.

Croissant Format Specification 1.0 and Croissant RAI 1.0, MLCommons 2024. A property that nobody stated and no stage
recorded is left out: `datePublished` and `citeAs`, which Croissant recommends, are for people to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from stages.core.tables import records_schema
from stages.methods.document.facts import Facts
from stages.methods.document.figures import Recorded
from stages.methods.document.scores import SPLITS
from stages.methods.document.standards.facts import data_version, files, left_out, personal, shares, sources, told
from stages.methods.document.tree import find

CONFORMS_TO = ("http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0")
FILE = "records.parquet"
RECORDS = "records"
_COLUMNS = {
    "id": "Keyed hash that names the record, the same in every version of the data",
    "source": "Name of the source that the record came from",
    "source_row": "The row's own key in its source, or its place there",
    "subject": "Keyed hash of the person that the row is about, where the source names one",
    "group": "Id of the record that stands for a group of duplicates; empty for singles",
    "split": "What the record is used for",
    "language": "Language that was identified, ISO 639-1",
    "confidence": "Agreement of the annotators, 0 to 1, where the source carries it",
    "attributes": "Groups that the row belongs to, by name, where the source carries them",
}
_KINDS = {
    "text": "Text",
    "label": "Label",
    "labels": "Labels",
    "spans": "Labelled stretches of `{of}`; offsets in code points, the end is exclusive",
    "answers": "Answers: where each starts in `{of}`, in code points, and its text",
    "messages": "Turns of the conversation",
}
_STAGES = ("ingest", "clean", "deduplicate", "scrub_pii", "check_labels", "split")
_SPLIT_URLS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}


def croissant(recorded: Recorded, facts: Facts) -> str | None:
    """The document as JSON-LD text; None where `split` was not given or wrote no records.

    `contentUrl` is relative: the document describes the data set as it lies in the project, and reads there.
    """
    if FILE not in files(recorded, "split"):
        return None
    # Half a second of CPU, for this one document.
    import mlcroissant as mlc

    context = mlc.Context(conforms_to=CONFORMS_TO[0])
    metadata = mlc.Metadata(
        ctx=context,
        conforms_to=list(CONFORMS_TO),
        name=facts.title or "data set",
        description=_description(recorded),
        version=data_version(recorded),
        distribution=[_file(mlc, context, recorded, facts)],
        record_sets=[_records(mlc, context, facts), _splits(mlc, context)],
        **_stated(mlc, context, facts),
        **{name: value for name, value in _responsible(recorded, facts).items() if value},
    )
    document = metadata.to_json()
    # mlcroissant 1.1 writes this one property under a misspelt name; the RAI vocabulary has it so.
    if "rai:dataDataManipulationProtocol" in document:
        document["rai:dataManipulationProtocol"] = document.pop("rai:dataDataManipulationProtocol")
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _description(recorded: Recorded) -> str:
    counts = find(recorded, "split", "manifest", "counts") or {}
    parts = find(recorded, "split", "manifest", "reasons", "assign") or {}
    dealt = ", ".join(f"{parts[name]} {name}" for name in SPLITS if name in parts)
    names = ", ".join(str(source.get("name")) for source in sources(recorded)) or "sources that are not recorded"
    passed = ", ".join(stage for stage in _STAGES if find(recorded, stage, "manifest"))
    return f"{counts.get('kept', 0)} records ({dealt}) of {names}, after the stages {passed}."


def _stated(mlc: Any, context: Any, facts: Facts) -> dict[str, Any]:
    """What only people know, as far as they said it."""
    said = facts.statements
    stated: dict[str, Any] = {}
    if said.get("license"):
        stated["license"] = [said["license"]]
    if said.get("controller"):
        stated["publisher"] = [mlc.Organization(ctx=context, name=said["controller"])]
    if said.get("retention"):
        stated["data_release_maintenance_plan"] = said["retention"]
    uses = [said["intended_use"]] if said.get("intended_use") else []
    if said.get("out_of_scope"):
        uses.append(f"Out of scope: {said['out_of_scope']}")
    return {**stated, "data_use_cases": uses} if uses else stated


def _file(mlc: Any, context: Any, recorded: Recorded, facts: Facts) -> Any:
    size = {} if facts.records_size is None else {"content_size": f"{facts.records_size} B"}
    return mlc.FileObject(
        ctx=context,
        id=FILE,
        name=FILE,
        description="All records, sorted by id",
        content_url=facts.records_url,
        encoding_formats=["application/x-parquet"],
        sha256=files(recorded, "split")[FILE],
        **size,
    )


def _records(mlc: Any, context: Any, facts: Facts) -> Any:
    described = dict(_COLUMNS)
    for column in facts.schema.columns:
        described[column.name] = _KINDS[column.kind].format(of=column.of)
    fields = []
    for column in records_schema(facts.schema):
        field = _field(mlc, context, column.name, column.type)
        field.description = described[column.name]
        fields.append(field)
    return mlc.RecordSet(
        ctx=context, id=RECORDS, name=RECORDS, description="One record a row", key=f"{RECORDS}/id", fields=fields
    )


def _field(mlc: Any, context: Any, name: str, kind: pa.DataType) -> Any:
    """A column; one that holds lists of things with parts has a field for each part."""
    repeated = {"repeated": True} if pa.types.is_list(kind) else {}
    one = kind.value_type if repeated else kind
    source = mlc.Source(file_object=FILE, extract=mlc.Extract(column=name))
    place = f"{RECORDS}/{name}"
    if not pa.types.is_struct(one):
        types = [_data_type(mlc, one)]
        return mlc.Field(ctx=context, id=place, name=name, data_types=types, source=source, **repeated)
    parts = [
        mlc.Field(
            ctx=context,
            id=f"{place}/{part.name}",
            name=part.name,
            data_types=[_data_type(mlc, part.type)],
            source=mlc.Source(
                file_object=FILE,
                extract=mlc.Extract(column=name),
                transforms=[mlc.Transform(json_path=part.name)],
            ),
        )
        for part in one
    ]
    return mlc.Field(ctx=context, id=place, name=name, sub_fields=parts, **repeated)


def _data_type(mlc: Any, kind: pa.DataType) -> Any:
    if pa.types.is_integer(kind):
        return mlc.DataType.INTEGER
    return mlc.DataType.FLOAT if pa.types.is_floating(kind) else mlc.DataType.TEXT


def _splits(mlc: Any, context: Any) -> Any:
    """What the names in the column `split` mean to other programs."""
    return mlc.RecordSet(
        ctx=context,
        id="splits",
        name="splits",
        description="Values of the column `split`",
        data_types=[mlc.DataType.SPLIT],
        key="splits/name",
        fields=[
            mlc.Field(ctx=context, id="splits/name", name="name", data_types=[mlc.DataType.TEXT]),
            mlc.Field(ctx=context, id="splits/url", name="url", data_types=[mlc.DataType.URL]),
        ],
        data=[{"splits/name": name, "splits/url": url} for name, url in _SPLIT_URLS.items()],
    )


def _responsible(recorded: Recorded, facts: Facts) -> dict[str, Any]:
    """The RAI properties that follow from the record; a value that is empty is left out."""
    collected = facts.statements.get("collection")
    steps = [told(recorded, stage) for stage in ("clean", "deduplicate", "split")]
    missing = left_out(recorded, "ingest")
    return {
        "data_collection": collected,
        "data_collection_raw_data": " ".join(_source(source) for source in sources(recorded)),
        "data_collection_missing_data": f"Left out while reading: {'; '.join(missing)}." if missing else None,
        "data_preprocessing_protocol": [step for step in steps if step],
        "data_manipulation_protocol": told(recorded, "scrub_pii"),
        "data_annotation_protocol": _annotation(recorded),
        "data_annotation_analysis": _suspects(find(recorded, "check_labels", "report") or {}),
        "machine_annotation_tools": _tools(recorded, facts),
        "personal_sensitive_information": personal(find(recorded, "scrub_pii", "report") or {}),
        "data_limitations": _limitations(recorded),
        "data_biases": _biases(recorded),
    }


def _source(source: Mapping[str, Any]) -> str:
    measured = source["measured"]
    digests = [f"{file['name']} SHA-256 {file['sha256']}" for file in (measured.get("files") or [])[:10]]
    more = len(measured.get("files") or []) - len(digests)
    seen = f"{measured['rows']} rows read" if "rows" in measured else "rows not counted"
    told_files = f"; {', '.join(digests)}" + (f" and {more} more files" if more else "") if digests else ""
    return f"{source.get('name')}: {source.get('uri')}, license {source.get('license')}, {seen}{told_files}."


def _annotation(recorded: Recorded) -> list[str]:
    told_sources = []
    for source in sources(recorded):
        columns = ", ".join(f"{ours} from column {theirs}" for ours, theirs in (source.get("fields") or {}).items())
        agreement = f"; agreement of annotators from column {source['confidence']}" if source.get("confidence") else ""
        if columns:
            told_sources.append(f"{source.get('name')}: {columns}{agreement}; they came with the source.")
    policy = find(recorded, "check_labels", "manifest", "params", "check_labels", "policy")
    checked = told(recorded, "check_labels")
    return told_sources + ([f"{checked} Policy: {policy}."] if checked else [])


def _suspects(report: Mapping[str, Any]) -> list[str]:
    return [
        f"{label}: {seen['suspects']} of {seen['rows']} labels are in doubt"
        for label, seen in (report.get("labels") or {}).items()
        if "suspects" in seen and "rows" in seen
    ]


def _tools(recorded: Recorded, facts: Facts) -> list[str]:
    """Programs that judged records: found personal data, suspected labels."""
    found = []
    for stage, library, what in (
        ("scrub_pii", "presidio-analyzer", "found personal data"),
        ("check_labels", "cleanlab", "suspected labels"),
    ):
        if find(recorded, stage, "manifest") and library in facts.versions:
            found.append(f"{library} {facts.versions[library]}: {what}")
    models = find(recorded, "scrub_pii", "manifest", "params", "scrub_pii", "ner") or {}
    return found + [f"{model}: found names in texts in {language}" for language, model in sorted(models.items())]


def _limitations(recorded: Recorded) -> list[str]:
    scrubbed = find(recorded, "scrub_pii", "report") or {}
    recall = [
        f"{entity}: {seen['found']} of {seen['planted']} planted values were found"
        for entity, seen in sorted((find(scrubbed, "probe", "entities") or {}).items())
        if seen.get("found", 0) < seen.get("planted", 0)
    ]
    without = scrubbed.get("without_model") or {}
    unseen = [f"Texts that no model for names read, by language: {_counted(without)}"] if without else []
    conflicts = find(recorded, "deduplicate", "report", "label_conflicts")
    return recall + unseen + ([f"{conflicts} duplicates had another label than the kept record"] if conflicts else [])


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _biases(recorded: Recorded) -> list[str]:
    labels = find(recorded, "split", "report", "labels") or {}
    languages = find(recorded, "clean", "report", "languages") or {}
    by_label = {label: sum(counts.values()) for label, counts in labels.items()}
    told_shares = [("Labels", by_label), ("Languages", languages)]
    return [f"{what}: {shares(counts)}" for what, counts in told_shares if len(counts) > 1]
