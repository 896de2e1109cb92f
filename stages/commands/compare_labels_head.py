"""The quick way of `rowtrail compare labels`: heads on frozen embeddings, each on a resample of the training rows."""

from __future__ import annotations

import numpy as np

from stages.commands.compare_labels_rows import Rows
from stages.core.cache import Cache
from stages.core.doubts import Vectors
from stages.core.keys import load_keys
from stages.core.params import Params
from stages.core.progress import track
from stages.core.records import Record
from stages.core.task import Task
from stages.methods.check_labels.embeddings import Encoder, embed
from stages.methods.check_labels.policy.policy_effect import Head, times_drawn
from stages.methods.check_labels.views import Floats


def qualities(params: Params, task: Task, rows: Rows, seeds: int) -> tuple[dict[str, Floats], str]:
    """How good each answer is, of shape (seeds, test rows) for each policy, and what that is called."""
    ids = [*rows.train]
    chosen = {*ids}
    learned = _vectors(params, [one for one in rows.source.records(task.schema) if one.id in chosen])
    asked = (_vectors(params, rows.test), rows.test)
    head = Head(rows.labels, several=bool(task.schema.of_kind("labels")))
    found: dict[str, list[list[float]]] = {arm.name: [] for arm in rows.arms}
    measure = ""
    work = [(seed, place) for seed in range(seeds) for place in range(len(rows.arms))]
    for seed, place in track(work, "training", len(work)):
        under = [each[place] for each in rows.train.values()]
        times = times_drawn(ids, params.seed + seed) * [labels is not None for labels in under]
        drawn = np.repeat(np.arange(len(ids)), times)
        labels = [own for at in drawn if (own := under[at]) is not None]
        scores = task.score(rows.test, head.answers((learned[drawn], labels), asked), 1, 0)
        found[rows.arms[place].name].append([*scores.quality])
        measure = scores.measure
    return {name: np.array(some) for name, some in found.items()}, measure


def _vectors(params: Params, records: list[Record]) -> Vectors:
    """Embeddings as `check_labels` made them: from its cache, or made again."""
    encoder = Encoder(params.check_labels.encoder or params.model, params.check_labels.max_tokens)
    keys = load_keys({source.name: source.public for source in params.ingest.sources})
    texts = ((keys.hash("embedding", record.source, record.text), record.text) for record in records)
    return embed(encoder, texts, Cache(f"embeddings-{encoder.digest()}"))
