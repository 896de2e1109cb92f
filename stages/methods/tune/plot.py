"""A search as one SVG file that needs no style sheet: how it went, the metric over each knob, and what mattered."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from stages.methods.document.charts import axis, clipped
from stages.methods.document.svg import circle, element, line, path, rect, text
from stages.methods.tune.space import Knob, written
from stages.methods.tune.trials import Search, Trial, best_of, importance

_WIDTH, _HEIGHT = 400.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 384.0, 38.0, 196.0
_COLUMNS = 2
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1d2326 } .title { font-weight: 600; font-size: 13px }
.tick, .note { fill: #626a6e } .paper { fill: #fdfcfa } .grid { stroke: #e3dfd6 }
.complete { fill: #8b8f90 } .best { fill: #0f6a66 } .out { fill: none; stroke: #8b8f90; stroke-width: 1.5 }
.line { fill: none; stroke: #0f6a66; stroke-width: 2 } .bar { fill: #0f6a66 }
@media (prefers-color-scheme: dark) {
text { fill: #e6e8e6 } .tick, .note { fill: #9aa4a7 } .paper { fill: #14181a } .grid { stroke: #2e3639 }
.complete { fill: #7f898c } .best, .bar { fill: #58bdb2 } .out { stroke: #7f898c } .line { stroke: #58bdb2 }
}
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a value of the metric stands; values beyond `high` are drawn at the edge, hollow."""

    low: float
    high: float
    ticks: Sequence[float]

    def y(self, value: float) -> float:
        """The height of a value within a panel."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return _BOTTOM - (_BOTTOM - _TOP) * share

    def holds(self, value: float) -> bool:
        """Whether the value is within the panel."""
        return self.low <= value <= self.high


def chart(search: Search, trials: Sequence[Trial]) -> str:
    """The drawing as the text of a file."""
    done = [trial for trial in trials if trial.value is not None]
    if not done:
        panels = [[text(16, 24, "no trial was completed", css="note")]]
    else:
        scale = _scale(search, [float(trial.value or 0.0) for trial in done])
        shares = importance(search, trials)
        knobs = sorted(search.knobs, key=lambda knob: -shares.get(knob.name, 0.0))
        panels = [list(_history(search, trials, scale)), *(list(_over(search, knob, done, scale)) for knob in knobs)]
        panels += [list(_importance(shares))] if shares else []
    rows = math.ceil(len(panels) / _COLUMNS)
    width, height = _WIDTH * min(_COLUMNS, len(panels)), _HEIGHT * rows
    placed = [
        element("g", *panel, transform=f"translate({_WIDTH * (i % _COLUMNS):g} {_HEIGHT * (i // _COLUMNS):g})")
        for i, panel in enumerate(panels)
    ]
    name = f"The search {search.name}: {search.metric} of {len(done)} completed trials"
    content = (element("title", name), element("style", _STYLE), rect(0, 0, width, height, "paper"), *placed)
    box = f"0 0 {width:g} {height:g}"
    return element("svg", *content, xmlns="http://www.w3.org/2000/svg", role="img", viewBox=box) + "\n"


def _scale(search: Search, values: Sequence[float]) -> Scale:
    """Around the values; a few that went astray do not press the others together."""
    ordered = sorted(values, reverse=not search.lower_is_better)
    best, poor = ordered[0], ordered[3 * (len(ordered) - 1) // 4]
    kept = [value for value in values if abs(value - best) <= 4 * max(abs(poor - best), 1e-3)]
    margin = 0.05 * (max(kept) - min(kept))
    least = 0.0 if min(kept) >= 0 else -math.inf
    return Scale(*axis(max(min(kept) - margin, least), max(kept) + margin))


def _frame(title: str, note: str, scale: Scale) -> Iterator[Markup]:
    yield text(_LEFT - 36, 20, title, css="title")
    yield text((_LEFT + _RIGHT) / 2, _BOTTOM + 34, note, css="tick", anchor="middle")
    for tick in scale.ticks:
        yield line(_LEFT, scale.y(tick), _RIGHT, scale.y(tick), "grid")
        yield text(_LEFT - 6, scale.y(tick) + 4, f"{tick:.2f}", css="tick", anchor="end")


def _history(search: Search, trials: Sequence[Trial], scale: Scale) -> Iterator[Markup]:
    """The metric by trial, and the best so far; trials without a value stand on the upper edge."""
    yield from _frame(search.metric, "trial", scale)
    room = max(1, len(trials) - 1)

    def x(number: int) -> float:
        return _LEFT + 10 + (_RIGHT - _LEFT - 20) * number / room

    for number in sorted({0, room // 2, room} if len(trials) > 1 else {0}):
        yield text(x(number), _BOTTOM + 17, str(number), css="tick", anchor="middle")
    yield from _best_so_far(search, trials, scale, x)
    for trial in trials:
        if trial.value is None:
            yield text(x(trial.number), _TOP - 2, "×" if trial.state == "failed" else "–", css="note", anchor="middle")
        else:
            yield _dot(search, trial, x(trial.number), scale, best_of(search, trials))
    states = [f"{mark} {name}" for mark, name in (("×", "failed"), ("–", "pruned")) if _any(trials, name)]
    yield text(_RIGHT, 20, ", ".join(states), css="tick", anchor="end")


def _any(trials: Sequence[Trial], state: str) -> bool:
    return any(trial.state == state for trial in trials)


def _best_so_far(search: Search, trials: Sequence[Trial], scale: Scale, x: Callable[[int], float]) -> Iterator[Markup]:
    moves: list[tuple[str | float, ...]] = []
    for trial in trials:
        best = best_of(search, trials[: trial.number + 1])
        if best is not None and best.value is not None:
            moves += [("H", x(trial.number)), ("V", scale.y(best.value))] if moves else [
                ("M", x(trial.number), scale.y(best.value))
            ]  # fmt: skip
    if moves:
        yield path(*moves, css="line")


def _over(search: Search, knob: Knob, done: Sequence[Trial], scale: Scale) -> Iterator[Markup]:
    """The metric over the values of one knob."""
    yield from _frame(f"{search.metric} over {knob.name}", knob.name + (", logarithmic" if knob.log else ""), scale)
    x, ticks = _positions(knob)
    for label, value in ticks:
        yield text(x(value), _BOTTOM + 17, label, css="tick", anchor="middle")
    for trial in done:
        yield _dot(search, trial, x(trial.params[knob.name]), scale, best_of(search, done))


def _positions(knob: Knob) -> tuple[Callable[[Any], float], list[tuple[str, Any]]]:
    """Where the values of a knob stand, and which are written below."""
    if knob.choices:
        names = [written(choice) for choice in knob.choices]
        step = (_RIGHT - _LEFT) / len(names)
        fits = max(4, int(step / 7))
        ticks = [(clipped(name, fits), choice) for name, choice in zip(names, knob.choices, strict=True)]
        return lambda value: _LEFT + step * (names.index(written(value)) + 0.5), ticks

    middle = math.sqrt(knob.low * knob.high) if knob.log else (knob.low + knob.high) / 2
    room = _RIGHT - _LEFT - 20
    marks = [(f"{value:.2g}", value) for value in (knob.low, middle, knob.high)]
    return lambda value: _LEFT + 10 + room * knob.share(value), marks


def _dot(search: Search, trial: Trial, x: float, scale: Scale, best: Trial | None) -> Markup:
    assert trial.value is not None
    told = ", ".join(f"{name} {written(value)}" for name, value in trial.params.items())
    tip = f"{search.experiment(trial.number)}: {search.metric} {trial.value:.4f}; {told}"
    is_best = best is not None and best.number == trial.number
    css = "best" if is_best else "complete" if scale.holds(trial.value) else "out"
    return circle(x, scale.y(trial.value), 5.5 if is_best else 4, css, tip)


def _importance(shares: dict[str, float]) -> Iterator[Markup]:
    """How much of the ranking of the trials each knob explains."""
    yield text(_LEFT - 36, 20, "share of the ranking explained (fANOVA)", css="title")
    for index, (name, share) in enumerate(sorted(shares.items(), key=lambda item: -item[1])):
        y = _TOP + 12 + 26 * index
        yield text(_LEFT - 36, y + 12, clipped(name, 24), css="label")
        yield rect(190, y, 150 * share, 14, "bar")
        yield text(196 + 150 * share, y + 12, f"{100 * share:.0f} %", css="tick")
