"""Find personal data in the texts of each record, and replace it.

in:  data/deduplicate   records of which one stands for each group
out: data/scrub_pii     same ids, personal data replaced; label spans and answers moved along
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.errors import DataError, Fault
from stages.core.params import ScrubPiiParams
from stages.core.records import Decision, Event, Record, drop, edit
from stages.core.spans import SpanCut, TextEdit
from stages.core.stage import Context, record_stage
from stages.core.storage import StageFolder
from stages.methods.scrub_pii.check import CHECKED, count_spans, survivors
from stages.methods.scrub_pii.detect import Finding, make_detector
from stages.methods.scrub_pii.replace import operator_faults, replacement
from stages.methods.scrub_pii.resolve import Place, normalised, resolve, spread_names, without_exceptions

REASONS = {
    "pii_replaced": "personal data was replaced as `scrub_pii.entities` says",
    "pii_kept": "personal data was found, and stays because its operator is `keep`",
    "span_cut": "a replacement would have covered a label's span or an answer in part; the record was dropped",
}


@dataclass(frozen=True, slots=True)
class Replacement:
    """A place in the text at `field`, what goes there, and the keyed hash of what stood there."""

    field: str
    place: Place
    new: str
    value: str


def prepare(records: Sequence[Record], context: Context) -> list[list[Replacement]]:
    """For each record, what is to be replaced and by what. Raises UsageError for params that cannot be met."""
    detector = make_detector(context.params, operator_faults(context.params.entities))
    allowed = {normalised(value) for value in context.params.allow}
    found = iter(detector.find([text for record in records for text in record.texts().values()]))
    return [
        [
            _replacement(record, path, place, context)
            for path, findings in spread_names(record.texts(), {path: next(found) for path in record.texts()}).items()
            for place in _places(record.texts()[path], findings, context.params, allowed)
        ]
        for record in records
    ]


def _places(text: str, findings: Sequence[Finding], params: ScrubPiiParams, allowed: Collection[str]) -> list[Place]:
    kept = [entity for entity, operator in params.entities.items() if operator == "keep"]
    return resolve(without_exceptions(text, findings, allowed, params.entities), kept)


def _replacement(record: Record, path: str, place: Place, context: Context) -> Replacement:
    """Surrogate and hash follow from the value of the surest finding, however far the place reaches beyond it."""
    entity, value = place.best.entity, record.texts()[path][place.best.start : place.best.end]
    name = f"{entity}|{normalised(value)}"
    number = context.keys.number("pii-surrogate", record.source, name)
    new = replacement(context.params.entities[entity], entity, value, number)
    return Replacement(path, place, new, context.keys.hash("pii-value", record.source, name)[:32])


def decide(record: Record, params: ScrubPiiParams, replacements: Sequence[Replacement]) -> Decision:
    """The record with its replacements made, and an event for each."""
    edits: dict[str, list[TextEdit]] = defaultdict(list)
    for one in replacements:
        if params.entities[one.place.best.entity] != "keep":
            edits[one.field].append(TextEdit(one.place.start, one.place.end, one.new))
    try:
        scrubbed = record.with_edits(edits)
    except SpanCut as cut:
        if params.on_cut_span == "drop":
            return drop(record, "span_cut", start=cut.edit.start, end=cut.edit.end, span=list(cut.span))
        problem = f"replacing characters {cut.edit.start} to {cut.edit.end} would cut a label's span"
        step = "correct the span in the source, or set scrub_pii.on_cut_span to drop"
        raise DataError(Fault(f"record {record.id}", problem, step)) from None
    return edit(scrubbed, [_event(one, params.entities[one.place.best.entity]) for one in replacements])


def _event(one: Replacement, operator: str) -> Event:
    best, place = one.place.best, one.place
    evidence = {"field": one.field, "start": place.start, "end": place.end, "entity": best.entity, "score": best.score}
    evidence |= {"recognizer": best.recognizer, "operator": operator, "value": one.value}
    return Event("keep", "pii_kept", evidence) if operator == "keep" else Event("edit", "pii_replaced", evidence)


def report(context: Context, folder: StageFolder) -> dict[str, Any]:
    """Spans by entity and operator, records touched, and what a second look at the output still finds."""
    params: ScrubPiiParams = context.params
    batches = folder.table("events.parquet", ["id", "evidence"]).to_batches(4096)
    events = ((row["id"], json.loads(row["evidence"])) for batch in batches for row in batch.to_pylist())
    counts = count_spans((id, evidence) for id, evidence in events if "operator" in evidence)
    looked_for = [entity for entity in CHECKED if params.entities.get(entity, "keep") != "keep"]
    allowed = {normalised(value) for value in params.allow}
    leaks, languages = Counter(dict.fromkeys(looked_for, 0)), Counter[str]()
    for record in folder.records(context.task.schema):
        languages[record.language or params.language] += 1
        for text in record.texts().values():
            leaks.update(survivors(text, looked_for, allowed))
    del languages[params.language]  # in the others the model for names guesses, and only the patterns can be trusted
    return {
        **counts,
        "share_touched": round(counts["records_touched"] / max(len(folder), 1), 4),
        "other_languages": dict(sorted(languages.items())),
        "leaks": dict(leaks),
    }


HEADLINE = ("records_touched", "share_touched", "leaks.*")
STAGE = record_stage("scrub_pii", decide, reasons=REASONS, prepare=prepare, report=report, headline=HEADLINE)
