"""What records with several labels are labelled as, in one line: without any of their text, and read back strictly.

Each annotation has exactly one line, so that lines can be compared: another way to write the same is refused.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence

from stages.core.records import Span

_BARE = re.compile(r"[\w./&+-]+")
_PLACES = re.compile(r'(?:[0-9]+-[0-9]+(?::(?:"(?:[^"\\]|\\.)*"|[\w./&+-]+))?(?: |\Z))*')
_SPAN = re.compile(r'(0|[1-9][0-9]*)-([1-9][0-9]*):("(?:[^"\\]|\\.)*"|[\w./&+-]+)')


def spans_line(spans: Sequence[Span]) -> str:
    """Spans from left to right as `start-end:label`, spaces between them; empty without any.

    Offsets count code points, the end is exclusive. A label of other characters than letters, digits and `_./&+-` is
    written as a JSON string.
    """
    return " ".join(f"{span.start}-{span.end}:{_name(span.label)}" for span in spans)


def spans_of_line(line: str, text: str) -> tuple[Span, ...]:
    """The spans of a line. Raises ValueError where they are empty, overlap, leave the text or are not in order."""
    spans: list[Span] = []
    place = 0
    for found in _SPAN.finditer(line):
        start, end, name = found.groups()
        label = json.loads(name) if name.startswith('"') else name
        spans.append(Span(int(start), int(end), label))
        if not place <= spans[-1].start < spans[-1].end <= len(text) or label != label.strip() or not label:
            raise ValueError("a span is empty, overlaps another, leaves the text or has no label")
        place = spans[-1].end
    if spans_line(spans) != line:
        raise ValueError("not spans as `start-end:label`, from left to right, with single spaces between them")
    return tuple(spans)


def labels_line(labels: Sequence[str]) -> str:
    """A set of labels as a sorted JSON list."""
    return f"[{', '.join(map(_quoted, sorted(labels)))}]"


def labels_of_line(line: str) -> tuple[str, ...]:
    """The labels of a line, sorted. Raises ValueError for a label that is blank, and for any other line."""
    try:
        labels = json.loads(line)
    except RecursionError:
        raise ValueError("not a JSON list of labels") from None
    if not isinstance(labels, list) or not all(isinstance(one, str) and one and one == one.strip() for one in labels):
        raise ValueError("not a JSON list of labels")
    if len({*labels}) < len(labels) or labels_line(labels) != line:
        raise ValueError("not a sorted JSON list of labels, each once")
    return tuple(labels)


def names_in(line: str) -> frozenset[str] | None:
    """The labels that any annotation names; None for a line that is neither a set of labels, spans, nor places."""
    with contextlib.suppress(ValueError):
        return frozenset(labels_of_line(line))
    if not _PLACES.fullmatch(line):
        return None
    found = (name for _, _, name in _SPAN.findall(line))
    return frozenset(json.loads(name) if name.startswith('"') else name for name in found)


def _name(label: str) -> str:
    return label if _BARE.fullmatch(label) else _quoted(label)


def _quoted(label: str) -> str:
    """As a JSON string; what cannot be seen (line separators among it) is escaped, so that the line stays one line."""
    return json.dumps(label, ensure_ascii=not label.isprintable())
