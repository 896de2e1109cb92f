"""The three shapes of a stage, and what a stage's functions are given.

`record_stage`    a function of one record; a costly part that pays in batches goes into `prepare`
`set_stage`       `survey` sees the whole set, `decide` then takes one decision a record
`artifact_stage`  `build` writes files into a folder and says which records it used
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from stages.core.engine import Engine
from stages.core.errors import DataError, Fault
from stages.core.keys import Keys
from stages.core.params import Params, Section
from stages.core.records import Decision, Event, Record
from stages.core.storage import StageFolder
from stages.core.task import Task


@dataclass(frozen=True, slots=True)
class Context:
    """All that a stage may know: its own section, the top-level values it declared, its inputs, and the tools."""

    stage: str
    params: Any
    shared: Mapping[str, Any]
    task: Task
    keys: Keys
    inputs: tuple[StageFolder, ...]

    @property
    def seed(self) -> int:
        """Seed of every random choice; a stage must declare that it uses it."""
        return int(self.shared["seed"])

    def input(self, *stages: str) -> StageFolder:
        """The first of the given folders that one of these stages wrote. Raises DataError when there is none."""
        for folder in self.inputs:
            if not stages or folder.stage in stages:
                return folder
        given = ", ".join(str(folder.path) for folder in self.inputs) or "none"
        problem = f"needs the folder of {' or '.join(stages) or 'a stage'}; given: {given}"
        raise DataError(Fault(self.stage, problem, "name it with --in"))


@dataclass(frozen=True, slots=True)
class Usage:
    """What an artifact stage did with one record, as an event; records it names no usage for were left as they are."""

    id: str
    event: Event
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Artifact:
    """What an artifact stage has to say beside the files it wrote."""

    usages: Iterable[Usage] = ()
    report: Mapping[str, Any] = field(default_factory=dict)
    publish: tuple[str, ...] = ()
    """Files of the folder that people look at: the runner copies them to `reports/`."""


def used(id: str, reason: str, **evidence: Any) -> Usage:
    """The record went into the artifact."""
    return Usage(id, Event("assign", reason, evidence))


def skipped(id: str, reason: str, **evidence: Any) -> Usage:
    """The record was meant to go into the artifact, and did not."""
    return Usage(id, Event("drop", reason, evidence), skipped=True)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a stage found in what it wrote: facts for the report, and faults for which it must not be used."""

    facts: Mapping[str, Any]
    faults: Sequence[Fault] = ()


Report = Callable[[Context, StageFolder], Mapping[str, Any]]
Inspect = Callable[[Context, StageFolder, Engine], Inspection]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as the runner sees it; made by the three functions below."""

    name: str
    shape: Literal["create", "record", "set", "artifact"]
    reasons: Mapping[str, str]
    uses: tuple[str, ...] = ()
    sections: tuple[str, ...] | None = None
    source: Callable[[Context], Iterable[Decision]] | None = None
    prepare: Callable[[Sequence[Record], Context], Sequence[Any]] | None = None
    decide: Callable[..., Decision] | None = None
    survey: Callable[[Context, Engine, Path], Any] | None = None
    build: Callable[[Context, Path], Artifact] | None = None
    report: Report | None = None
    inspect: Inspect | None = None
    headline: tuple[str, ...] = ()
    """Patterns of the report's figures (`membership.auc*`) that DVC shows as metrics, beside counts and reasons."""
    unwatched: tuple[str, ...] = ()
    """Sections that say how to run and not what: given to the stage, in no manifest, and DVC does not look at them."""

    def settings(self, params: Params) -> dict[str, Section]:
        """The sections this stage reads: its own, unless it names others (`plan` reads those of what it plans)."""
        return {name: getattr(params, name) for name in ((self.name,) if self.sections is None else self.sections)}


class Verdicts(dict[str, Any]):
    """A survey's verdicts by id, and what it measured of the whole set.

    `facts` go into the report, `tables` into the stage's folder, each as `<name>.parquet`.
    """

    def __init__(
        self, verdicts: Mapping[str, Any], facts: Mapping[str, Any], tables: Mapping[str, pa.Table] | None = None
    ) -> None:
        super().__init__(verdicts)
        self.facts = facts
        self.tables = tables or {}


def create_stage(
    name: str,
    source: Callable[[Context], Iterable[Decision]],
    *,
    reasons: Mapping[str, str],
    uses: tuple[str, ...] = (),
    report: Report | None = None,
    headline: tuple[str, ...] = (),
) -> Stage:
    """A stage without input: `source` gives a decision for each row of the sources."""
    return Stage(name, "create", reasons, uses, source=source, report=report, headline=headline)


def record_stage(
    name: str,
    decide: Callable[..., Decision],
    *,
    reasons: Mapping[str, str],
    uses: tuple[str, ...] = (),
    prepare: Callable[[Sequence[Record], Context], Sequence[Any]] | None = None,
    report: Report | None = None,
    inspect: Inspect | None = None,
    headline: tuple[str, ...] = (),
) -> Stage:
    """A stage that looks at one record at a time: `decide(record, params)`.

    With `prepare(records, context)`, which gives one value a record for a whole batch (a model's findings, say), it is
    `decide(record, params, value)`. `inspect(context, folder, engine)` looks at all that was written before it takes
    the place of what stood there; with a fault, it never does.
    """
    return Stage(
        name, "record", reasons, uses, decide=decide, prepare=prepare, report=report, inspect=inspect, headline=headline
    )  # fmt: skip


def set_stage(
    name: str,
    survey: Callable[[Context, Engine, Path], Any],
    decide: Callable[..., Decision],
    *,
    reasons: Mapping[str, str],
    uses: tuple[str, ...] = (),
    sections: tuple[str, ...] | None = None,
    report: Report | None = None,
    headline: tuple[str, ...] = (),
) -> Stage:
    """A stage that must see the whole set: `survey(context, engine, scratch)` gives a mapping from id to verdict.

    Then `decide(record, params, verdict)` is asked about each record; the verdict is None for an id not in the mapping.
    A mapping that is a `Verdicts` adds its facts to the report and its tables to the folder. With `sections`, `params`
    is a mapping of these.
    """
    return Stage(
        name, "set", reasons, uses, sections, survey=survey, decide=decide, report=report, headline=headline
    )  # fmt: skip


def artifact_stage(
    name: str,
    build: Callable[[Context, Path], Artifact],
    *,
    reasons: Mapping[str, str],
    uses: tuple[str, ...] = (),
    sections: tuple[str, ...] | None = None,
    unwatched: tuple[str, ...] = (),
    headline: tuple[str, ...] = (),
) -> Stage:
    """A stage that makes something else than records: `build(context, folder)` writes its files into the folder.

    With `sections`, `context.params` is a mapping of those sections, and of those `unwatched`, instead of the stage's
    own.
    """
    return Stage(name, "artifact", reasons, uses, sections, build=build, headline=headline, unwatched=unwatched)
