"""Labelled spans as sources write them: characters of a text, or tags of tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from stages.core.records import Span
from stages.core.task import RowFault
from stages.methods.finetune.alignment import OUTSIDE, bio, spans_of
from stages.methods.ingest.row_text import json_in

_TAG = re.compile(r"([BISUEL])-(.+)", re.DOTALL)
_AS_BIO = {"S": "B", "U": "B", "E": "I", "L": "I"}  # IOBES and BILOU
_TAG_COLUMNS = ("tags", "ner_tags")


def spans_in(text: str, value: Any) -> tuple[Span, ...]:
    """The spans in a cell: a list, or JSON of one, of {start, end, label} or [start, end, label]; from left to right.

    Offsets count code points, the end is exclusive. White space at a span's ends is left out of it. Raises RowFault for
    one that is empty, leaves the text or overlaps another, and for what is no span.
    """
    spans = sorted((_span(text, one) for one in _listed(value, "spans")), key=lambda span: (span.start, span.end))
    for number, (span, following) in enumerate(pairwise(spans)):
        if following.start < span.end:
            raise RowFault("misplaced_span", field="spans", problem="overlap", span=number)
    return tuple(spans)


def text_and_spans(row: Mapping[str, Any], labels: Sequence[str] | None) -> tuple[str, tuple[Span, ...] | None]:
    """Text and spans from `tokens` and their `tags` (or `ner_tags`); no spans where there is no such column.

    The text is the tokens joined by spaces; blank ones are left out. Tags are BIO, IOBES, BILOU or IO; the bare name of
    one of the declared `labels` counts as IO. Numbers count in the usual order O, B-first, I-first, B-second, ... of
    the declared labels, and are refused without them. Raises RowFault.
    """
    tokens = _listed(row["tokens"], "tokens")
    if not all(isinstance(token, str) for token in tokens):
        raise RowFault("wrong_type", field="tokens", type="list")
    column = next((name for name in _TAG_COLUMNS if name in row), None)
    tags = [OUTSIDE] * len(tokens) if column is None else _tags(_listed(row[column], column), column, labels)
    if len(tags) != len(tokens):
        raise RowFault("misplaced_span", field=column, tokens=len(tokens), tags=len(tags))
    pairs = [(token.strip(), tag) for token, tag in zip(tokens, tags, strict=True) if token.strip()]
    if not pairs:
        raise RowFault("empty_text", field="tokens")
    bounds, place = [], 0
    for token, _ in pairs:
        bounds.append((place, place + len(token)))
        place += len(token) + 1
    spans = None if column is None else spans_of([tag for _, tag in pairs], bounds)
    return " ".join(token for token, _ in pairs), spans


def _span(text: str, value: Any) -> Span:
    parts = [value.get(name) for name in ("start", "end", "label")] if isinstance(value, Mapping) else value
    if not isinstance(parts, list | tuple) or len(parts) != 3:
        raise RowFault("wrong_type", field="spans", type=type(value).__name__)
    start, end, label = parts
    if label is None or (isinstance(label, str) and not label.strip()):
        raise RowFault("missing_label", field="spans")
    kinds = zip(parts, (int, int, str), strict=True)
    if others := [type(one).__name__ for one, kind in kinds if type(one) is not kind]:  # a bool is no offset
        raise RowFault("wrong_type", field="spans", type=others[0])
    if not 0 <= start < end <= len(text):
        raise RowFault("misplaced_span", field="spans", start=start, end=end, chars=len(text))
    inside = text[start:end]
    if not inside.strip():
        raise RowFault("misplaced_span", field="spans", start=start, end=end, problem="blank")
    start += len(inside) - len(inside.lstrip())
    return Span(start, start + len(inside.strip()), label.strip())


def _tags(values: Sequence[Any], column: str, labels: Sequence[str] | None) -> list[str]:
    """The tags as BIO."""
    numbered = bio(labels) if labels is not None else []
    return [_tag(value, column, numbered) for value in values]


def _tag(value: Any, column: str, numbered: Sequence[str]) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and numbered:
        if not 0 <= value < len(numbered):
            raise RowFault("unknown_label", field=column, number=value)
        return numbered[value]
    if not isinstance(value, str):
        raise RowFault("wrong_type", field=column, type=type(value).__name__)
    value = value.strip()
    if value == OUTSIDE:
        return OUTSIDE
    if f"I-{value}" in numbered:
        return f"I-{value}"
    found = _TAG.fullmatch(value)
    if not found:
        raise RowFault("unknown_label", field=column, problem="no_tag")
    return f"{_AS_BIO.get(found[1], found[1])}-{found[2]}"


def _listed(value: Any, field: str) -> list[Any]:
    """The list in a cell, which may be written as JSON. Raises RowFault for a blank cell, and for what is no list."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowFault("missing_field" if field == "tokens" else "missing_label", field=field)
    if isinstance(value, str):
        value = json_in(value, field)
    if not isinstance(value, list | tuple):
        raise RowFault("wrong_type", field=field, type=type(value).__name__)
    return list(value)
