"""Drawings of a comparison: where rows went that ended elsewhere, and changes of scores with their intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from stages.methods.diff.verdict import signed
from stages.methods.diff.wording import end_words, minus
from stages.methods.document.charts import WIDTH, axis
from stages.methods.document.svg import circle, drawing, element, line, path, rect, text
from stages.methods.document.wording import number, plural, words

_ROW, _GAP, _SLOT, _LEAST = 30.0, 12.0, 40.0, 1.5
_ORDER = ("train", "validation", "test", "kept", "dropped", "quarantined", "not_sampled", "erased", "absent")


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes in units of the drawing: its width, where the streams start and end, and their height together."""

    width: float
    left: float
    right: float
    height: float
    css: str


WIDE = Layout(960, 210, 750, 300, "flow wide")
NARROW = Layout(350, 118, 232, 220, "flow narrow")


def crossing(parts: Sequence[Mapping[str, Any]], layout: Layout) -> Markup:
    """Streams from where rows ended in A, on the left, to where they ended in B. `parts` have `from`, `to`, `rows`."""
    streams = _streams(parts)
    if not streams:
        return Markup("")
    total = sum(stream.rows for stream in streams)
    scale = layout.height / total
    sides = [_places(streams, side, scale) for side in (0, 1)]
    bottom = max(place + max(size, _SLOT) for side in sides for place, size in side.values())
    used = [{name: place for name, (place, _) in side.items()} for side in sides]
    bands: list[tuple[int, Markup]] = []
    for stream in streams:
        thick = max(stream.rows * scale, _LEAST)
        starts = [used[side][name] for side, name in enumerate(stream.names)]
        for side, name in enumerate(stream.names):
            used[side][name] += thick
        bands.append((stream.rows, _band(stream, starts, thick, layout)))
    nodes = [_node(name, streams, side, place, layout) for side in (0, 1) for name, place in sides[side].items()]
    title = f"{plural(total, 'row')} that ended elsewhere in B than in A"
    # The thin ones on top, where they can be seen and pointed at.
    drawn = (band for _, band in sorted(bands, key=lambda one: -one[0]))
    return drawing(title, layout.width, bottom + 6, *drawn, *nodes, css=layout.css)


@dataclass(frozen=True)
class _Stream:
    """Rows between two nodes, `names` of A's and of B's; `details` are the ends behind them, with reasons."""

    names: tuple[str, str]
    rows: int
    details: tuple[str, ...]

    @property
    def css(self) -> str:
        """Kept in both, gained, or lost."""
        kept = [_rank(name) < _ORDER.index("dropped") for name in self.names]
        return "band moved" if all(kept) else "band gained" if kept[1] else "band lost"


def _streams(parts: Sequence[Mapping[str, Any]]) -> list[_Stream]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for part in parts:
        found[_group(part["from"]), _group(part["to"])].append(part)
    streams = [
        _Stream(names, sum(p["rows"] for p in some), tuple(
            f"{number(p['rows'])} {end_words(p['from'])} \u2192 {end_words(p['to'])}" for p in some
        ))
        for names, some in found.items()
    ]  # fmt: skip
    return sorted(streams, key=lambda stream: tuple((_rank(name), name) for name in stream.names))


def _group(end: Mapping[str, str]) -> str:
    """The node of an end: a split, a stage that dropped or quarantined, or being left out."""
    if end["kind"] == "kept":
        return end["reason"] or "kept"
    return f"{end['kind']} {end['stage']}" if end["kind"] in ("dropped", "quarantined") else end["kind"]


def _rank(name: str) -> int:
    kind = name.split(" ", maxsplit=1)[0]
    return _ORDER.index(kind) if kind in _ORDER else _ORDER.index("kept")


def _places(streams: Sequence[_Stream], side: int, scale: float) -> dict[str, tuple[float, float]]:
    """(top, height) of each node of a side, from top to bottom."""
    heights: dict[str, float] = defaultdict(float)
    for stream in sorted(streams, key=lambda one: (_rank(one.names[side]), one.names[side])):
        heights[stream.names[side]] += max(stream.rows * scale, _LEAST)
    top, found = 4.0, {}
    for name, height in heights.items():
        found[name] = top, height
        top += max(height, _SLOT) + _GAP
    return found


def _band(stream: _Stream, starts: Sequence[float], thick: float, layout: Layout) -> Markup:
    left, right = layout.left + 8, layout.right - 8
    middle = (left + right) / 2
    shape = path(
        ("M", left, starts[0]),
        ("C", middle, starts[0], middle, starts[1], right, starts[1]),
        ("L", right, starts[1] + thick),
        ("C", middle, starts[1] + thick, middle, starts[0] + thick, left, starts[0] + thick, "Z"),
        css=stream.css,
    )
    tip = "; ".join(stream.details[:6]) + (f"; and {len(stream.details) - 6} more" if len(stream.details) > 6 else "")
    return element("g", element("title", tip), shape, class_="part", tabindex=0, aria_label=tip)


def _node(name: str, streams: Sequence[_Stream], side: int, place: tuple[float, float], layout: Layout) -> Markup:
    (top, height), rows = place, sum(stream.rows for stream in streams if stream.names[side] == name)
    x, anchor = ((layout.left, "end"), (layout.right, None))[side]
    bar = rect(x if side == 0 else x - 8, top, 8, height, "node")
    at = x - 10 if side == 0 else x + 10
    kind, _, stage = name.partition(" ")
    title = {"absent": "not in sources"}.get(kind, words(kind))
    if stage:
        title = words(stage) if layout is NARROW else f"{title} by {words(stage)}"
    label = text(at, top + 13, title, css="stage" if layout is WIDE else "label", anchor=anchor)
    note = f"{number(rows)} {words(kind)}" if stage and layout is NARROW else plural(rows, "row")
    return element("g", bar, label, text(at, top + 30, note, css="note", anchor=anchor))


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a score, with its interval where there is one."""

    name: str
    value: float
    low: float
    high: float
    ours: bool = True


def changes(title: str, metric: str, rows: Sequence[Change]) -> Markup:
    """A row a change: dot, 95 % interval and the numbers, around a line at no change. Shares are drawn in points."""
    if not rows:
        return Markup("")
    unit = 1.0 if metric == "loss" else 100.0
    low, high, ticks = axis(min(0, *(row.low for row in rows)), max(0, *(row.high for row in rows)))
    left, right, bottom = 92.0, 228.0, 18 + _ROW * len(rows)

    def x(value: float) -> float:
        return left + (right - left) * (value - low) / (high - low)

    parts = [line(x(tick), 18, x(tick), bottom, "grid") for tick in ticks]
    parts += [
        text(x(tick), bottom + 17, minus(f"{unit * tick:.2g}") if tick else "0", css="tick", anchor="middle")
        for tick in ticks
    ]
    parts += [line(x(0), 14, x(0), bottom, "mark"), text(x(0), 9, "no change", css="tick", anchor="middle")]
    for index, row in enumerate(rows):
        y, css = 18 + _ROW * (index + 0.5), "ours" if row.ours else "other"
        told = minus(f"{signed(row.low, metric)} to {signed(row.high, metric)}")
        tip = minus(f"{row.name}: {signed(row.value, metric)} ({told})")
        parts += [
            text(0, y + 4.5, row.name, css="label"),
            line(x(row.low), y, x(row.high), y, f"whisker {css}"),
            circle(x(row.value), y, 4.5, css, tip),
            text(284, y + 4.5, minus(signed(row.value, metric)), css="value", anchor="end"),
            text(289, y + 4.5, told, css="tick"),
        ]
    return drawing(title, WIDTH, bottom + 24, *parts)
