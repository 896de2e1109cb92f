"""Inputs and outputs of a run as OpenLineage data sets: version, columns, where they come from, how much there is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    dataset_type_dataset,
    dataset_version_dataset,
    datasource_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    ownership_dataset,
    schema_dataset,
)

from stages.methods.document.standards import column_lineage
from stages.methods.document.standards.column_lineage import Step
from stages.methods.document.standards.facts import shareable
from stages.methods.document.standards.runs import PRODUCER, Finished, Project, in_order


def inputs(run: Finished, project: Project) -> list[InputDataset]:
    """What a run read: the folders that its manifest names, at the versions that it read; or the sources."""
    read = run.manifest.get("inputs") or {}
    if run.stage == "ingest":
        return [_source(source, run, project) for source in _declared(run)]
    # Of several inputs the manifest does not say from which the records came.
    seen = {"inputStatistics": _rows_read((run.manifest.get("counts") or {}).get("in"))} if len(read) == 1 else {}
    return [
        InputDataset(
            namespace=project.namespace,
            name=_name(stage, project),
            facets={"version": _version(digest), "dataSource": _data_source(project)},
            inputFacets=dict(seen),
        )
        for stage, digest in read.items()
    ]


def _name(stage: str, project: Project) -> str:
    return f"{project.folder}/{stage}"


def _declared(run: Finished) -> list[Mapping[str, Any]]:
    return list(((run.manifest.get("params") or {}).get("ingest") or {}).get("sources") or [])


def _place(source: Mapping[str, Any], project: Project) -> tuple[str, str]:
    """Namespace and name of a source: scheme and authority of its URI, and the path; files of the project by path."""
    uri = shareable(str(source.get("uri") or ""))
    parts = urlsplit(uri)
    if "://" not in uri:
        return project.namespace, uri
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/") or str(source.get("name"))


def _source(source: Mapping[str, Any], run: Finished, project: Project) -> InputDataset:
    namespace, name = _place(source, project)
    measured = ((run.report.get("sources") or {}).get(source.get("name"))) or {}
    uri = quote(shareable(str(source.get("uri") or "")), safe=":/@%")
    facets = {"dataSource": made(datasource_dataset.DatasourceDatasetFacet, name=str(source.get("name")), uri=uri)}
    if digests := [str(file["sha256"]) for file in measured.get("files") or []]:
        # A source of one file has that file's digest; of several, the digest of their digests.
        whole = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
        facets["version"] = _version(whole)
    seen = {"inputStatistics": _rows_read(measured.get("rows"))} if "rows" in measured else {}
    return InputDataset(namespace=namespace, name=name, facets=facets, inputFacets=seen)


def output(run: Finished, by_stage: Mapping[str, Finished], project: Project) -> OutputDataset:
    """The folder that a run wrote."""
    facets = {
        "version": _version(run.digest),
        "dataSource": _data_source(project),
        "datasetType": made(
            dataset_type_dataset.DatasetTypeDatasetFacet, datasetType="MODEL" if run.stage == "finetune" else "FILE"
        ),
    }
    if run.fields:
        fields = [schema_dataset.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in run.fields]
        facets["schema"] = made(schema_dataset.SchemaDatasetFacet, fields=fields)
    if project.controller:
        owner = ownership_dataset.Owner(name=project.controller, type="CONTROLLER")
        facets["ownership"] = made(ownership_dataset.OwnershipDatasetFacet, owners=[owner])
    if columns := _columns(run, by_stage, project):
        facets["columnLineage"] = columns
    written = made(
        output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
        rowCount=run.rows,
        size=run.size,
        fileCount=len(run.manifest.get("files") or {}) + 1,
    )
    return OutputDataset(
        namespace=project.namespace,
        name=_name(run.stage, project),
        facets=facets,
        outputFacets={"outputStatistics": written},
    )


def _version(digest: str) -> Any:
    return made(dataset_version_dataset.DatasetVersionDatasetFacet, datasetVersion=digest)


def _rows_read(rows: int | None) -> Any:
    return made(input_statistics_input_dataset.InputStatisticsInputDatasetFacet, rowCount=rows)


def _data_source(project: Project) -> Any:
    uri = project.repository or f"{PRODUCER}:project:{quote(project.namespace, safe='')}"
    return made(datasource_dataset.DatasourceDatasetFacet, name=project.namespace, uri=uri)


def _columns(run: Finished, by_stage: Mapping[str, Finished], project: Project) -> Any:
    """The facet `columnLineage`; None where nothing is known of the columns."""
    written = [name for name, _ in run.fields]
    found: dict[str, list[Any]] = {}
    rows: list[Any] = []
    for (namespace, name), steps, deciding in _origins(run, by_stage, project):
        for column, some in steps.items():
            if column in written:
                found.setdefault(column, []).extend(_field(namespace, name, step) for step in some)
        rows += [_field(namespace, name, step) for step in deciding]
    fields = {column: column_lineage_dataset.Fields(inputFields=some) for column, some in found.items()}
    return made(column_lineage_dataset.ColumnLineageDatasetFacet, fields=fields, dataset=rows) if fields else None


def _origins(
    run: Finished, by_stage: Mapping[str, Finished], project: Project
) -> Iterator[tuple[tuple[str, str], dict[str, list[Step]], list[Step]]]:
    """Where the columns come from: place, steps by column, and what decided about rows."""
    if run.stage == "ingest":
        for source in _declared(run):
            yield _place(source, project), column_lineage.of_source(source, project.schema), []
        return
    read = [by_stage[stage] for stage in run.manifest.get("inputs") or {} if stage in by_stage]
    tables = [one for one in in_order(read) if one.fields]
    if tables:
        given, written = [name for name, _ in tables[-1].fields], [name for name, _ in run.fields]
        steps = column_lineage.of_records(run.manifest, project.schema, given, written)
        place = project.namespace, _name(tables[-1].stage, project)
        yield place, steps, column_lineage.of_rows(run.manifest, project.schema, given)


def _field(namespace: str, name: str, step: Step) -> Any:
    kind, subtype = step.how
    how = column_lineage_dataset.Transformation(type=kind, subtype=subtype, masking=step.masking)
    return column_lineage_dataset.InputField(namespace=namespace, name=name, field=step.column, transformations=[how])


def made(kind: Any, **values: Any) -> Any:
    """A facet that says who produced it."""
    return kind(producer=PRODUCER, **values)
