"""Canaries and secrets: invented records that are planted into the training, so that it can be seen what is learned.

A canary has random words and a random answer: nothing about it can be known but from having been trained on it. Coins
decide which canaries are. A secret is an answer with a random code, trained on never, once, 4 or 16 times. Nothing of
them comes from a person, so they may lie beside the model.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stages.core.records import Record, Schema
from stages.core.storage import StageFolder
from stages.core.tables import records_of, records_schema, records_table
from stages.core.task import Task

FILE = "canaries.parquet"
TIERS = (0, 1, 4, 16)
"""How often a secret is trained on; repetition is what makes models remember (Kandpal et al. 2022)."""
CODE_DIGITS = 6
CANARY, SECRET = "canary", "secret"
_COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("kind", pa.string()),
        ("repeats", pa.int32()),
        ("included", pa.bool_()),
        ("base_loss", pa.float64()),
        ("control_loss", pa.float64()),
        ("values", pa.string()),
    ]
)
_BYTES, _PIECES = "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}", "\N{LOWER ONE EIGHTH BLOCK}"
"""What byte-level and sentencepiece tokenizers write before a token that begins a word."""
_LETTERS, _FEW = 3, 8
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]


@dataclass(frozen=True, slots=True)
class Planted:
    """An invented record and what was done with it: trained on `repeats` times if it is `included`, else never.

    The losses (of canaries) are those under the base model with its new head, and under the positive control: a model
    that was trained without noise on the included canaries alone.
    """

    record: Record
    repeats: int
    included: bool
    base_loss: float | None = None
    control_loss: float | None = None

    @property
    def kind(self) -> str:
        """`canary` or `secret`."""
        return self.record.source


def vocabulary(tokenizer: Any) -> list[str]:
    """The whole words of three letters and more that a tokenizer knows, sorted: texts of them are not taken apart.

    Invented ones where it knows hardly any, as one that reads bytes.
    """
    tokens = list(tokenizer.get_vocab())
    mark = next((mark for mark in (_BYTES, _PIECES) if any(token.startswith(mark) for token in tokens)), "")
    words = {token.removeprefix(mark) for token in tokens if token.startswith(mark)}
    # In bytes, letters beyond ASCII are written as others.
    known = sorted(
        word for word in words if word.isalpha() and len(word) >= _LETTERS and (mark != _BYTES or word.isascii())
    )
    return known if len(known) >= _FEW else [one + other for one in _SYLLABLES for other in _SYLLABLES]


def draw_canaries(
    task: Task, count: int, words: Sequence[str], labels: Sequence[str], draw: random.Random
) -> list[Record]:
    """So many canaries of different texts; the first ones are the same when there are more."""
    made = _records(lambda: task.canary(draw, words, labels), task.schema, CANARY)
    return [next(made) for _ in range(count)]


def draw_secrets(task: Task, each: int, draw: random.Random) -> list[tuple[Record, int]]:
    """So many secrets for each tier, with how often to train on each; none for a task that does not write.

    A code is uniform among all of six digits, and each name is another invented word.
    """

    def values() -> dict[str, Any] | None:
        name = "".join(draw.choice(_SYLLABLES) for _ in range(4))
        return task.secret(name, f"{draw.randrange(10**CODE_DIGITS):0{CODE_DIGITS}d}")

    made = _records(values, task.schema, SECRET)
    return [(record, TIERS[i % len(TIERS)]) for i, record in zip(range(each * len(TIERS)), made, strict=False)]


def _records(values: Callable[[], dict[str, Any] | None], schema: Schema, kind: str) -> Iterator[Record]:
    """Records with numbered ids, each with texts that none before had; none where there are no values."""
    seen: set[tuple[str, ...]] = set()
    while (found := values()) is not None:
        id = f"{kind}-{len(seen) + 1:05}"
        record = Record(id, kind, id, schema, found, split="train")
        asked = tuple(record.binding_texts())
        if asked not in seen:
            seen.add(asked)
            yield record


def planted_table(rows: Sequence[Planted]) -> pa.Table:
    """The rows of `canaries.parquet`, by id; the task's own columns as JSON."""
    rows = sorted(rows, key=lambda row: row.record.id)
    columns = {
        "id": [row.record.id for row in rows],
        "values": [json.dumps(_values(row.record), ensure_ascii=False, sort_keys=True) for row in rows],
    }
    plain = ("kind", "repeats", "included", "base_loss", "control_loss")
    return pa.table(columns | {name: [getattr(row, name) for row in rows] for name in plain}, _COLUMNS)


def read_planted(folder: StageFolder, schema: Schema) -> list[Planted]:
    """The invented records of a folder of `finetune`; none where none were planted."""
    return planted_rows(folder.table(FILE), schema) if (folder.path / FILE).exists() else []


def planted_rows(table: pa.Table, schema: Schema) -> list[Planted]:
    """Turns `planted_table` round."""
    rows = table.to_pylist()
    whole = [
        {"id": row["id"], "source": row["kind"], "source_row": row["id"], "split": "train", **json.loads(row["values"])}
        for row in rows
    ]
    records = records_of(pa.Table.from_pylist(whole, schema=records_schema(schema)), schema)
    facts = ("repeats", "included", "base_loss", "control_loss")
    return [Planted(record, *(row[name] for name in facts)) for record, row in zip(records, rows, strict=True)]


def _values(record: Record) -> dict[str, Any]:
    names = [column.name for column in record.schema.columns]
    row: dict[str, Any] = records_table([record], record.schema).select(names).to_pylist()[0]
    return row
