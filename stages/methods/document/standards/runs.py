"""Finished stages as OpenLineage wants to hear of them: one folder is one run of one job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.core.records import Schema

PRODUCER = "urn:rowtrail"


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished folder. `time` is when its manifest was written: ISO 8601 with a zone."""

    manifest: Mapping[str, Any]
    digest: str
    time: str
    report: Mapping[str, Any] = field(default_factory=dict)
    fields: Sequence[tuple[str, str]] = ()
    """Names and types of the columns of its table, if it has one: records or predictions."""
    rows: int | None = None
    """Rows of that table."""
    size: int = 0
    """Bytes of the folder's files."""
    code: str = ""
    """SHA-256 over the code it ran from, as DVC recorded it."""
    commit: str = ""
    """A commit that holds exactly this run; empty where the last one does not."""

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return str(self.manifest["stage"])


@dataclass(frozen=True, slots=True)
class Project:
    """What holds for all stages. `folder` is where the stage folders are, in the project."""

    namespace: str
    schema: Schema
    version: str
    folder: str = "data"
    repository: str = ""
    controller: str | None = None
    descriptions: Mapping[str, str] = field(default_factory=dict)


def in_order(runs: Sequence[Finished]) -> list[Finished]:
    """Runs after those whose folders they read; beyond that by time and name."""
    waiting = sorted(runs, key=lambda run: (run.time, run.stage))
    ordered: list[Finished] = []
    while waiting:
        left = {run.stage for run in waiting}
        ready = [run for run in waiting if not left & set(run.manifest.get("inputs") or {})] or waiting[:1]
        ordered.append(ready[0])
        waiting.remove(ready[0])
    return ordered
