"""Two log-log panels side by side, seconds and memory over documents, as one SVG file that needs no style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from stages.methods.document.svg import circle, element, line, path, text

_WIDTH, _HEIGHT = 420, 300
_LEFT, _TOP, _PLOT_WIDTH, _PLOT_HEIGHT = 58, 34, 270, 216
_COLOURS = ("#0b6e99", "#c2571a", "#2e7d32", "#7b3fa0")
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-weight: 600 }
.grid { stroke: #ddd } .limit { stroke: #b00020; stroke-dasharray: 4 3 } path { fill: none; stroke-width: 2 }
"""


class Curve(NamedTuple):
    """A stage's name and its points: (documents, seconds, peak MiB)."""

    name: str
    points: Sequence[tuple[float, float, float]]


class Scale(NamedTuple):
    """Whole powers of ten from `low` to `high`, laid over so many pixels from `start` on."""

    low: int
    high: int
    start: float
    pixels: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + self.pixels * (math.log10(value) - self.low) / (self.high - self.low)


def chart(curves: Sequence[Curve], limit: float = 2048) -> str:
    """The drawing as the text of a file. `limit` is the memory, in MiB, that a line marks."""
    panels = [
        *_panel("Wall seconds", curves, lambda point: point[1], 0, None),
        *_panel("Peak MiB of the largest process", curves, lambda point: point[2], _WIDTH, limit),
    ]
    name = "Time and memory of each stage over the number of documents"
    content = (
        element("title", name),
        element("style", _STYLE),
        element("rect", width=2 * _WIDTH, height=_HEIGHT, fill="#fff"),
    )
    box = f"0 0 {2 * _WIDTH} {_HEIGHT}"
    return element("svg", *content, *panels, xmlns="http://www.w3.org/2000/svg", role="img", viewBox=box) + "\n"


def _panel(
    title: str, curves: Sequence[Curve], value: Callable[..., float], left: float, limit: float | None
) -> Iterator[Markup]:
    points = [point for curve in curves for point in curve.points]
    values = [*map(value, points), *([limit] if limit else [])]
    x = Scale(*_powers([point[0] for point in points]), left + _LEFT, _PLOT_WIDTH)
    y = Scale(*_powers(values), _TOP + _PLOT_HEIGHT, -_PLOT_HEIGHT)
    yield text(left + _LEFT, 20, title, css="title")
    yield from _grid(x, y)
    if limit:
        yield line(x.start, y.at(limit), x.start + x.pixels, y.at(limit), "limit")
        yield text(x.start + 4, y.at(limit) - 5, f"{limit / 1024:g} GiB")
    for curve, colour in zip(curves, _COLOURS, strict=False):
        places = [(x.at(point[0]), y.at(value(point))) for point in curve.points]
        moves = [("L" if i else "M", *place) for i, place in enumerate(places)]
        dots = [circle(*place, 3.5, "dot", curve.name) for place in places]
        yield element("g", path(*moves, css="curve"), *(element("g", dot, stroke="none", fill=colour) for dot in dots),
                      stroke=colour)  # fmt: skip
    yield from _names(curves, value, x, y)


def _grid(x: Scale, y: Scale) -> Iterator[Markup]:
    for power in range(x.low, x.high + 1):
        place = x.at(10**power)
        yield line(place, y.start, place, y.start + y.pixels, "grid")
        yield text(place, y.start + 18, f"{10**power:,}", anchor="middle")
    for power in range(y.low, y.high + 1):
        place = y.at(10**power)
        yield line(x.start, place, x.start + x.pixels, place, "grid")
        yield text(x.start - 8, place + 4, f"{10**power:,}", anchor="end")
    yield text(x.start + x.pixels / 2, y.start + 38, "documents", anchor="middle")


def _names(curves: Sequence[Curve], value: Callable[..., float], x: Scale, y: Scale) -> Iterator[Markup]:
    """Each curve's name to the right of its last point, moved down where names would overlap."""
    ends = sorted(
        (y.at(value(curve.points[-1])), curve, colour) for curve, colour in zip(curves, _COLOURS, strict=False)
    )
    free = -math.inf
    for place, curve, colour in ends:
        free = max(place, free + 14)
        yield element("text", curve.name, x=x.at(curve.points[-1][0]) + 8, y=free + 4, style=f"fill: {colour}")


def _powers(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten below the smallest and above the largest value, at least one apart."""
    low = math.floor(math.log10(min(values)))
    return low, max(math.ceil(math.log10(max(values))), low + 1)
