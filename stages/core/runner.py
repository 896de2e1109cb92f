"""Run a stage: read, decide, write, count, check, swap in. The only code that writes a stage's outputs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stages.core.deciding import Decided, DecidePiece, Portion, Step, settle
from stages.core.engine import Engine, make_engine
from stages.core.errors import CheckFailed, DataError, Fault
from stages.core.keys import load_keys
from stages.core.ledger import Tally
from stages.core.params import EngineParams, Params
from stages.core.progress import say, track
from stages.core.records import Decision
from stages.core.stage import Context, Stage, Usage, Verdicts
from stages.core.storage import PIECE, FolderWriter, StageFolder, write_json
from stages.core.task import Task

FORMAT = 1
"""Version of the stage folder's layout, in every manifest."""


def run(stage: Stage, inputs: Sequence[Path], out: Path, params: Params, task: Task) -> dict[str, Any]:
    """Run one stage into the folder `out` and give its report. Nothing at `out` changes unless all went well."""
    started = time.monotonic()
    context = _context(stage, inputs, params, task)
    schema = None if stage.shape == "artifact" else task.schema
    with FolderWriter(out, schema, in_order=stage.shape != "create") as folder:
        with make_engine(params.engine if stage.shape in ("record", "set") else EngineParams(workers=1)) as engine:
            work = _Run(stage, context, folder, Tally(stage.name, stage.reasons), engine)
            work.go()
            folder.finish_tables()
            work.tally.check_conservation()
            _refuse_empty(stage, work.tally)
            faults = work.look_back()
        report = {"records": work.tally.counts(), "reasons": work.tally.reasons_by_action(), **work.report}
        if faults:
            _publish(stage, out, report, ())  # what is wrong can be read there; what was written is not used
            raise CheckFailed(*faults)
        write_json(folder.work / "report.json", report)
        folder.finish(_manifest(stage, context, params, work.tally))
    _publish(stage, out, report, work.publish)
    say(f"{stage.name}: {_summary(work.tally)} in {time.monotonic() - started:.0f} s")
    return report


@dataclass
class _Run:
    """One run under way: what the four shapes of a stage share."""

    stage: Stage
    context: Context
    folder: FolderWriter
    tally: Tally
    engine: Engine
    report: dict[str, Any] = field(default_factory=dict)
    publish: tuple[str, ...] = ()

    def go(self) -> None:
        shapes: dict[str, Callable[[], None]] = {
            "create": self._create,
            "record": self._decide_records,
            "set": self._decide_set,
            "artifact": self._build,
        }
        shapes[self.stage.shape]()

    def look_back(self) -> Sequence[Fault]:
        """Add to the report what the stage says of all it has written, and give what must not be."""
        written = StageFolder(self.folder.work)
        if self.stage.report:
            self.report.update(self.stage.report(self.context, written))
        if self.stage.inspect is None:
            return ()
        inspection = self.stage.inspect(self.context, written, self.engine)
        self.report.update(inspection.facts)
        return inspection.faults

    def _create(self) -> None:
        assert self.stage.source is not None
        decisions = track(self.stage.source(self.context), self.stage.name, None)
        self._write_all((decision, None) for decision in decisions)

    def _decide_records(self) -> None:
        self._decide((piece, None) for piece in self.context.inputs[0].pieces())

    def _decide_set(self) -> None:
        assert self.stage.survey is not None
        scratch = self.folder.work / ".scratch"
        scratch.mkdir()
        verdicts: Mapping[str, Any] = self.stage.survey(self.context, self.engine, scratch)
        shutil.rmtree(scratch)
        if isinstance(verdicts, Verdicts):
            self.report.update(verdicts.facts)
            for name, table in verdicts.tables.items():
                pq.write_table(table, self.folder.work / f"{name}.parquet", compression="zstd")
        pieces = self.context.inputs[0].pieces()
        self._decide((piece, [verdicts.get(id) for id in piece.ids()]) for piece in pieces)

    def _decide(self, portions: Iterator[Portion]) -> None:
        """Workers read and decide; what they give comes in order of id, and is added up and written here."""
        source = self.context.inputs[0]
        results = self.engine.map(DecidePiece(self.stage, self.context), portions)
        for some in track(results, self.stage.name, len(source), PIECE):
            self._write(some)
        if self.tally.given.count != len(source):
            raise ValueError(f"{self.stage.name}: {self.tally.given.count} of {len(source)} records were decided")

    def _build(self) -> None:
        assert self.stage.build is not None
        artifact = self.stage.build(self.context, self.folder.work)
        self.report.update(artifact.report)
        self.publish = artifact.publish
        by_id: dict[str, list[Usage]] = {}
        for usage in artifact.usages:
            by_id.setdefault(usage.id, []).append(usage)
        self._write_all((_used(id, by_id.pop(id, [])), None) for id in _given_ids(self.context))
        if by_id:
            raise ValueError(f"{self.stage.name}: used {len(by_id)} records it was not given")

    def _write_all(self, decisions: Iterator[Step]) -> None:
        while some := list(islice(decisions, PIECE)):
            self._write(settle(self.stage, self.context.task.schema, some))

    def _write(self, decided: Decided) -> None:
        self.tally.add(decided.tally)
        self.folder.append(decided.events, decided.records)


