"""Find personal data in the texts of each record, replace it, and measure what was missed.

in:  data/deduplicate         records of which one stands for each group
     data/decisions/pii.csv   what people decided about values that were found or missed
out: data/scrub_pii           same ids, personal data replaced; label spans and answers moved along
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

from stages.core.decisions import read_pii_decisions
from stages.core.engine import Engine
from stages.core.errors import DataError, Fault
from stages.core.params import ScrubPiiParams
from stages.core.records import Decision, Event, Record, drop, edit
from stages.core.spans import SpanCut, TextEdit
from stages.core.stage import Context, Inspection, record_stage
from stages.core.storage import StageFolder
from stages.methods.scrub_pii.detection.cached import find_cached
from stages.methods.scrub_pii.detection.detect import make_detector
from stages.methods.scrub_pii.proof.inspection import column_faults, inspected
from stages.methods.scrub_pii.replacement.operators import operator_faults
from stages.methods.scrub_pii.replacement.replacements import ALLOWED, Replacement, Replacer

REASONS = {
    "pii_replaced": "personal data was replaced as `scrub_pii.entities` says",
    "pii_kept": "personal data was found, and stays because its operator is `keep`",
    "pii_allowed": "looks like personal data, and stays because `scrub_pii.allow` or a reviewer says it is none",
    "pii_unmoved": "a year or a time of day that stays as it is when the dates around it move (operator `shift`)",
    "span_cut": "a replacement would have covered a label's span or an answer in part; the record was dropped",
}


def prepare(records: Sequence[Record], context: Context) -> list[list[Replacement]]:
    """For each record, what is to be replaced and by what. Raises UsageError for params that cannot be met."""
    params: ScrubPiiParams = context.params
    faults = operator_faults(params.entities, params.patterns)
    if faults := [*faults, *column_faults(context.task.schema, params.quasi_identifiers)]:
        make_detector(params, faults)  # names these and its own
    texts = [record.texts() for record in records]
    languages = [record.language for record in records for _ in record.texts()]
    found = iter(
        find_cached([*chain.from_iterable(one.values() for one in texts)], languages, params=params, keys=context.keys)
    )
    replacer = Replacer(params, context.keys, read_pii_decisions())
    return [
        replacer.of(record, {path: next(found) for path in paths}) for record, paths in zip(records, texts, strict=True)
    ]


def decide(record: Record, params: ScrubPiiParams, replacements: Sequence[Replacement]) -> Decision:
    """The record with its replacements made, and an event for each."""
    edits: dict[str, list[TextEdit]] = defaultdict(list)
    for one in replacements:
        if one.new is not None:
            edits[one.field].append(TextEdit(one.place.start, one.place.end, one.new))
    try:
        scrubbed = record.with_edits(edits)
    except SpanCut as cut:
        if params.on_cut_span == "drop":
            return drop(record, "span_cut", start=cut.edit.start, end=cut.edit.end, span=list(cut.span))
        problem = f"replacing characters {cut.edit.start} to {cut.edit.end} would cut a label's span"
        step = "correct the span in the source, or set scrub_pii.on_cut_span to drop"
        raise DataError(Fault(f"record {record.id}", problem, step)) from None
    return edit(scrubbed, list(_events(replacements, params)))


def _events(replacements: Sequence[Replacement], params: ScrubPiiParams) -> Iterator[Event]:
    """An event for each: offsets `start` and `end` in the text as it was, `out_start` and `out_end` as it is now."""
    moved: dict[str, int] = defaultdict(int)
    for one in replacements:
        best, place = one.place.best, one.place
        evidence = {"field": one.field, "start": place.start, "end": place.end, "entity": best.entity}
        evidence |= {"score": best.score, "recognizer": best.recognizer, "operator": one.operator, "value": one.value}
        start = place.start + moved[one.field]
        moved[one.field] += 0 if one.new is None else len(one.new) - (place.end - place.start)
        evidence |= {"out_start": start, "out_end": place.end + moved[one.field]}
        if one.new is None:
            kept = "pii_kept" if params.entities[best.entity] == "keep" else "pii_unmoved"
            yield Event("keep", "pii_allowed" if one.operator == ALLOWED else kept, evidence)
        else:
            yield Event("edit", "pii_replaced", evidence)


def inspect(context: Context, folder: StageFolder, engine: Engine) -> Inspection:
    """What was found, what leaked, how much of what was planted is found, and what could still single a person out."""
    find = partial(find_cached, params=context.params, keys=context.keys)
    return inspected(context, folder, engine, find)


HEADLINE = (
    "records_touched", "share_touched", "leaks.*.found", "probe.entities.*.recall", "probe.entities.*.low",
    "risk.k_anonymity.k",
)  # fmt: skip
STAGE = record_stage("scrub_pii", decide, reasons=REASONS, prepare=prepare, inspect=inspect, headline=HEADLINE)
