"""Small charts as SVG: dots with whiskers, lines, bars, shares, a heat map, a reliability diagram.

All are 400 units wide, so that their texts have the same size side by side and on a phone. Every value that a chart
shows by position is also written beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from stages.methods.document.svg import circle, drawing, element, line, path, rect, text
from stages.methods.document.wording import number, percent, plural, words

WIDTH = 400.0
_ROW = 26.0
_AXIS = 26.0
_STEPS = tuple(float(n * 10**power) for power in range(6) for n in (1, 2, 5))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval; `low` and `high` are None where there is none. Ours are drawn in the accent colour."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    ours: bool = True
    note: str = ""


def whiskers(
    title: str,
    estimates: Sequence[Estimate],
    marks: Sequence[tuple[str, float]] = (),
    scale: float = 100,
    digits: int = 1,
) -> Markup:
    """A row a value: dot, 95 % interval, and the numbers, times `scale`. `marks` are vertical lines (chance, say)."""
    ends = [end for e in estimates for end in (e.low, e.high, e.value) if end is not None] + [m[1] for m in marks]
    low, high, ticks = axis(min(ends, default=0), max(ends, default=1))
    left, right = _label_width([e.name for e in estimates]), 276.0  # a dot at the end keeps clear of "100.0"
    height = _ROW * len(estimates) + _AXIS + (16 if marks else 0)
    top = 16.0 if marks else 0.0

    def x(value: float) -> float:
        return left + (right - left) * (value - low) / (high - low)

    bottom = top + _ROW * len(estimates)
    parts = [line(x(tick), top, x(tick), bottom, "grid") for tick in ticks]
    parts += [text(x(tick), bottom + 17, f"{scale * tick:.4g}", css="tick", anchor="middle") for tick in ticks]
    for name, value in marks:
        parts += [
            line(x(value), top - 2, x(value), bottom, "mark"),
            text(x(value), 11, name, css="tick", anchor="middle"),
        ]
    for index, e in enumerate(estimates):
        y = top + _ROW * (index + 0.5)
        css = "ours" if e.ours else "other"
        parts.append(text(0, y + 4.5, clipped(e.name, 25), css="label"))
        if e.low is not None and e.high is not None:
            parts.append(line(x(e.low), y, x(e.high), y, f"whisker {css}"))
        told = percent(e.value) if scale == 100 else number(e.value)
        shown, first, last = (_short(end, scale, digits) for end in (e.value, e.low, e.high))
        parts.append(circle(x(e.value), y, 4.5, css, e.note or f"{e.name}: {told}"))
        parts += [
            text(328, y + 4.5, shown, css="value", anchor="end"),
            text(333, y + 4.5, f"{first}\u2013{last}" if first and last else "", css="tick"),
        ]
    return drawing(title, WIDTH, height, *parts)


def _short(value: float | None, scale: float, digits: int) -> str:
    """A number that fits its column; nothing for one that is not known."""
    if value is None:
        return ""
    shown = scale * value
    digits = digits if abs(shown) < 100 else min(digits, 1)
    return f"{shown:.{digits}f}" if abs(shown) < 1000 else f"{shown:.3g}"


def _label_width(names: Sequence[str]) -> float:
    """Room for the longest name, within bounds: about seven units a letter."""
    return min(176.0, max(110.0, 20 + 7.0 * max(map(len, names), default=0)))


def axis(low: float, high: float) -> tuple[float, float, list[float]]:
    """Round bounds around values, and two to six round ticks from the one to the other."""
    span = max(high - low, 0.02)
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, *_STEPS) if span / s <= 4.5), span / 4)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return first * step, last * step, [i * step for i in range(first, last + 1)]


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]], x_name: str) -> Markup:
    """Curves over a common x; the first is drawn in the accent colour, each is named at its end."""
    points = [point for curve in series.values() for point in curve]
    if not points:
        return Markup("")
    left, right, top, bottom = 40.0, 296.0, 8.0, 178.0
    x_max = max(p[0] for p in points) or 1.0
    _, y_max, ticks = axis(0, max(p[1] for p in points))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return left + (right - left) * point[0] / x_max, bottom - (bottom - top) * point[1] / y_max

    parts = []
    for tick in ticks:
        y = place((0, tick))[1]
        parts += [line(left, y, right, y, "grid"), text(left - 6, y + 4, f"{tick:.2f}", css="tick", anchor="end")]
    for share in (0, 0.5, 1):
        parts.append(
            text(left + (right - left) * share, bottom + 17, number(round(x_max * share)), css="tick", anchor="middle")
        )
    parts.append(text((left + right) / 2, bottom + 34, x_name, css="tick", anchor="middle"))
    names = _apart([(place(curve[-1])[1], name) for name, curve in series.items() if curve], 16)
    for index, (name, curve) in enumerate(series.items()):
        if not curve:
            continue
        places = [place(point) for point in curve]
        steps: list[tuple[str | float, ...]] = [("L" if i else "M", x, y) for i, (x, y) in enumerate(places)]
        css = f"curve{index}"
        parts.append(path(*steps, css=f"curve {css}"))
        if len(places) <= 30:
            parts += [
                circle(x, y, 3, f"dot {css}", f"{name}, {x_name} {number(p[0])}: {p[1]:.3f}")
                for (x, y), p in zip(places, curve, strict=True)
            ]
        parts.append(text(right + 8, names[name] + 4, f"{name} {curve[-1][1]:.2f}", css=f"label name-{css}"))
    return drawing(title, WIDTH, bottom + 40, *parts)


def _apart(wanted: Sequence[tuple[float, str]], gap: float) -> dict[str, float]:
    """Heights for labels near the wanted ones, at least `gap` apart."""
    found: dict[str, float] = {}
    last = -gap
    for y, name in sorted(wanted):
        last = max(y, last + gap)
        found[name] = last
    return found


def bars(title: str, rows: Sequence[tuple[str, float]], notes: Sequence[str] = ()) -> Markup:
    """Horizontal bars with their counts, and a note on each; empty where there is nothing to draw."""
    if not rows:
        return Markup("")
    top = max(value for _, value in rows) or 1
    parts = []
    for index, (name, value) in enumerate(rows):
        y, note = _ROW * index, notes[index] if notes else ""
        width = (100 if notes else 190) * value / top
        parts.append(text(0, y + 17, clipped(words(name), 22), css="label"))
        parts.append(rect(150, y + 6, max(width, 1.0), 14, "ours", f"{words(name)}: {number(value)} {note}".strip()))
        told = (number(value), element("tspan", f"  {note}", class_="note")) if note else (number(value),)
        parts.append(text(157 + width, y + 17, *told, css="value"))
    return drawing(title, WIDTH, _ROW * len(rows), *parts)


def shares(title: str, rows: Sequence[tuple[str, Mapping[str, int]]]) -> Markup:
    """A full-width bar a row, cut in proportion: how each label is spread over the splits."""
    names = list(dict.fromkeys(name for _, parts in rows for name in parts))
    parts: list[Markup] = []
    for index, name in enumerate(names):
        parts += [rect(110 + index * 92, 3, 10, 10, f"end{index}"), text(125 + index * 92, 13, words(name), css="tick")]
    for row, (label, counts) in enumerate(rows):
        y, x, total = 24 + _ROW * row, 110.0, sum(counts.values())
        parts.append(text(0, y + 15, clipped(words(label), 16), css="label"))
        for index, name in enumerate(names):
            count = counts.get(name, 0)
            width = 236 * count / total if total else 0
            tip = f"{words(label)}, {words(name)}: {number(count)} ({percent(count / total) if total else ''})"
            parts.append(rect(x, y + 2, width, 18, f"end{index}", tip))
            if width > 34:
                parts.append(
                    text(x + width / 2, y + 15, f"{100 * count / total:.1f}", css=f"inside in{index}", anchor="middle")
                )
            x += width
        parts.append(text(WIDTH, y + 15, number(total), css="value", anchor="end"))
    return drawing(title, WIDTH, 24 + _ROW * len(rows), *parts)


def heat_map(title: str, labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Markup:
    """A confusion matrix: rows are the true labels, columns the predicted ones; shade is the share of the row."""
    if not labels:
        return Markup("")
    left, top = 104.0, 40.0
    cell = (WIDTH - left) / len(labels)
    height = min(cell, 62.0)
    parts = [text(left, 12, "predicted", css="tick"), text(0, top - 6, "true", css="tick")]
    for column, label in enumerate(labels):
        fits = max(3, int(cell / 7))
        parts.append(
            text(left + cell * (column + 0.5), top - 8, clipped(words(label), fits), css="label", anchor="middle")
        )
    for row, counts in enumerate(matrix):
        y, total = top + height * row, sum(counts)
        parts.append(text(0, y + height / 2 + 4, clipped(words(labels[row]), 14), css="label"))
        for column, count in enumerate(counts):
            share = count / total if total else 0.0
            tip = (
                f"true {labels[row]}, predicted {labels[column]}: {number(count)} of {number(total)} ({percent(share)})"
            )
            shade = element(
                "rect", element("title", tip), x=left + cell * column + 1, y=y + 1, width=cell - 2, height=height - 2,
                class_="cell right" if row == column else "cell", fill_opacity=round(0.06 + 0.5 * share, 3),
            )  # fmt: skip
            middle = left + cell * (column + 0.5)
            parts += [shade, text(middle, y + height / 2 + 5, number(count), css="inside", anchor="middle")]
    return drawing(title, WIDTH, top + height * len(matrix), *parts)


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of about the same confidence: its mean, the share that is right with its interval, and how many they are."""

    confidence: float
    right: float
    rows: int
    low: float | None = None
    high: float | None = None


