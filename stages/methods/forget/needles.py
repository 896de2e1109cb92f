"""What an erasure looks for, and finding it: in tables by equality and in evidence, in other files by bytes.

Ids and keyed hashes are fixed numbers of hex digits, so that all of them are found in one pass over the runs of hex
digits, however many there are. A text is looked for whole in tables; in other files by its longest stretch that no
quoting changes, and then whole, in the ways in which JSON, HTML and csv would write it.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ABOUT = frozenset({"id", "source", "source_row", "subject", "group", "split", "language", "confidence"})
"""Columns of `records.parquet` that are not the task's own."""
KINDS = ("id", "subject", "content", "value", "text")
"""Record ids; hashes of subjects, of all a row says, of values of personal data; texts."""
_NAMES = frozenset({"label", "labels", "role"})
"""Parts of the task's columns that hold a name out of few, and never what a person said."""
_STAYS = ("erased", "quarantine")
_DIGITS = (20, 32)
_HEX = re.compile(rb"[0-9a-f]{20,}")
_PLAIN = re.compile(r"[A-Za-z0-9 ]+")
_IS_HEX = np.isin(np.arange(256), list(b"0123456789abcdef"))
_SHORT = 24
"""Characters: shorter texts (`ok`, `thank you`) stand in files for many reasons, and are looked for in tables only."""
_ANCHOR = 12


def may_stay(action: str, reason: str) -> bool:
    """Whether an event of an erased row says no more than that it was left out, or could not be read, and where."""
    return reason == _STAYS[0] or action == _STAYS[1]


@dataclass(slots=True)
class Found:
    """What of an erasure one file holds: how often, by kind; what the records were used for there, by reason."""

    kinds: Counter[str] = field(default_factory=Counter)
    uses: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    """Records (rows with an `id` of theirs that are no events)."""
    named: int = 0
    """Events that name an erased row's id and place, and nothing more: they may stay."""

    def __bool__(self) -> bool:
        return bool(self.kinds)

    def add(self, other: Found) -> None:
        """Count what was found in another part."""
        self.kinds.update(other.kinds)
        self.uses.update(other.uses)
        self.rows += other.rows
        self.named += other.named


@dataclass(frozen=True)
class Needles:
    """What must be gone. Texts are held here and nowhere else; they never leave the process."""

    ids: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    contents: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    """The task's columns that hold labels."""

    @cached_property
    def hexes(self) -> dict[str, str]:
        """Kind by id or hash."""
        kinds = zip(KINDS, (self.ids, self.subjects, self.contents, self.values), strict=False)
        return {value: kind for kind, values in kinds for value in values}

    def in_bytes(self, chunk: bytes) -> set[tuple[str, str | int]]:
        """(kind, which) of each needle in some bytes."""
        found: set[tuple[str, str | int]] = {(self.hexes[one], one) for one in self._hexes_in(chunk)}
        for number, (anchor, written) in enumerate(self._anchors):
            if anchor in chunk and any(form in chunk for form in written):
                found.add(("text", number))
        return found

    @cached_property
    def overlap(self) -> int:
        """Bytes by which neighbouring chunks of a file must overlap, so that no needle is cut."""
        return max([128, *(len(form) for _, written in self._anchors for form in written)])

    def in_table(self, table: pa.RecordBatch) -> Found:
        """What some rows of a parquet file hold."""
        found = Found()
        if "id" in table.schema.names:
            table = self._own_rows(table, found)
        texts = self._texts if "source_row" in table.schema.names else self._long_texts
        for name, leaf, values, _ in leaves(table):
            if name == "evidence":
                found.kinds.update(self.hexes[one] for one in self._hexes_in(_bytes_of(values)))
            else:
                wanted = self._hashes | ({"text": texts} if self._may_be_text(name, leaf) else {})
                found.kinds.update(_counted(values, wanted))
        return found

    def _may_be_text(self, name: str, leaf: str) -> bool:
        return name not in ABOUT | self.names and leaf not in _NAMES

    def _own_rows(self, table: pa.RecordBatch, found: Found) -> pa.RecordBatch:
        """Count the rows of erased records, and give the table without those that may stay."""
        own = pc.is_in(table["id"], self._ids)
        if not pc.any(own).as_py():
            return table
        if {"action", "reason"} <= set(table.schema.names):
            stays = pc.or_(pc.equal(table["reason"], _STAYS[0]), pc.equal(table["action"], _STAYS[1]))
            stays = pc.and_(own, stays)
            found.named += pc.sum(stays).as_py()
            found.uses.update(table.filter(pc.and_not(own, stays))["reason"].to_pylist())
            return table.filter(pc.invert(stays))
        found.rows += pc.sum(own).as_py()
        return table

    def _hexes_in(self, chunk: bytes) -> list[str]:
        """The ids and hashes among the runs of hex digits; within longer runs (digests side by side), too."""
        runs = [run.decode() for run in _runs(chunk)]
        found = [run for run in runs if run in self.hexes]
        for run in runs:
            if len(run) not in _DIGITS:
                found += [part for digits in _DIGITS for part in _parts(run, digits) if part in self.hexes]
        return found

    @cached_property
    def _ids(self) -> pa.Array:
        return pa.array(sorted(self.ids), pa.string())

    @cached_property
    def _hashes(self) -> dict[str, pa.Array]:
        sets = zip(KINDS, (self.ids, self.subjects, self.contents, self.values), strict=False)
        return {kind: pa.array(sorted(values), pa.string()) for kind, values in sets if values}

    @cached_property
    def _texts(self) -> pa.Array:
        return pa.array(sorted(self.texts), pa.string())

    @cached_property
    def _long_texts(self) -> pa.Array:
        return pa.array(sorted(text for text in self.texts if len(text) >= _SHORT), pa.string())

    @cached_property
    def _anchors(self) -> list[tuple[bytes, list[bytes]]]:
        return [(_anchor(text), written_forms(text)) for text in sorted(self.texts) if len(text) >= _SHORT]


