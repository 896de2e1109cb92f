"""The report and the documents: everything that the stages wrote down, for people and for machines.

in:  data/ingest ... data/audit   manifests, reports, events without their evidence, the learning curve
out: data/document                `index.html` (copied to `reports/`), and what `documents.py` lists
"""

from __future__ import annotations

import csv
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from stages.core.stage import Artifact, Context, artifact_stage
from stages.core.storage import StageFolder
from stages.core.tables import records_schema
from stages.methods.document.cards.groups import ACTIONS, COLUMNS, GroupCount, counted
from stages.methods.document.cards.write import cards
from stages.methods.document.facts import Facts
from stages.methods.document.figures import figures
from stages.methods.document.html import page
from stages.methods.document.lineage.packing import Lineage, lineage_data
from stages.methods.document.lineage.rows import StageEvents, columns
from stages.methods.document.samples import Texts, samples
from stages.methods.document.standards.facts import pinned
from stages.methods.document.standards.write import standards
from stages.methods.document.tree import find

REASONS: dict[str, str] = {}

_LOCK = Path("requirements/lock.txt")
_LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "presidio-analyzer",
    "spacy",
    "cleanlab",
    "scikit-learn",
    "pyarrow",
)


def build(context: Context, folder: Path) -> Artifact:
    """Write all documents. What an input did not record is said to be missing; nothing is computed in its place."""
    recorded = {source.stage: _recorded(source) for source in context.inputs}
    facts = _facts(context)
    shown = figures(recorded, list(_curve(context)), facts.versions)
    texts = {**cards(recorded, shown, facts), **standards(recorded, facts)}
    texts["index.html"] = page(shown, facts.title, _lineage(context.inputs), sorted(texts), _shown(context, recorded))
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return Artifact(publish=("index.html",))


def _shown(context: Context, recorded: Mapping[str, Any]) -> Texts:
    """The texts that the page quotes: written answers, as many as `evaluate.generation.samples` says, and terms."""
    by_stage = {source.stage: source for source in context.inputs}
    terms = [
        {**row, "records": int(row["records"]), "pieces": int(row["pieces"])} for row in _terms(by_stage.get("plan"))
    ]
    many = find(recorded, "evaluate", "manifest", "params", "evaluate", "generation", "samples") or 0
    # Only of scrubbed data: without that stage, a text may hold anything.
    if not (many and context.task.writes and {"scrub_pii", "split", "evaluate"} <= by_stage.keys()):
        return Texts(terms=terms)
    said = by_stage["evaluate"].table("predictions.parquet", ["id", "split", "label", "answer", "quality"]).to_pylist()
    # Ids are hashes, so that the first ones are a choice by chance.
    answered = [row for row in said if row["split"] == "test" and row["quality"] is not None][:many]
    records = by_stage["split"].records(context.task.schema)
    return Texts([*samples(records, answered)], terms)


def _terms(plan: StageFolder | None) -> list[dict[str, str]]:
    if plan is None or not _has(plan, "terms.csv"):
        return []
    return [*csv.DictReader((plan.path / "terms.csv").read_text(encoding="utf-8").splitlines())]


def _recorded(source: StageFolder) -> dict[str, Any]:
    return {
        "manifest": source.manifest,
        "report": _json(source, "report.json"),
        "digest": source.digest,
        "rows_by_action": _rows_by_action(source),
        "certificate": _json(source, "privacy.json"),
    }


def _rows_by_action(source: StageFolder) -> dict[str, int]:
    """Records with an event of each action: one record may have many events, and the report speaks of records."""
    if not _has(source, "events.parquet"):
        return {}
    pairs = source.table("events.parquet", ["action", "id"]).group_by(["action", "id"]).aggregate([])
    return {row["values"]: row["counts"] for row in pairs["action"].value_counts().to_pylist()}


def _lineage(sources: Sequence[StageFolder]) -> Lineage:
    """Every row's id with the codes of what was done to it. A source whose events are gone tells nothing."""
    return lineage_data(
        [
            StageEvents(
                source.stage,
                source.table("events.parquet", columns(source.stage)),
                source.manifest.get("reason_texts") or {},
            )
            for source in sources
            if _has(source, "events.parquet")
        ]
    )


def _facts(context: Context) -> Facts:
    by_stage = {source.stage: source for source in context.inputs}
    statements = context.params.model_dump()
    return Facts(
        title=statements.pop("title"),
        task=context.task.name,
        writes=context.task.writes,
        statements=statements,
        plan=_json(by_stage.get("plan"), "plan.json"),
        training=_json(by_stage.get("finetune"), "training.json"),
        schema=context.task.schema,
        groups=[count for stage in ACTIONS if stage in by_stage for count in _groups(context, by_stage[stage])],
        versions=_versions(),
        packages=pinned(_LOCK.read_text(encoding="utf-8")) if _LOCK.exists() else {},
        model_config=_json(by_stage.get("finetune"), "model/config.json"),
        records_size=_size(by_stage.get("split"), "records.parquet"),
    )


def _groups(context: Context, stage: StageFolder) -> list[GroupCount]:
    """How often a stage treated the records of each group. Empty where its input or its events are not there."""
    before = stage.manifest.get("inputs", {})
    given = next((source for source in context.inputs if source.stage in before), None)
    if given is None or not (_has(given, "records.parquet") and _has(stage, "events.parquet")):
        return []
    known = records_schema(context.task.schema).names
    groups = given.table(columns=["id", *(name for name in COLUMNS if name in known)])
    return counted(stage.stage, groups, stage.table("events.parquet", ["id", "action"]))


def _curve(context: Context) -> Iterator[dict[str, float]]:
    """The learning curve's rows; cells that are empty (no evaluation at that step) are left out."""
    for source in context.inputs:
        if source.stage == "finetune" and _has(source, "learning_curve.csv"):
            rows = csv.DictReader((source.path / "learning_curve.csv").read_text(encoding="utf-8").splitlines())
            yield from ({name: float(cell) for name, cell in row.items() if cell} for row in rows)


def _json(source: StageFolder | None, name: str) -> Mapping[str, Any]:
    """A JSON file of an input; empty where there is none. Raises DataError for one that cannot be read."""
    found = source.json(name) if source is not None and _has(source, name) else {}
    return found if isinstance(found, dict) else {}


def _has(source: StageFolder, name: str) -> bool:
    return (source.path / name).exists()


def _size(source: StageFolder | None, name: str) -> int | None:
    return (source.path / name).stat().st_size if source is not None and _has(source, name) else None


def _versions() -> dict[str, str]:
    """Python and the libraries whose version can change a result."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


STAGE = artifact_stage("document", build, reasons=REASONS)
