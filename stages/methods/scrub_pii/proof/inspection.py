"""Look back over all that was scrubbed: count it, search it for leaks, plant and look for values, rank what remains.

Everything here reads the stage's input, its output and its events by pieces, and most of it runs in worker processes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

from stages.core.engine import Engine
from stages.core.errors import Fault
from stages.core.params import ScrubPiiParams
from stages.core.progress import say
from stages.core.records import Record, Schema
from stages.core.stage import Context, Inspection
from stages.core.storage import Piece, StageFolder
from stages.methods.scrub_pii.detection.findings import normalised
from stages.methods.scrub_pii.proof.check import Scrubbed, count_spans
from stages.methods.scrub_pii.proof.leaks import Find, Inspector, Look, leak_faults, leak_report
from stages.methods.scrub_pii.proof.probe import (
    Donor,
    Prober,
    choose_donors,
    in_batches,
    lowest,
    not_invented,
    plan_probe,
    recall_faults,
    recall_report,
)
from stages.methods.scrub_pii.proof.risk import Facts, Ranker, Ranking, Totals, risk_report, survey
from stages.methods.scrub_pii.proof.value_search import ValueSearch
from stages.methods.scrub_pii.replacement.replacements import ALLOWED

Evidence: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""The evidence of the spans of some records, by id."""
Portion: TypeAlias = tuple[Piece, Evidence]
_SEED = 0
"""Of the probe; not the params' `seed`, so that another seed of the training leaves the scrubbed data as they are."""
_STAYS = (ALLOWED, "keep")
_OWN_COLUMNS = ("source", "language", "confidence")


def inspected(context: Context, folder: StageFolder, engine: Engine, find: Find) -> Inspection:
    """The report's facts about the output in `folder`, and the faults for which it must not be used.

    `find(texts, languages)` is the detector, importable by name or a partial of what is.
    """
    params: ScrubPiiParams = context.params
    look, totals, languages = _look(context, folder, engine, find)
    rank = _Rank(context.task.schema, params, totals.ranker())
    ranking = sum(engine.map(rank, _portions(folder, folder)), Ranking())
    probe = _probe(context, engine, find)
    spans = ((id, one) for _, some in _portions(folder, folder) for id, events in some.items() for one in events)
    counted = count_spans(spans)
    facts = {
        **counted,
        "share_touched": round(counted["records_touched"] / max(look.records, 1), 4),
        "languages": dict(sorted(languages.items())),
        "without_model": {one: count for one, count in sorted(languages.items()) if one not in params.ner},
        "leaks": leak_report(look),
        "probe": probe,
        "risk": risk_report(totals, ranking, params.quasi_identifiers),
    }
    if missing := facts["without_model"]:
        rows = ", ".join(f"{count} in {language}" for language, count in missing.items())
        say(f"scrub_pii: no model for names in `scrub_pii.ner` ({rows}): only patterns and lists looked there")
    gate = recall_faults(probe, params.min_recall) if params.probe and params.min_recall else []
    return Inspection(facts, [*leak_faults(look, params.fail_on_leak), *gate])


def column_faults(schema: Schema, columns: Iterable[str]) -> list[Fault]:
    """What is wrong with `scrub_pii.quasi_identifiers`."""
    known = [*_OWN_COLUMNS, *(column.name for column in schema.of_kind("label", "labels"))]
    if unknown := [name for name in columns if name not in known]:
        problem = f"unknown: {', '.join(unknown)}"
        return [Fault("scrub_pii.quasi_identifiers", problem, f"known columns: {', '.join(known)}")]
    return []


def _look(context: Context, folder: StageFolder, engine: Engine, find: Find) -> tuple[Look, Totals, Counter[str]]:
    """What is seen in the output, the totals over all records, and the records by language."""
    params: ScrubPiiParams = context.params
    allowed = {normalised(value) for value in params.allow}
    read = _ReadValues(context.task.schema)
    found = engine.map(read, _portions(context.inputs[0], folder))
    values = ValueSearch(sorted(set(chain.from_iterable(found))))
    inspector = Inspector.of(values, params.entities, allowed, params.recheck, find)
    say(f"scrub_pii: searching the output for {len(values)} values, and for what the detector finds in it")
    look, totals, languages = Look(), Totals(), Counter[str]()
    for seen in engine.map(_LookBack(context.task.schema, params, inspector), _portions(folder, folder)):
        look += seen.look
        totals.add(seen.facts)
        languages.update(seen.languages)
    return look, totals, languages


