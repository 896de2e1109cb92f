"""Keep one of each group of exact or near duplicates; the group stays known.

in:  data/clean         records with tidy texts
out: data/deduplicate   the records that stay; `group` is a record's own id where it stands for others
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from stages.core.engine import Engine
from stages.core.params import DeduplicateParams
from stages.core.records import Decision, Event, Record, drop, edit, keep
from stages.core.stage import Context, set_stage
from stages.core.storage import StageFolder
from stages.core.task import Task
from stages.methods.deduplicate.groups import Fact, Verdict, blocks, closest, exact_survivors, tied, verdicts
from stages.methods.deduplicate.minhash import banding
from stages.methods.deduplicate.near import Comparable, LongTexts, Nearest, bucket_keys, comparables, long_texts
from stages.methods.deduplicate.shingles import digest
from stages.methods.deduplicate.summary import summary

REASONS = {
    "exact_duplicate": "its texts equal those of a kept record, but for case, spaces and punctuation",
    "near_duplicate": "a kept record shares enough of its word sequences",
    "represents_group": "kept for itself and for its duplicates",
    "below_threshold": "was compared with similar records, and is not similar enough to any kept one",
}
BLOCK = 2**26
"""Words held for comparison at once: 512 MiB of shingles, 8 bytes each. More candidates take more passes."""


@dataclass(frozen=True)
class Look:
    """Facts about a batch of records, and their (bucket key, id) pairs; runs in worker processes."""

    task: Task
    params: DeduplicateParams

    def __call__(self, records: Sequence[Record]) -> tuple[list[Fact], list[tuple[int, str]]]:
        """No text leaves this function."""
        texts = [_long_texts(record, self.params) for record in records]
        facts = [
            Fact(record.id, digest([*record.texts().values()]), record.length, long.size, self.task.targets(record))
            for record, long in zip(records, texts, strict=True)
        ]
        if not self.params.near:
            return facts, []
        chosen, keys = bucket_keys(texts, self.params.ngram, banding(self.params.threshold, self.params.recall))
        pairs = [(key, facts[i].id) for i, row in zip(chosen, keys.tolist(), strict=True) for key in row]
        return facts, pairs


def read(records: Sequence[Record], params: DeduplicateParams) -> list[tuple[str, Comparable]]:
    """What exact comparison needs of the candidates among a batch of records, by id."""
    found = comparables([_long_texts(record, params) for record in records], params.ngram)
    return list(zip([record.id for record in records], found, strict=True))


def _long_texts(record: Record, params: DeduplicateParams) -> LongTexts:
    return long_texts(record.texts(), max(params.min_words, params.ngram))


def survey(context: Context, engine: Engine, scratch: Path) -> dict[str, Verdict]:
    """Verdicts on the records that have duplicates or were compared.

    One pass over the texts gives digests and bucket keys; another reads those that LSH proposes, for exact comparison.
    """
    params: DeduplicateParams = context.params
    facts: list[Fact] = []
    looks = engine.map(Look(context.task, params), context.input().batches(context.task.schema))
    buckets = {tuple(ids) for ids in engine.group(_pairs(looks, facts), scratch)}
    facts.sort(key=lambda fact: fact.id)
    survivors = exact_survivors(facts) if params.exact else list(range(len(facts)))
    nearest: dict[int, Nearest] = {}
    for block in blocks(facts, tied(facts, survivors, buckets), BLOCK):
        wanted = {facts[i].id for tie in block for i in tie.positions}
        batches = context.input().batches(context.task.schema)
        candidates = ([record for record in batch if record.id in wanted] for batch in batches)
        held = dict(pair for some in engine.map(partial(read, params=params), candidates) for pair in some)
        nearest.update(closest(facts, block, held, params.threshold, engine))
    return verdicts(facts, survivors, nearest, params.threshold)


def _pairs(
    looks: Iterable[tuple[list[Fact], list[tuple[int, str]]]], facts: list[Fact]
) -> Iterator[list[tuple[int, str]]]:
    """Hands the pairs on and keeps the facts."""
    for some, pairs in looks:
        facts += some
        yield pairs


def decide(record: Record, _: DeduplicateParams, verdict: Verdict | None) -> Decision:
    """Drop a duplicate, naming the record that is kept for it; say of a kept one how many it stands for."""
    if verdict is None:
        return keep(replace(record, group=None))
    seen = {"similarity": verdict.similarity, **({"compared": verdict.compared} if verdict.compared else {})}
    if verdict.of is not None:
        conflict = {"label_conflict": True} if verdict.label_conflict else {}
        return drop(record, f"{verdict.kind}_duplicate", of=verdict.of, kind=verdict.kind, **seen, **conflict)
    group = record.id if verdict.size > 1 else None
    events = [Event("assign", "represents_group", {"size": verdict.size})] if group else []
    if verdict.nearest is not None:
        events.append(Event("keep", "below_threshold", {"nearest": verdict.nearest, **seen}))
    return edit(replace(record, group=group), events)


def report(context: Context, folder: StageFolder) -> Mapping[str, Any]:
    """Duplicates by kind, groups by size, similarities, and what LSH is expected to miss."""
    events = folder.table("events.parquet", ["id", "action", "evidence"]).to_pylist()
    sources = context.input().table(columns=["id", "source"])
    source_of = dict(zip(sources["id"].to_pylist(), sources["source"].to_pylist(), strict=True))
    stories = ((event["id"], event["action"], json.loads(event["evidence"])) for event in events)
    params: DeduplicateParams = context.params
    cut = banding(params.threshold, params.recall)
    missed = round(1 - cut.proposes(params.threshold), 6)
    lsh = {"bands": cut.bands, "rows": cut.rows, "expected_miss_rate_at_threshold": missed} if params.near else None
    return {**summary(stories, source_of), "lsh": lsh}


HEADLINE = ("duplicates.*", "label_conflicts", "largest_group")
STAGE = set_stage("deduplicate", survey, decide, reasons=REASONS, report=report, headline=HEADLINE)
