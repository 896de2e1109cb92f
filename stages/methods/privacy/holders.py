"""Whose rows are whose: the units that private training draws, clips and protects."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from stages.methods.split.splitting import component_keys


@dataclass(frozen=True, slots=True)
class Holders:
    """The holder of each record that is trained on, by id, and the records that a cap leaves out.

    A holder is a subject with all rows and their near duplicates: what `split` never lets cross from one part to
    another. A record without subject or duplicates is its own holder.
    """

    of: Mapping[str, str]
    with_subject: int
    left_out: frozenset[str]

    @property
    def largest(self) -> int:
        """Rows of the holder with the most."""
        return max(Counter(self.of.values()).values(), default=0)

    def count(self, unit: str) -> int:
        """How many units there are, of `record` or `subject`."""
        return len(set(self.of.values())) if unit == "subject" else len(self.of)

    def units(self, unit: str, ids: Iterable[str]) -> list[list[int]]:
        """Positions in `ids` of the rows of each unit, `record` or `subject`; ids without a holder are units alone."""
        together: dict[str, list[int]] = defaultdict(list)
        for place, id in enumerate(ids):
            together[self.of.get(id, id) if unit == "subject" else id].append(place)
        return list(together.values())


def find_holders(rows: pa.Table, ids: Iterable[str], most: int | None, seed: int) -> Holders:
    """The holders of the records with these ids, by the columns `id`, `subject` and `group` of all records.

    With `most`, only that many rows of a holder are kept: those whose hash under the seed is smallest, so that a row
    that is added or erased moves at most one other.
    """
    wanted = set(ids)
    table = rows.select(["id", "subject", "group"]).append_column("text", pa.nulls(len(rows), pa.string()))
    keys = zip(table["id"].to_pylist(), component_keys(table).to_pylist(), strict=True)
    of = {id: key for id, key in keys if id in wanted}
    left_out = _beyond(of, most, seed) if most else frozenset[str]()
    pairs = zip(table["id"].to_pylist(), table["subject"].to_pylist(), strict=True)
    known = sum(subject is not None and id in wanted and id not in left_out for id, subject in pairs)
    return Holders({id: key for id, key in of.items() if id not in left_out}, known, left_out)


def _beyond(of: Mapping[str, str], most: int, seed: int) -> frozenset[str]:
    together: dict[str, list[str]] = defaultdict(list)
    for id, holder in of.items():
        together[holder].append(id)
    ranked = (sorted(ids, key=partial(_rank, seed)) for ids in together.values() if len(ids) > most)
    return frozenset(id for ids in ranked for id in ids[most:])


def _rank(seed: int, id: str) -> bytes:
    return hashlib.sha256(f"{seed}:rows of a subject:{id}".encode()).digest()
