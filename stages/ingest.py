"""Source rows become records with stable ids; what cannot be read is quarantined, not lost.

in:  the files that `ingest.sources` in params.yaml names, and data/erasure.csv
out: data/ingest   a record a row, and an event for every row, also for those that became none
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.core.erasure import Erasures, read_erasures
from stages.core.params import Source
from stages.core.records import Decision, drop_row
from stages.core.rows import FileRow
from stages.core.sources import SourceFile, digests, find_files
from stages.core.stage import Context, create_stage
from stages.core.storage import StageFolder
from stages.methods.ingest.quarantine import READ, check_quarantine
from stages.methods.ingest.row_ids import RowIds
from stages.methods.ingest.row_record import decide_row
from stages.methods.ingest.sampling import draw, largest_draws
from stages.methods.ingest.source_rows import source_rows
from stages.methods.ingest.summary import label_counts, rows_by_outcome

REASONS = {
    "created": "the row became a record",
    "created_with_replacements": "the row became a record; U+FFFD stands for bytes that do not fit the encoding",
    "not_sampled": "left out by `ingest.limit`, or by the `limit` of its source",
    "erased": "the record or its subject is on the erasure list",
    "bad_encoding": "the row holds bytes that do not fit the source's encoding",
    "malformed_row": "the row cannot be told apart into columns",
    "too_long": "the row has more characters than `ingest.max_chars`, or its line is too long to read",
    "missing_id": "the row has no key in the column that `id` names",
    "duplicate_key": "an earlier row of the source has the same key",
    "missing_field": "a column the task needs is empty",
    "wrong_type": "a column holds another type of value than the task needs",
    "empty_text": "the text is blank",
    "missing_label": "the label is blank",
    "unknown_label": "the label is not among `ingest.labels`",
    "misplaced_span": "a labelled span is empty, outside the text, or overlaps another",
    "misplaced_answer": "an answer's text does not stand at its place in the context",
    "unknown_role": "a turn of the conversation has a role that is not known",
    "no_reply": "the conversation does not end with a reply to learn from",
    "bad_attribute": "a column in `attributes` or `annotators` holds text instead of a short code",
}
_PLACE = ("source", "file", "row")
"""Evidence that says where in the source a row stands."""


def ingest(context: Context) -> Iterator[Decision]:
    """One decision for each row of each source.

    `limit` takes the records with the smallest hashes of (seed, id), over all sources: exactly so many, in whatever
    order rows come, and a row that is added or removed moves at most one other. To find the largest hash that is taken
    the sources are read twice. An erased record keeps its place in that choice: an erasure lets no other row in.
    """
    files = find_files(context.params.sources)
    erasures = read_erasures()
    bounds: Mapping[str, int] = {}
    limits = {source.name: source.limit for source in context.params.sources if source.limit is not None}
    if limits or context.params.limit is not None:
        ids = ((one.record.source, one.id) for one in read_sources(context, files) if one.record)
        bounds = largest_draws(context.seed, context.params.limit, limits, ids)
    for decision in read_sources(context, files):
        yield settle(decision, erasures, bounds, context.seed)


def settle(decision: Decision, erasures: Erasures, bounds: Mapping[str, int], seed: int) -> Decision:
    """What becomes of a row that could be a record: erasure comes before sampling."""
    record = decision.record
    if record is None:
        return decision
    place = {name: decision.events[0].evidence[name] for name in _PLACE if name in decision.events[0].evidence}
    if kind := erasures.kind(record.id, record.subject):
        return drop_row(record.id, "erased", **place, kind=kind)
    if record.source in bounds and draw(seed, record.id) > bounds[record.source]:
        return drop_row(record.id, "not_sampled", **place)
    return decision


def read_sources(context: Context, files: Sequence[SourceFile]) -> Iterator[Decision]:
    """A decision for each row: created or quarantined. Raises DataError when too many rows were quarantined."""
    counts: dict[str, Counter[str]] = {}
    for source in context.params.sources:
        count = counts[source.name] = Counter()
        ids = RowIds(context.keys, source.name, source.id)
        for row in _rows(source, files, context):
            decision = decide_row(row, source, ids, context)
            count[READ if decision.record else decision.events[0].reason] += 1
            yield decision
    check_quarantine(counts, context.params.max_quarantine_share)


def _rows(source: Source, files: Sequence[SourceFile], context: Context) -> Iterator[FileRow]:
    named = {name for name in (source.id, source.subject, source.confidence) if name}
    named |= {*source.attributes, *source.annotators, *source.fields.values()}
    layouts = [{*named, *(set(layout) - source.fields.keys())} for layout in context.task.layouts]
    return source_rows(source, files, context.params.max_chars, layouts)


def report(context: Context, folder: StageFolder) -> dict[str, Any]:
    """Each source: its terms, the digests of its files, and what became of its rows."""
    column = next((column.name for column in context.task.schema.of_kind("label", "labels")), None)
    names = ["source", "subject", "confidence", *([column] if column else [])]
    counts = rows_by_outcome(folder.tables("events.parquet", ["action", "reason", "evidence"]))
    labels = label_counts(folder.table(columns=names), column)
    hashes = digests(find_files(context.params.sources))
    sources = {
        source.name: {
            **source.model_dump(include={"uri", "license", "public"}),
            "files": [{"name": name, "sha256": digest} for name, digest in hashes.get(source.name, {}).items()],
            **counts[source.name],
            **labels.get(source.name, {}),
        }
        for source in context.params.sources
    }
    return {"sources": sources, "erasures_listed": len(read_erasures())}


STAGE = create_stage("ingest", ingest, reasons=REASONS, uses=("seed",), report=report)