def _probe(context: Context, engine: Engine, find: Find) -> dict[str, Any]:
    """Recall on planted values; what stands in a report where the probe is off."""
    params: ScrubPiiParams = context.params
    wanted = [entity for entity, operator in params.entities.items() if operator != "keep"]
    if not params.probe:
        return recall_report((), sorted(wanted))
    choose = _ChooseDonors(context.task.schema, params)
    donors = lowest(chain.from_iterable(engine.map(choose, context.inputs[0].pieces())), params.probe)
    plants = plan_probe(donors, wanted, params.probe, _SEED, params.regions)
    say(f"scrub_pii: planting {params.probe} values of each entity in copies of {len(donors)} texts")
    outcomes = chain.from_iterable(engine.map(Prober(find), in_batches(plants)))
    return recall_report(outcomes, not_invented(wanted))


def _portions(records: StageFolder, events: StageFolder) -> Iterator[Portion]:
    """Records by place, with the evidence of their spans."""
    for piece, evidence in events.with_evidence(records.pieces()):
        yield piece, {id: [one for one in some if "operator" in one] for id, some in evidence.items()}


@dataclass(frozen=True)
class _ReadValues:
    """The values that were replaced, as they stand in the stage's input; travels to worker processes."""

    schema: Schema

    def __call__(self, portion: Portion) -> set[tuple[str, str]]:
        """Pairs of entity and value."""
        piece, evidence = portion
        return {
            (one["entity"], texts[one["field"]][one["start"] : one["end"]])
            for record in piece.records(self.schema)
            if (texts := record.texts())
            for one in evidence.get(record.id, ())
            if one["operator"] not in _STAYS
        }


@dataclass(frozen=True)
class _Seen:
    look: Look
    facts: Facts
    languages: Counter[str]


@dataclass(frozen=True)
class _LookBack:
    """Looks at some of the output in every way; travels to worker processes."""

    schema: Schema
    params: ScrubPiiParams
    inspector: Inspector

    def __call__(self, portion: Portion) -> _Seen:
        records = _scrubbed(portion, self.schema, self.params)
        return _Seen(self.inspector(records), survey(records), Counter(record.language for record in records))


@dataclass(frozen=True)
class _Rank:
    """Ranks some of the output by what is rare in it; travels to worker processes."""

    schema: Schema
    params: ScrubPiiParams
    ranker: Ranker

    def __call__(self, portion: Portion) -> Ranking:
        return self.ranker(_scrubbed(portion, self.schema, self.params))


@dataclass(frozen=True)
class _ChooseDonors:
    """Chooses, among some of the input's texts, where values are planted; travels to worker processes."""

    schema: Schema
    params: ScrubPiiParams

    def __call__(self, piece: Piece) -> list[Donor]:
        texts = (
            (f"{record.id}/{path}", record.language or self.params.language, text)
            for record in piece.records(self.schema)
            for path, text in record.texts().items()
        )
        return choose_donors(texts, self.params.probe, _SEED)


def _scrubbed(portion: Portion, schema: Schema, params: ScrubPiiParams) -> list[Scrubbed]:
    piece, evidence = portion
    return [_as_scrubbed(record, evidence.get(record.id, ()), params) for record in piece.records(schema)]


def _as_scrubbed(record: Record, events: Sequence[Mapping[str, Any]], params: ScrubPiiParams) -> Scrubbed:
    replaced: dict[str, list[tuple[int, int]]] = defaultdict(list)
    spared: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for one in events:
        stretches = spared if one["operator"] in _STAYS else replaced
        stretches[one["field"]].append((one["out_start"], one["out_end"]))
    columns = {name: _column(record, name) for name in params.quasi_identifiers}
    entities = sorted({one["entity"] for one in events})
    language = record.language or params.language
    return Scrubbed(record.id, record.texts(), replaced, spared, entities, language, columns)


def _column(record: Record, name: str) -> Any:
    return getattr(record, name) if name in _OWN_COLUMNS else record.values[name]
