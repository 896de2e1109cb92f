"""A score over epsilon, a line for each way of training, as one SVG file that needs no style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from stages.methods.document.svg import circle, element, line, path, text

_WIDTH, _HEIGHT = 620, 340
_LEFT, _TOP, _PLOT_WIDTH, _PLOT_HEIGHT = 58, 34, 430, 246
_COLOURS = ("#0b6e99", "#c2571a", "#2e7d32", "#7b3fa0")
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-weight: 600 }
.grid { stroke: #ddd } path { fill: none; stroke-width: 2 } .open { stroke-dasharray: 4 3 }
"""


class Line(NamedTuple):
    """A way of training and its points: (epsilon, the values of all seeds); epsilon is infinite without privacy."""

    name: str
    points: Sequence[tuple[float, Sequence[float]]]


def chart(lines: Sequence[Line], score: str) -> str:
    """The drawing as the text of a file: means as lines, single seeds as dots, without privacy at the right."""
    epsilons = sorted({epsilon for one in lines for epsilon, _ in one.points})
    places = _places(epsilons)
    values = [value for one in lines for _, some in one.points for value in some]
    low, high = math.floor(20 * min(values)) / 20, math.ceil(20 * max(values)) / 20
    high = max(high, low + 0.05)

    def at(value: float) -> float:
        return _TOP + _PLOT_HEIGHT * (high - value) / (high - low)

    content = [
        element("title", f"{score} over epsilon"),
        element("style", _STYLE),
        element("rect", width=_WIDTH, height=_HEIGHT, fill="#fff"),
        text(_LEFT, 20, f"{score}, test split", css="title"),
    ]
    for step in range(round(20 * low), round(20 * high) + 1):
        content += [line(_LEFT, at(step / 20), _LEFT + _PLOT_WIDTH, at(step / 20), "grid")]
        content += [text(_LEFT - 8, at(step / 20) + 4, f"{step / 20:.2f}", anchor="end")]
    for epsilon, place in places.items():
        name = f"{epsilon:g}" if math.isfinite(epsilon) else "no privacy"
        content += [text(place, _TOP + _PLOT_HEIGHT + 18, name, anchor="middle")]
    content += [text(_LEFT + _PLOT_WIDTH / 2, _TOP + _PLOT_HEIGHT + 40, "epsilon", anchor="middle")]
    free = -math.inf
    for mean, one, colour in sorted((-_last(one), one, colour) for one, colour in zip(lines, _COLOURS, strict=False)):
        points = [(places[epsilon], some) for epsilon, some in sorted(one.points)]
        ways = [("L" if i else "M", x, at(fmean(some))) for i, (x, some) in enumerate(points)]
        dots = [circle(x, at(value), 3, "dot", one.name) for x, some in points for value in some]
        filled = (element("g", dot, stroke="none", fill=colour) for dot in dots)
        content += [element("g", path(*ways, css="curve"), *filled, stroke=colour)]
        free = max(at(-mean), free + 14)
        content += [element("text", one.name, x=points[-1][0] + 10, y=free + 4, style=f"fill: {colour}")]
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    return element("svg", *content, xmlns="http://www.w3.org/2000/svg", role="img", viewBox=box) + "\n"


def _places(epsilons: Sequence[float]) -> dict[float, float]:
    """Pixels: epsilons by their logarithm, and no privacy a step to the right of them."""
    finite = [epsilon for epsilon in epsilons if math.isfinite(epsilon)]
    first, last = (math.log(finite[0]), math.log(finite[-1])) if finite else (0.0, 0.0)
    room = _PLOT_WIDTH - 60 - (90 if len(finite) < len(epsilons) else 0)
    found = {one: _LEFT + 30 + room * (math.log(one) - first) / max(last - first, 1e-9) for one in finite}
    return found | ({math.inf: _LEFT + _PLOT_WIDTH - 30} if len(finite) < len(epsilons) else {})


def _last(one: Line) -> float:
    return fmean(max(one.points)[1])