def _counted(values: pa.Array, wanted: Mapping[str, pa.Array]) -> Counter[str]:
    """How many of some strings are wanted, by kind."""
    counts = {kind: pc.sum(pc.is_in(values, some), min_count=0).as_py() for kind, some in wanted.items() if len(some)}
    return Counter({kind: count for kind, count in counts.items() if count})


def _runs(chunk: bytes) -> list[bytes]:
    """All runs of 20 or more hex digits.

    In weights they are rare, and the pattern takes ten times as long as a look at every fifth byte: a run of 20 holds
    four such bytes in a row, and of random ones four in a row are hex digits once in 65,536 times.
    """
    digits = _IS_HEX[np.frombuffer(chunk, np.uint8)[::5]]
    starts = np.flatnonzero(digits[:-3] & digits[1:-2] & digits[2:-1] & digits[3:]) * 5 if len(digits) > 3 else digits
    if len(starts) * 1000 > len(chunk):
        return _HEX.findall(chunk)
    runs: list[bytes] = []
    end = 0
    for start in starts.tolist():
        if start < end:
            continue
        first = start
        while first > end and _IS_HEX[chunk[first - 1]]:
            first -= 1
        if found := _HEX.match(chunk, first):
            runs.append(found[0])
            end = found.end()
    return runs


def _parts(run: str, digits: int) -> Iterator[str]:
    return (run[start : start + digits] for start in range(len(run) - digits + 1))


def _anchor(text: str) -> bytes:
    """A stretch of a text that is written the same everywhere; nothing (it is in all bytes) where there is none."""
    longest = max(_PLAIN.findall(text), key=len, default="")
    return longest.encode() if len(longest) >= _ANCHOR else b""


def written_forms(text: str) -> list[bytes]:
    """A text as UTF-8, and as JSON, HTML (of Python and of Jinja) and csv write it."""
    page = html.escape(text)
    forms = {
        text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], page, html.escape(text, quote=False),
        page.replace("&#x27;", "&#39;").replace("&quot;", "&#34;"), text.replace('"', '""'),
    }  # fmt: skip
    return sorted(form.encode("utf-8", "surrogatepass") for form in forms)


def leaves(table: pa.RecordBatch) -> Iterator[tuple[str, str, pa.Array, pa.Array]]:
    """(column, innermost name, strings, their rows) of every column that holds strings, however deep."""
    rows = pa.array(np.arange(table.num_rows))
    for name in table.schema.names:
        yield from ((name, *found) for found in _leaves(name, table[name], rows))


def _leaves(name: str, values: pa.Array, rows: pa.Array) -> Iterator[tuple[str, pa.Array, pa.Array]]:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        yield name, values.cast(pa.string()), rows
    elif pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        yield from _leaves(name, pc.list_flatten(values), rows.take(pc.list_parent_indices(values)))
    elif pa.types.is_struct(values.type):
        for number, part in enumerate(values.type):
            yield from _leaves(part.name, pc.struct_field(values, number), rows)


def texts_by_row(table: pa.RecordBatch, names: Iterable[str]) -> Iterator[tuple[pa.Array, pa.Array]]:
    """(texts, ids of their records) of the task's columns that hold what people said; `names` hold labels."""
    skip = ABOUT | set(names)
    for name, leaf, values, rows in leaves(table):
        if name not in skip and leaf not in _NAMES:
            yield values, table["id"].take(rows)


def _bytes_of(values: pa.Array) -> bytes:
    """The bytes of all strings of an array, one after the other."""
    return b"\n".join(one for one in values.cast(pa.binary()).to_pylist() if one is not None)
