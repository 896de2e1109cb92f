"""Stage folders with invented lineage, as many records as you like, written by the runner's own writer.

An event for every source row, an edit for three records of ten, a duplicate dropped for two of ten, three replaced
pieces of personal data for each record that stays, and then splits, training and predictions.
"""

from __future__ import annotations

import binascii
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stages.core.keys import Keys
from stages.core.storage import FolderWriter, StageFolder, sha256_of, write_json
from stages.core.tables import EVENTS, records_schema
from stages.tasks import load_task

SOURCE = "letters"
_LABELS = ("negative", "neutral", "positive")
_SPANS = 3
_PERSONS = 50_000
_KEYS = Keys(None, frozenset({SOURCE}))
_PREDICTIONS = pa.schema(
    [("id", pa.string()), ("split", pa.string()), ("label", pa.string()), ("answer", pa.string()),
     ("correct", pa.bool_()), ("loss", pa.float64()), ("scores", pa.map_(pa.string(), pa.float64()))]
)  # fmt: skip


def hexes(draw: np.random.Generator, count: int, digits: int) -> NDArray[np.bytes_]:
    """So many random hex strings."""
    return np.frombuffer(binascii.hexlify(draw.bytes(count * digits // 2)), dtype=f"S{digits}").copy()


def strings(values: NDArray[Any]) -> pa.Array:
    """Bytes or numbers as strings of Arrow."""
    return pa.array(values).cast(pa.string())


def joined(*parts: str | pa.Array) -> pa.Array:
    """Strings put together, row by row: what `json.dumps` would make of each row's evidence."""
    return pc.binary_join_element_wise(*parts, "")


def table(ids: pa.Array, action: str, reason: str | pa.Array, evidence: pa.Array, seq: int = 0) -> pa.Table:
    """Rows of `events.parquet`."""
    count = len(ids)
    reasons = pa.repeat(reason, count) if isinstance(reason, str) else reason
    columns = [ids, pa.repeat(pa.scalar(seq, pa.int32()), count), pa.repeat(action, count), reasons, evidence]
    return pa.Table.from_arrays(columns, schema=EVENTS)


@dataclass(frozen=True)
class Corpus:
    """What is invented: ids in order, each record's place in its source, its role, its subject, and values of PII."""

    ids: NDArray[np.bytes_]
    place: NDArray[np.int64]
    kept_as: NDArray[np.int64]
    """Position of the record that a duplicate was dropped for; its own position for one that stays."""
    split: NDArray[np.int64]
    person: NDArray[np.int64]
    persons: NDArray[np.bytes_]
    values: NDArray[np.bytes_]

    @classmethod
    def of(cls, count: int, seed: int = 13) -> Corpus:
        """As many records; a fifth are duplicates."""
        draw = np.random.default_rng(seed)
        position = np.arange(count)
        dropped = draw.random(count) < 0.2
        dropped[0] = False
        stays = position[~dropped]
        kept_as = np.where(dropped, stays[draw.integers(0, max(1, len(stays) // 8), count)], position)
        names = (_KEYS.hash("subject", SOURCE, f"person {number}")[:32] for number in range(_PERSONS))
        return cls(
            ids=np.sort(hexes(draw, count, 20)),
            place=draw.permutation(count) + 2,
            kept_as=kept_as,
            split=np.searchsorted([0.75, 0.85, 1.0], draw.random(count), side="right"),
            person=draw.integers(0, _PERSONS, count),
            persons=np.array([*names], dtype="S32"),
            values=hexes(draw, count, 32),
        )

    def name(self, at: int) -> str:
        """A record's id."""
        return str(self.ids.astype(str)[at])

    @property
    def stays(self) -> NDArray[np.bool_]:
        """Which records are no duplicates."""
        return np.asarray(self.kept_as == np.arange(len(self.ids)))

    def chunks(self, chosen: NDArray[np.bool_] | None = None) -> Iterator[NDArray[np.int64]]:
        """Positions, some at a time, in order."""
        positions = np.arange(len(self.ids)) if chosen is None else np.flatnonzero(chosen)
        for start in range(0, len(positions), 100_000):
            yield positions[start : start + 100_000]


def records(corpus: Corpus, at: NDArray[np.int64], *, split: bool) -> pa.Table:
    """Rows of `records.parquet`."""
    schema = records_schema(load_task("classification").schema)
    count = len(at)
    groups = np.isin(at, corpus.kept_as[~corpus.stays])
    columns: dict[str, Any] = {
        "id": strings(corpus.ids[at]),
        "source": pa.repeat(SOURCE, count),
        "source_row": strings(corpus.place[at]),
        "subject": strings(corpus.persons[corpus.person[at]]),
        "group": pa.array(np.where(groups, corpus.ids[at].astype(str), ""), mask=~groups),
        "split": names_of(("train", "validation", "test"), corpus.split[at]) if split else pa.nulls(count, pa.string()),
        "text": joined("Invented letter number ", strings(corpus.place[at]), " about a delivery that came too late."),
        "label": names_of(_LABELS, corpus.place[at] % 3),
        "language": pa.repeat("en", count),
        "confidence": pa.repeat(1.0, count),
        "attributes": pa.nulls(count, schema.field("attributes").type),
    }
    return pa.table(columns, schema)


def names_of(names: Sequence[str], index: NDArray[np.int64]) -> pa.Array:
    """Names by their index."""
    return pa.array(names).take(pa.array(index))


def ingested(corpus: Corpus) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Events and records of `ingest`."""
    draw = np.random.default_rng(1)
    for at in corpus.chunks():
        content, place = strings(hexes(draw, len(at), 32)), strings(corpus.place[at])
        evidence = joined('{"content": "', content, '", "row": ', place, f', "source": "{SOURCE}"}}')
        yield table(strings(corpus.ids[at]), "create", "created", evidence), records(corpus, at, split=False)


def cleaned(corpus: Corpus) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Events and records of `clean`."""
    for at in corpus.chunks():
        some = at[corpus.place[at] % 10 < 3]
        size = strings(corpus.place[some] % 400 + 90)
        evidence = joined('{"chars_after": ', size, ', "chars_before": ', size, ', "whitespace": 1}')
        yield table(strings(corpus.ids[some]), "edit", "normalised", evidence), records(corpus, at, split=False)


def deduplicated(corpus: Corpus) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Events and records of `deduplicate`."""
    stays = corpus.stays
    groups = np.isin(np.arange(len(stays)), corpus.kept_as[~stays])
    for at in corpus.chunks():
        gone, stand = at[~stays[at]], at[stays[at] & groups[at]]
        of = strings(corpus.ids[corpus.kept_as[gone]])
        dropped = joined('{"compared": 1, "kind": "near", "of": "', of, '", "similarity": 0.866667}')
        sizes = joined('{"size": ', strings(corpus.place[stand] % 9 + 2), "}")
        events = [
            table(strings(corpus.ids[gone]), "drop", "near_duplicate", dropped),
            table(strings(corpus.ids[stand]), "assign", "represents_group", sizes),
        ]
        yield pa.concat_tables(events).sort_by("id"), records(corpus, at[stays[at]], split=False)


def scrubbed(corpus: Corpus) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Events and records of `scrub_pii`."""
    draw = np.random.default_rng(2)
    for at in corpus.chunks(corpus.stays):
        events = []
        for seq in range(_SPANS):
            start, value = (
                40 * seq + draw.integers(0, 20, len(at)),
                corpus.values[draw.integers(0, len(corpus.ids), len(at))],
            )
            end, begin = strings(start + 12), strings(start)
            evidence = joined(
                '{"end": ', end, ', "entity": "PERSON", "field": "text", "operator": "surrogate", "out_end": ', end,
                ', "out_start": ', begin, ', "recognizer": "SpacyRecognizer", "score": 0.85, "start": ', begin,
                ', "value": "', strings(value), '"}',
            )  # fmt: skip
            events.append(table(strings(corpus.ids[at]), "edit", "pii_replaced", evidence, seq))
        order = [("id", "ascending"), ("seq", "ascending")]
        yield pa.concat_tables(events).sort_by(order), records(corpus, at, split=False)


def checked(corpus: Corpus) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Events and records of `check_labels`."""
    for at in corpus.chunks(corpus.stays):
        some = at[corpus.place[at] % 20 == 0]
        rank = strings(corpus.place[some])
        evidence = joined('{"given": "neutral", "margin": 0.15, "rank": ', rank, ', "suggested": "negative"}')
        yield table(strings(corpus.ids[some]), "keep", "suspect_label", evidence), records(corpus, at, split=False)


def dealt(corpus: Corpus) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Events and records of `split`."""
    for at in corpus.chunks(corpus.stays):
        reason = names_of(("train", "validation", "test"), corpus.split[at])
        evidence = joined('{"u": 0.', strings(corpus.place[at] % 900_000 + 100_000), "}")
        yield table(strings(corpus.ids[at]), "assign", reason, evidence), records(corpus, at, split=True)


def tuned(corpus: Corpus) -> Iterator[tuple[pa.Table, None]]:
    """Events of `finetune`."""
    for at in corpus.chunks(corpus.stays & (corpus.split < 2)):
        reason = names_of(("trained_on", "validated_on"), corpus.split[at])
        evidence = joined('{"tokens": ', strings(corpus.place[at] % 90 + 6), ', "truncated": false}')
        yield table(strings(corpus.ids[at]), "assign", reason, evidence), None


def scored(corpus: Corpus) -> NDArray[np.bool_]:
    """Which records `evaluate` scores."""
    some: NDArray[np.bool_] = corpus.stays & ((corpus.split > 0) | (corpus.place % 1000 == 0))
    return some


def evaluated(corpus: Corpus) -> Iterator[tuple[pa.Table, None]]:
    """Events of `evaluate`."""
    for at in corpus.chunks(scored(corpus)):
        reason = names_of(("scored_for_fit", "scored_for_choice", "tested_on"), corpus.split[at])
        evidence = joined('{"correct": true, "loss": 0.', strings(corpus.place[at] % 900_000 + 100_000), "}")
        yield table(strings(corpus.ids[at]), "assign", reason, evidence), None


def predictions(corpus: Corpus) -> pa.Table:
    """`predictions.parquet`."""
    at = np.flatnonzero(scored(corpus))
    right, scores = names_of(_LABELS, corpus.place[at] % 3), [*zip(_LABELS, (0.2, 0.1, 0.7), strict=True)]
    columns = {
        "id": strings(corpus.ids[at]), "split": names_of(("train", "validation", "test"), corpus.split[at]),
        "label": right, "answer": right, "correct": pa.repeat(pa.scalar(True), len(at)),
        "loss": pa.array(corpus.place[at] % 997 / 1000),
        "scores": pa.repeat(pa.scalar(scores, _PREDICTIONS.field("scores").type), len(at)),
    }  # fmt: skip
    return pa.table(columns, _PREDICTIONS)


STAGES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "ingest": (ingested, ()), "clean": (cleaned, ("ingest",)), "deduplicate": (deduplicated, ("clean",)),
    "scrub_pii": (scrubbed, ("deduplicate",)), "check_labels": (checked, ("scrub_pii",)),
    "split": (dealt, ("check_labels",)), "finetune": (tuned, ("split",)),
    "evaluate": (evaluated, ("split", "finetune")),
}  # fmt: skip


def fabricate(data: Path, corpus: Corpus) -> None:
    """Write all stage folders."""
    for stage, (rows, inputs) in STAGES.items():
        write(data, stage, inputs, rows(corpus), predictions(corpus) if stage == "evaluate" else None)


def write(
    data: Path,
    stage: str,
    inputs: Sequence[str],
    rows: Iterator[tuple[pa.Table, pa.Table | None]],
    predicted: pa.Table | None,
) -> None:
    """One stage folder, as the runner writes it."""
    has_records = stage not in ("finetune", "evaluate")
    schema = load_task("classification").schema if has_records else None
    reasons: dict[str, dict[str, int]] = {}
    with FolderWriter(data / stage, schema, in_order=True) as out:
        for events, some in rows:
            out.append(events, some)
            for row in events.group_by(["action", "reason"]).aggregate([([], "count_all")]).to_pylist():
                by = reasons.setdefault(row["action"], {})
                by[row["reason"]] = by.get(row["reason"], 0) + row["count_all"]
        out.finish_tables()
        if predicted is not None:
            pq.write_table(predicted, out.work / "predictions.parquet", compression="zstd")
        for name, content in extras(stage).items():
            write_json(out.work / name, content)
        texts = dict(importlib.import_module(f"stages.{stage}").STAGE.reasons)
        out.finish({
            "format": 1, "stage": stage, "inputs": {name: StageFolder(data / name).digest for name in inputs},
            "params": params(stage), "counts": {}, "reasons": reasons, "reason_texts": texts,
        })  # fmt: skip


def extras(stage: str) -> Mapping[str, Any]:
    """Files beside the tables that a trace reads."""
    digest = sha256_of(Path(__file__))
    files = [{"name": "data/raw/letters.jsonl", "sha256": digest}]
    found: dict[str, Mapping[str, Any]] = {
        "ingest": {"report.json": {"sources": {SOURCE: {"uri": "data/raw/letters.jsonl", "files": files}}}},
        "finetune": {"training.json": {"labels": [*_LABELS]}, "model/model.json": {}},
        "evaluate": {"report.json": {"accuracy": 0.9, "accuracy_low": 0.89, "accuracy_high": 0.91}},
    }
    return found.get(stage, {})


def params(stage: str) -> Mapping[str, Any]:
    """What a manifest says of the params."""
    source = {"name": SOURCE, "uri": "data/raw/letters.jsonl", "public": True, "subject": "customer", "id": None}
    return {"ingest": {"labels": [*_LABELS], "sources": [source]}} if stage == "ingest" else {"task": "classification"}
