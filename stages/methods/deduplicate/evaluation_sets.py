"""Evaluation sets, which must not leak into training: their rows, read and indexed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stages.core.errors import DataError, Fault
from stages.core.params import Source
from stages.core.records import Column, Schema
from stages.core.sources import find_files
from stages.methods.deduplicate.contamination import EvaluationIndex
from stages.methods.deduplicate.shingles import Counts, Hashes, digest, shingles, words
from stages.methods.ingest.source_rows import source_rows

_MOST_CHARACTERS = 1_000_000


def evaluation_index(sources: Sequence[Source], schema: Schema, n: int, overlap: float) -> EvaluationIndex | None:
    """What records are held against: words in a shared sequence `n`, share of a row's sequences `overlap`.

    None without sets. Raises DataError for a set that has no texts, and for what is wrong with its files.
    """
    rows: list[tuple[str, int]] = []
    digests: list[bytes] = []
    parts: list[tuple[Hashes, Counts]] = []
    for name, place, texts in evaluation_texts(sources, schema):
        found = words(texts)
        long = found.of(np.flatnonzero(found.counts >= n).tolist())
        values, starts = shingles(long, n)
        parts.append((values, np.diff(starts, append=len(values))))
        rows.append((name, place))
        digests.append(digest(texts))
    if not rows:
        return None
    values = np.concatenate([values for values, _ in parts])
    sizes = np.concatenate([sizes for _, sizes in parts])
    owner = np.repeat(np.arange(len(rows)), [len(sizes) for _, sizes in parts])
    ngrams = (values, np.cumsum(sizes) - sizes, owner)
    return EvaluationIndex.build(rows, np.array(digests, "S16"), ngrams, overlap)


def evaluation_texts(sources: Sequence[Source], schema: Schema) -> Iterator[tuple[str, int, list[str]]]:
    """(set's name, row's place, its texts in the order of the task's columns) of each row that has a text."""
    files = find_files(sources)
    columns = schema.of_kind("text", "messages")
    for source in sources:
        names = {column.name: source.fields.get(column.name, column.name) for column in columns}
        found = 0
        for row in source_rows(source, files, _MOST_CHARACTERS, [set(names.values())]):
            texts = [text for column in columns for text in _texts(row.columns, names[column.name], column)]
            if any(text.strip() for text in texts):
                found += 1
                yield source.name, row.place, texts
        if not found:
            problem = "no row has a text"
            raise DataError(Fault(f"deduplicate.against: {source.name}", problem, "look at its file and its `fields`"))


def _texts(columns: Mapping[str, Any], name: str, column: Column) -> list[str]:
    """The texts in one column of a row; none where it holds something else."""
    value = columns.get(name)
    if column.kind == "messages":
        turns = value if isinstance(value, list) else []
        return [str(turn.get("content") or turn.get("value") or "") for turn in turns if isinstance(turn, Mapping)]
    return [value] if isinstance(value, str) else []
