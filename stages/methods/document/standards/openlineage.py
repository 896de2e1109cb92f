"""OpenLineage run events of finished stages: what went in, what came out, and what was decided, without a row's text.

OpenLineage 2-0-2. Each finished folder is one run: a START and a COMPLETE at the time its manifest was written. A run
that failed left no folder, so no FAIL is ever told. Names hold nothing of this machine: a data set is its folder's path
in the project, so that the same stage is the same job wherever it ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import attr
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    documentation_job,
    job_type_job,
    ownership_job,
    processing_engine_run,
    source_code_location_job,
)

from stages.methods.document.standards.datasets import inputs, made, output
from stages.methods.document.standards.facts import shareable
from stages.methods.document.standards.runs import PRODUCER, Finished, Project, in_order
from stages.methods.shareable import counted

DECISIONS = "rowtrail_decisions"
DECISIONS_SCHEMA = "urn:rowtrail:openlineage:1-0-0:RowtrailDecisionsRunFacet"


@attr.define
class DecisionsRunFacet(RunFacet):
    """The one facet of our own: counts, reasons, digests of sets of ids, params, and the code."""

    stage: str
    counts: dict[str, int]
    reasons: dict[str, dict[str, int]]
    idSets: dict[str, str]  # noqa: N815 - OpenLineage writes its keys so
    params: dict[str, Any]
    manifest: str
    code: str | None = attr.field(default=None)
    commit: str | None = attr.field(default=None)

    @staticmethod
    def _get_schema() -> str:
        return DECISIONS_SCHEMA


def run_events(runs: Sequence[Finished], project: Project) -> list[RunEvent]:
    """A START and a COMPLETE for each run, each run after those whose folders it read."""
    by_stage = {run.stage: run for run in runs}
    return [event for run in in_order(runs) for event in _events(run, by_stage, project)]


def _events(run: Finished, by_stage: Mapping[str, Finished], project: Project) -> Iterator[RunEvent]:
    job = Job(namespace=project.namespace, name=run.stage, facets=_job_facets(run, project))
    # The same folder is the same run, however often it is told: backends then keep one.
    id = str(uuid5(NAMESPACE_URL, f"{PRODUCER}:run:{project.namespace}:{run.digest}"))
    engine = made(
        processing_engine_run.ProcessingEngineRunFacet,
        version=project.version,
        name="Rowtrail",
        openlineageAdapterVersion=project.version,
    )
    about = Run(runId=id, facets={"processing_engine": engine, DECISIONS: _decisions(run)})
    read, written = inputs(run, project), output(run, by_stage, project)
    for state, outputs in ((RunState.START, []), (RunState.COMPLETE, [written])):
        yield RunEvent(
            eventType=state, eventTime=run.time, run=about, job=job, inputs=read, outputs=outputs, producer=PRODUCER
        )


def _decisions(run: Finished) -> DecisionsRunFacet:
    return DecisionsRunFacet(
        producer=PRODUCER,
        stage=run.stage,
        counts=dict(run.manifest.get("counts") or {}),
        reasons=dict(run.manifest.get("reasons") or {}),
        idSets=dict(run.manifest.get("digests") or {}),
        params=_shown(run.manifest.get("params") or {}),
        manifest=run.digest,
        code=run.code or None,
        commit=run.commit or None,
    )


def _shown(params: Any, name: str = "") -> Any:
    """Params as they may leave the machine: without values that name people, and without passwords in URIs."""
    if count := counted(name, params):
        return count
    if isinstance(params, Mapping):
        return {str(key): _shown(value, str(key)) for key, value in params.items()}
    if isinstance(params, list):
        return [_shown(value) for value in params]
    return shareable(params) if isinstance(params, str) else params


def _job_facets(run: Finished, project: Project) -> dict[str, JobFacet]:
    facets = {
        "jobType": made(
            job_type_job.JobTypeJobFacet, processingType="BATCH", integration="ROWTRAIL", jobType="STAGE"
        )
    }  # fmt: skip
    if description := project.descriptions.get(run.stage):
        facets["documentation"] = made(documentation_job.DocumentationJobFacet, description=description)
    if project.controller:
        owner = ownership_job.Owner(name=project.controller, type="CONTROLLER")
        facets["ownership"] = made(ownership_job.OwnershipJobFacet, owners=[owner])
    if project.repository and run.commit:
        path = f"stages/{run.stage}.py"
        facets["sourceCodeLocation"] = made(
            source_code_location_job.SourceCodeLocationJobFacet,
            type="git",
            url=f"{project.repository}/blob/{run.commit}/{path}",
            repoUrl=project.repository,
            path=path,
            version=run.commit,
        )
    return facets
