"""Keep one of each group of exact or near duplicates; the group stays known. Drop what an evaluation set holds.

in:  data/clean         records with tidy texts
out: data/deduplicate   the records that stay; `group` is a record's own id where it stands for others
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.cache import Cache
from stages.core.engine import Engine
from stages.core.params import DeduplicateParams
from stages.core.records import Decision, Event, Record, drop, edit, keep
from stages.core.stage import Context, Verdicts, set_stage
from stages.core.storage import StageFolder
from stages.methods.check_labels.embeddings import SCALE, Encoder, embed
from stages.methods.deduplicate.contamination import Leak
from stages.methods.deduplicate.evaluation_sets import evaluation_index
from stages.methods.deduplicate.minhash import banding
from stages.methods.deduplicate.planting import measure, plant
from stages.methods.deduplicate.search import Search
from stages.methods.deduplicate.semantic import Vectors
from stages.methods.deduplicate.summary import summary
from stages.methods.deduplicate.verdicts import Verdict, verdicts

REASONS = {
    "exact_duplicate": "its texts equal those of a kept record, but for case, spaces and punctuation",
    "near_duplicate": "a kept record shares `deduplicate.threshold` of its word sequences or more",
    "edit_duplicate": "a kept record's text differs in `deduplicate.edits` characters at most",
    "semantic_duplicate": "a kept record's embedding is as similar as `deduplicate.semantic` or more",
    "in_evaluation_set": "it equals a row of a set in `deduplicate.against`, or holds enough of its word sequences",
    "represents_group": "kept for itself and for its duplicates",
    "below_threshold": "was compared with similar records, and is not similar enough to any kept one",
}


def survey(context: Context, engine: Engine, scratch: Path) -> Verdicts:
    """Verdicts on the records that have duplicates, were compared, or leak from an evaluation set.

    One pass over the texts gives digests and bucket keys; another reads those that LSH proposes, for exact comparison.
    """
    params: DeduplicateParams = context.params
    ids = context.input().table(columns=["id"])["id"].to_pylist()
    real = Search(engine, context.task, params, [*context.input().pieces()])
    plants = plant(real, ids, params.probe if params.near else 0)
    search = replace(real, batches=[*real.batches, plants.batch] if plants.parents else real.batches)
    if params.semantic is not None:
        search = replace(search, vectors=_embeddings(context, search))
    index = evaluation_index(params.against, context.task.schema, params.against_ngram, params.against_overlap)
    facts, leaks, buckets = search.look(index, scratch)
    usable = np.arange(len(facts)) < len(ids)
    usable[[*leaks]] = False
    found = search.run(facts, buckets, usable)
    leaking = {ids[position]: leak for position, leak in leaks.items() if position < len(ids)}
    measured = {"probe": measure(search, plants, facts, buckets, usable, found)} if plants.parents else {}
    return Verdicts({**dict(verdicts(facts, found.survivors, found.nearest, ids)), **leaking}, measured)


def _embeddings(context: Context, search: Search) -> Vectors:
    """Embeddings of all records, made-up ones included, as 16-bit integers: 2 bytes times the encoder's dimensions.

    A record has one for each column of texts: in a single text, a context in common would drown the question.
    """
    encoder = Encoder(context.params.semantic_model, context.params.semantic_tokens, "deduplicate.semantic_model")
    records = (record for batch in search.batches for record in batch.records(context.task.schema))
    named = ((record.source, text) for record in records for text in record.texts_by_column())
    texts = ((context.keys.hash("embedding", source, text), text) for source, text in named)
    vectors = embed(encoder, texts, Cache(f"embeddings-{encoder.digest()}"), search.engine.map)
    columns = len(context.task.schema.of_kind("text", "messages"))
    return np.rint(vectors * SCALE).astype(np.int16).reshape(len(vectors) // columns, columns, vectors.shape[1])


def decide(record: Record, _: DeduplicateParams, verdict: Verdict | Leak | None) -> Decision:
    """Drop a duplicate, naming the record that is kept for it; say of a kept one how many it stands for."""
    if verdict is None:
        return keep(replace(record, group=None))
    if isinstance(verdict, Leak):
        return drop(record, "in_evaluation_set", against=verdict.set_name, row=verdict.row, overlap=verdict.overlap)
    seen = {"similarity": verdict.similarity, **({"compared": verdict.compared} if verdict.compared else {})}
    if verdict.of is not None:
        conflict = {"label_conflict": True} if verdict.label_conflict else {}
        return drop(record, f"{verdict.kind}_duplicate", of=verdict.of, kind=verdict.kind, **seen, **conflict)
    group = record.id if verdict.size > 1 else None
    events = [Event("assign", "represents_group", {"size": verdict.size})] if group else []
    if verdict.nearest is not None:
        events.append(Event("keep", "below_threshold", {"nearest": verdict.nearest, "kind": verdict.kind, **seen}))
    return edit(replace(record, group=group), events)


def report(context: Context, folder: StageFolder) -> Mapping[str, Any]:
    """Duplicates by kind, groups by size, similarities, leaks, and what LSH is expected to miss."""
    params: DeduplicateParams = context.params
    records = context.input().table(columns=["id", "source"])
    given = {row["values"]: row["counts"] for row in records["source"].value_counts().to_pylist()}
    cut = banding(params.threshold, params.recall)
    missed = round(1 - cut.proposes(params.threshold), 6)
    lsh = {"bands": cut.bands, "rows": cut.rows, "expected_miss_rate_at_threshold": missed} if params.near else None
    return {**summary(_stories(folder, records), given), "lsh": lsh}


def _stories(folder: StageFolder, records: Any) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(source of the record, action, evidence) of each event."""
    import pyarrow.compute as pc

    for batch in folder.table("events.parquet", ["id", "action", "evidence"]).to_batches():
        sources = records["source"].take(pc.index_in(batch["id"], records["id"])).to_pylist()
        for source, event in zip(sources, batch.to_pylist(), strict=True):
            yield source, event["action"], json.loads(event["evidence"])


HEADLINE = ("duplicates.*", "label_conflicts", "largest_group", "probe.recall*", "probe.missed", "probe.pairs")
STAGE = set_stage("deduplicate", survey, decide, reasons=REASONS, report=report, headline=HEADLINE)
