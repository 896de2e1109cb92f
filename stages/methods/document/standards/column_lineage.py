"""Which columns of a stage's records come from which columns of its input, and what happened to them on the way.

The OpenLineage facet `columnLineage` 1-2-0: a transformation is DIRECT (the value itself: IDENTITY, TRANSFORMATION) or
INDIRECT (it decided about the value or the row: FILTER, GROUP_BY, CONDITIONAL); `masking` says that it hides something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.core.records import Schema

_MASKING = "scrub_pii"
_TEXTS = ("text", "messages")
_MOVED = ("spans", "answers")
_IDENTITY, _CHANGED = ("DIRECT", "IDENTITY"), ("DIRECT", "TRANSFORMATION")
_GROUPED, _CHOSEN, _FILTERED = ("INDIRECT", "GROUP_BY"), ("INDIRECT", "CONDITIONAL"), ("INDIRECT", "FILTER")


@dataclass(frozen=True, slots=True)
class Step:
    """One input column of an output column: `how` is type and subtype of the transformation."""

    column: str
    how: tuple[str, str]
    masking: bool = False


def of_records(
    manifest: Mapping[str, Any], schema: Schema, given: Sequence[str], written: Sequence[str]
) -> dict[str, list[Step]]:
    """The steps behind each column that a stage wrote, from the columns it was `given`."""
    texts = [column.name for column in schema.columns if column.kind in _TEXTS and column.name in given]
    kinds = {column.name: column.kind for column in schema.columns}
    actions = set(manifest.get("reasons") or {})
    derived = dict(_derived(str(manifest.get("stage")), texts))
    found: dict[str, list[Step]] = {}
    for name in written:
        if name in derived:
            found[name] = derived[name]
        elif name in given:
            kind = kinds.get(name)
            edited = "edit" in actions and kind in (*_TEXTS, *_MOVED)
            relabelled = "relabel" in actions and kind in ("label", "labels", "spans", "answers")
            masked = edited and kind in _TEXTS and manifest.get("stage") == _MASKING
            found[name] = [Step(name, _CHANGED if edited or relabelled else _IDENTITY, masked)]
    return found


def _derived(stage: str, texts: Sequence[str]) -> Iterator[tuple[str, list[Step]]]:
    """Columns that a stage fills in."""
    if stage == "clean":
        yield "language", [Step(text, _CHANGED) for text in texts]
    if stage == "deduplicate":
        yield "group", [Step(text, _GROUPED) for text in texts]
    if stage == "split":
        yield "split", [Step(column, _CHOSEN) for column in ("id", "subject", "group")]


def of_rows(manifest: Mapping[str, Any], schema: Schema, given: Sequence[str]) -> list[Step]:
    """What decided which records went on: the texts, where some did not."""
    actions = set(manifest.get("reasons") or {})
    if not actions & {"drop", "quarantine"}:
        return []
    texts = [column.name for column in schema.columns if column.kind in _TEXTS and column.name in given]
    return [Step(text, _FILTERED) for text in texts]


def of_source(source: Mapping[str, Any], schema: Schema) -> dict[str, list[Step]]:
    """The steps from a source's own columns to those of `ingest`: ids and subjects are keyed hashes."""
    fields = source.get("fields") or {}
    own = {column.name: str(fields.get(column.name, column.name)) for column in schema.columns}
    found = {name: [Step(theirs, _IDENTITY)] for name, theirs in own.items()}
    key = [str(source["id"])] if source.get("id") else list(own.values())
    found["id"] = [Step(column, _CHANGED, masking=True) for column in key]
    if source.get("id"):
        found["source_row"] = [Step(str(source["id"]), _IDENTITY)]
    if source.get("subject"):
        found["subject"] = [Step(str(source["subject"]), _CHANGED, masking=True)]
    if source.get("confidence"):
        found["confidence"] = [Step(str(source["confidence"]), _IDENTITY)]
    return found
