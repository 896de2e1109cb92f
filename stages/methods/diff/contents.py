"""What records say, as 64-bit hashes: two versions of a million texts are compared without holding them.

The hash is pandas' (SipHash-2-4 with a fixed key). It is compared for one id at a time, so that a change goes unseen
with a chance of 2**-64; it is never written anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0xD1B54A32D192ED03)


def hashes(array: pa.Array) -> Hashes:
    """A hash of each value of a column: texts, numbers, and lists and structs of them; null is a value of its own."""
    if pa.types.is_list(array.type):
        found = _of_lists(array)
    elif pa.types.is_struct(array.type):
        found = combined((hashes(part) for part in array.flatten()), len(array))
    else:
        found = _of_scalars(array)
    return found if not array.null_count else np.where(array.is_null().to_numpy(zero_copy_only=False), _NULL, found)


def _of_scalars(array: pa.Array) -> Hashes:
    import pandas as pd

    text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
    filled = array.fill_null("" if text else 0) if array.null_count else array
    found: Hashes = pd.util.hash_array(filled.to_numpy(zero_copy_only=False), categorize=False)
    return found


def _of_lists(array: pa.Array) -> Hashes:
    """Sums over the items, each multiplied by an odd number for its place: the order counts, and so does the length."""
    sizes = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    items = hashes(array.flatten())
    starts = np.cumsum(sizes) - sizes
    place = (np.arange(len(items)) - np.repeat(starts, sizes)).astype(np.uint64)
    sums = np.concatenate([[np.uint64(0)], np.cumsum(items * (np.uint64(2) * place * _FACTOR + np.uint64(1)))])
    return combined([sums[starts + sizes] - sums[starts], sizes.astype(np.uint64)], len(array))


def combined(columns: Iterable[Hashes], rows: int) -> Hashes:
    """One hash a row from those of several columns, in their order."""
    total = np.zeros(rows, np.uint64)
    for column in columns:
        total = (total ^ (total >> np.uint64(29))) * _FACTOR + column
    return total


@dataclass(frozen=True)
class Contents:
    """Records of a stage in one version: their ids, and the hash of each record's text, target, subject, group, ..."""

    ids: pa.Array
    facets: Mapping[str, Hashes]

    @classmethod
    def of(cls, ids: Sequence[pa.Array], facets: Mapping[str, Sequence[Hashes]]) -> Contents:
        """From batches."""
        whole = pa.concat_arrays([pa.array([], pa.string()), *ids])
        return cls(whole, {name: np.concatenate([np.zeros(0, np.uint64), *some]) for name, some in facets.items()})


def changed(a: Contents, b: Contents) -> dict[str, pa.Array]:
    """By facet, the ids of the records that both versions have and of which they say something else."""
    places = pc.index_in(a.ids, value_set=b.ids)
    both = places.is_valid().to_numpy(zero_copy_only=False)
    there = pc.drop_null(places).to_numpy(zero_copy_only=False)
    ids = a.ids.filter(pa.array(both))
    return {
        name: ids.filter(pa.array(a.facets[name][both] != b.facets[name][there]))
        for name in a.facets
        if name in b.facets
    }


def first_shown(ids: pa.Array, by_stage: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Which of these ids are first found changed in which stage; `by_stage` has the changed ones, in order."""
    found, rest = {}, ids
    for stage, some in by_stage.items():
        here = pc.is_in(rest, value_set=some)
        found[stage] = rest.filter(here)
        rest = rest.filter(pc.invert(here))
    return {stage: some for stage, some in found.items() if len(some)}


def pairs(ids: pa.Array, a: pa.Table, b: pa.Table) -> list[tuple[str | None, str | None, pa.Array]]:
    """(value in A, value in B, ids) for these ids, the most frequent first; `a` and `b` have columns `id`, `value`."""
    old, new = (one["value"].take(pc.index_in(ids, value_set=one["id"].combine_chunks())) for one in (a, b))
    table = pa.table({"id": ids, "old": old, "new": new})
    grouped = table.group_by(["old", "new"]).aggregate([("id", "list")]).to_pylist()
    found = [(one["old"], one["new"], pa.array(sorted(one["id_list"]), pa.string())) for one in grouped]
    return sorted(found, key=lambda one: (-len(one[2]), str(one[0]), str(one[1])))