def _used(id: str, usages: Sequence[Usage]) -> Decision:
    skipped = any(usage.skipped for usage in usages)
    return Decision(id, "dropped" if skipped else "kept", None, tuple(usage.event for usage in usages))


def _context(stage: Stage, inputs: Sequence[Path], params: Params, task: Task) -> Context:
    folders = tuple(StageFolder(path) for path in inputs)
    if bool(folders) == (stage.shape == "create"):
        problem, step = (
            ("takes no input folder", "leave out --in") if folders else ("needs an input folder", "use --in DIR")
        )
        raise DataError(Fault(stage.name, problem, step))
    # Before any work: the new manifest will say that the output was made from what those of the inputs name.
    if altered := [fault for folder in folders for fault in folder.altered()]:
        raise DataError(*altered)
    keys = load_keys({source.name: source.public for source in params.ingest.sources})
    shared = {name: getattr(params, name) for name in stage.uses}
    settings = stage.settings(params)
    unwatched = {name: getattr(params, name) for name in stage.unwatched}
    own = settings[stage.name] if stage.sections is None else settings | unwatched
    return Context(stage.name, own, shared, task, keys, folders)


def _manifest(stage: Stage, context: Context, params: Params, tally: Tally) -> dict[str, Any]:
    used = {name: section.effective() for name, section in stage.settings(params).items()}
    return {
        "format": FORMAT,
        "stage": stage.name,
        "inputs": {folder.stage: folder.digest for folder in context.inputs},
        "params": {**context.shared, "task": context.task.name, **used},
        "counts": tally.counts(),
        "reasons": tally.reasons_by_action(),
        "reason_texts": dict(stage.reasons),
        "digests": tally.digests(),
    }


def _given_ids(context: Context) -> Iterator[str]:
    """Ids of the records an artifact stage was given: those of its first input that holds records."""
    for folder in context.inputs:
        if (folder.path / "records.parquet").exists():
            yield from (id for piece in folder.pieces() for id in piece.ids())
            return


def _refuse_empty(stage: Stage, tally: Tally) -> None:
    """A stage that lets nothing through is more likely misconfigured than right."""
    counts = tally.counts()
    if stage.shape == "artifact" or counts["kept"] + counts["created"]:
        return
    by_reason = [f"{n} {reason}" for reasons in tally.reasons_by_action().values() for reason, n in reasons.items()]
    problem = f"no record is left ({', '.join(by_reason) or 'there were no rows at all'})"
    raise DataError(Fault(stage.name, problem, f"look at `{stage.name}` in params.yaml, and at the sources"))


def _publish(stage: Stage, out: Path, report: Mapping[str, Any], files: Sequence[str]) -> None:
    """Write the metrics, and copy what people look at, to `reports/`: only for the project's own folder `data/<stage>`.

    The metrics are the report without its tables, so that `dvc metrics diff` can be read; all of it is in the folder.
    """
    if out.resolve() != (Path("data") / stage.name).resolve():
        return
    write_json(Path("reports") / f"{stage.name}.json", metrics_of(report, stage.headline))
    for name in files:
        beside = Path("reports") / f".{name}.new"
        shutil.copyfile(out / name, beside)
        beside.replace(Path("reports") / name)


def metrics_of(report: Mapping[str, Any], headline: Sequence[str], place: str = "") -> dict[str, Any]:
    """Counts, reasons, and the figures whose dotted path matches a pattern of the headline."""
    found: dict[str, Any] = {}
    for key, value in report.items():
        path = f"{place}{key}"
        if isinstance(value, Mapping):
            inner = metrics_of(value, headline, f"{path}.")
            found |= {key: inner} if inner else {}
        elif path.startswith(("records.", "reasons.")) or any(fnmatchcase(path, pattern) for pattern in headline):
            found[key] = value
    return found


def _summary(tally: Tally) -> str:
    return ", ".join(f"{count} {name}" for name, count in tally.counts().items() if count or name == "in")
