"""What the rows say, gathered before they go, so that it can be looked for afterwards. In memory only."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.commands.forget_search import Place, batches
from stages.core.progress import track
from stages.methods.forget.needles import ABOUT, KINDS, Needles, texts_by_row

_HASHED = {"content": "contents", "value": "values"}
"""Evidence that is a keyed hash of what somebody said, and the kind of needle it is."""


@dataclass(slots=True)
class Said:
    """Texts, hashes of whole rows, and hashes of values of personal data."""

    texts: set[str] = field(default_factory=set)
    contents: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)

    def counts(self) -> dict[str, int]:
        """How many, by kind."""
        return dict(zip(KINDS[2:], map(len, (self.contents, self.values, self.texts)), strict=True))


def gather(needles: Needles, among: Iterable[Place]) -> Said:
    """What the rows with these ids say, in any version of them."""
    said, own = Said(), pa.array(sorted(needles.ids), pa.string())
    for place in among:
        _each(place, lambda batch: _own_words(batch.filter(pc.is_in(batch["id"], own)), needles, said), texts=True)
    return said


def _own_words(rows: pa.RecordBatch, needles: Needles, said: Said) -> None:
    if "evidence" in rows.schema.names:
        for text in rows["evidence"].to_pylist():
            evidence = json.loads(text)
            for name, kind in _HASHED.items():
                if isinstance(evidence.get(name), str):
                    getattr(said, kind).add(evidence[name])
    elif "source_row" in rows.schema.names:
        for texts, _ in texts_by_row(rows, needles.names):
            said.texts.update(text for text in texts.to_pylist() if text and text.strip())


def said_by_others(said: Said, needles: Needles, among: Sequence[Place], only: Collection[str] | None = None) -> Said:
    """Which of it other records say as well; with `only`, which of it these records say."""
    shared, own = Said(), pa.array(sorted(needles.ids if only is None else only), pa.string())
    look_for = replace(
        needles, ids=frozenset(), subjects=frozenset(), contents=frozenset(said.contents), values=frozenset(said.values)
    )
    texts = pa.array(sorted(said.texts), pa.string())

    def compare(batch: pa.RecordBatch) -> None:
        mine = pc.is_in(batch["id"], own)
        others = batch.filter(pc.invert(mine) if only is None else mine)
        if "evidence" in others.schema.names:
            for kind, value in look_for.in_bytes(b"\n".join(one.encode() for one in others["evidence"].to_pylist())):
                getattr(shared, "contents" if kind == "content" else "values").add(value)
        elif "source_row" in others.schema.names:
            for found, _ in texts_by_row(others, needles.names):
                shared.texts.update(found.filter(pc.is_in(found, texts)).to_pylist())

    for place in track(among, "what others say", len(among)):
        _each(place, compare, texts=bool(said.texts))
    return shared


def theirs_only(needles: Needles, said: Said, shared: Said) -> Needles:
    """What to look for: what nobody else says."""
    return replace(
        needles, texts=frozenset(said.texts - shared.texts), contents=frozenset(said.contents - shared.contents),
        values=frozenset(said.values - shared.values),
    )  # fmt: skip


def _each(place: Place, take: Callable[[Any], None], *, texts: bool) -> None:
    """Go through a parquet file that has ids; one that is damaged says nothing that could be told apart."""

    def columns(names: list[str]) -> list[str]:
        if "id" not in names or not {"evidence", "source_row"} & set(names):
            return []
        return names if texts or "evidence" in names else [name for name in names if name in ABOUT]

    try:
        for batch in batches(place.path, columns):
            if "id" in batch.schema.names:
                take(batch)
    except (OSError, pa.ArrowException):
        return