def reliability(title: str, bins: Sequence[Bin]) -> Markup:
    """How often the model is right when it is this sure."""
    left, top, size = 44.0, 26.0, 210.0
    most = max((bin.rows for bin in bins), default=0) or 1

    def x(value: float) -> float:
        return left + 300 * value

    def y(value: float) -> float:
        return top + size * (1 - value)

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [
            line(left, y(tick), x(1), y(tick), "grid"),
            text(left - 6, y(tick) + 4, f"{100 * tick:.0f}", css="tick", anchor="end"),
        ]
        parts.append(text(x(tick), top + size + 17, f"{100 * tick:.0f}", css="tick", anchor="middle"))
    parts.append(line(x(0), y(0), x(1), y(1), "mark"))
    for bin in bins:
        tip = f"{plural(bin.rows, 'row')} with mean confidence {percent(bin.confidence)}: {percent(bin.right)} right"
        if bin.low is not None and bin.high is not None:
            parts.append(line(x(bin.confidence), y(bin.low), x(bin.confidence), y(bin.high), "whisker ours faded"))
        parts.append(circle(x(bin.confidence), y(bin.right), 3 + 5 * (bin.rows / most) ** 0.5, "ours", tip))
    parts.append(text(left + 150, top + size + 34, "confidence, %", css="tick", anchor="middle"))
    parts.append(text(0, 11, "share right, %", css="tick"))  # above the plot: below 100 %, dots would hide it
    return drawing(title, WIDTH, top + size + 40, *parts)


def clipped(name: str, length: int) -> str:
    """A name short enough for its column."""
    return name if len(name) <= length else name[: length - 1] + "\u2026"
