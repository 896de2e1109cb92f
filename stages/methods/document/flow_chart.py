"""The picture of the rows on their way: a stream whose width is the number of rows, and branches where rows leave it.

The stream runs downwards, so that every branch has a line of its own for its label however small it is. Widths are
exact at the place where a branch leaves; towards its label it narrows and fades. When little of the stream is left, it
is drawn wider from there on, and says so. Branches and ends carry their stage and reason, for the script that lists
their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from stages.methods.document.svg import drawing, element, line, path, rect, text
from stages.methods.document.wording import number, percent, words

_ZOOM_BELOW = 0.4
_LINE = 19.0
_HAIRLINE = 0.8
_BRANCH_END = 12.0


@dataclass(frozen=True, slots=True)
class Branch:
    """Rows that left the stream in a stage, for one reason."""

    reason: str
    count: int
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A stage: rows in, those that left, and short notes on what else happened."""

    stage: str
    given: int
    branches: tuple[Branch, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def left(self) -> int:
        """Rows that go on."""
        return self.given - sum(branch.count for branch in self.branches)


@dataclass(frozen=True, slots=True)
class End:
    """Where rows are in the end: a split, and what became of it."""

    name: str
    count: int
    note: str = ""
    stage: str = "split"


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes in units of the drawing: where the stream starts, its greatest width, and where names and labels stand."""

    width: float
    stream: float
    thickness: float
    names: float
    labels: float
    slot: float


WIDE = Layout(width=800, stream=146, thickness=340, names=0, labels=556, slot=124)
NARROW = Layout(width=350, stream=0, thickness=136, names=176, labels=176, slot=96)


def flow_chart(steps: Sequence[Step], ends: Sequence[End], layout: Layout) -> Markup:
    """The drawing. `ends` may be empty; their counts should add up to what the last step leaves."""
    pen = _Pen(layout, max((step.given for step in steps), default=1))
    for index, step in enumerate(steps):
        pen.step(step)
        if (index + 1 < len(steps) or ends) and step.left:
            pen.zoom(step.left)
    pen.ends(ends)
    summary = f"{number(steps[0].given)} rows in, {number(steps[-1].left)} rows left" if steps else "no rows"
    css = "flow wide" if layout is WIDE else "flow narrow"
    return drawing(f"Rows through the stages: {summary}", layout.width, pen.y + 4, *pen.parts, css=css, role="group")


class _Pen:
    """Draws from top to bottom; `y` is how far it got, `scale` the width of one row."""

    def __init__(self, layout: Layout, rows: int) -> None:
        self.layout = layout
        self.scale = layout.thickness / max(rows, 1)
        self.y = 0.0
        self.parts: list[Markup] = []

    def step(self, step: Step) -> None:
        """One stage with its branches."""
        layout, top = self.layout, self.y
        beside = layout.names != layout.labels
        self.parts.append(line(layout.names, top + 0.5, layout.width, top + 0.5, "rule"))
        header = [text(layout.names, top + 22, words(step.stage), css="stage")]
        notes = (f"{number(step.given)} rows in", *step.notes)
        header += [text(layout.names, top + 22 + _LINE * (i + 1), note, css="note") for i, note in enumerate(notes)]
        below_header = top + 30 + _LINE * len(notes)
        at = top + 8 if beside else below_header - 8
        given = step.given
        self._stream(top, at, given)
        for branch in sorted(step.branches, key=lambda branch: (-branch.count, branch.reason)):
            at = self._branch(step, branch, at, given)
            given -= branch.count
        self.y = max(at + 8, below_header) + 4
        self._stream(at, self.y, given)
        self.parts += header

    def _branch(self, step: Step, branch: Branch, at: float, rows: int) -> float:
        """A branch from the stream's right bank to its label; gives the height at which the next may start."""
        layout, given = self.layout, step.given
        width = max(branch.count * self.scale, _HAIRLINE)
        right = layout.stream + rows * self.scale
        left = right - width
        fall = max(_LINE + 5, min(width * 0.3, 64))
        middle, half = at + fall - 8, min(width, _BRANCH_END) / 2
        tip_x = layout.labels - 10
        bend = max(24.0, (tip_x - right) * 0.55)
        shape = path(
            ("M", left, at),
            ("L", right, at),
            ("C", right, middle - half, right + bend * 0.4, middle - half, tip_x, middle - half),
            ("L", tip_x, middle + half),
            ("C", left + bend * 0.4, middle + half, left, middle + half, left, at, "Z"),
            css="branch",
        )
        share = percent(branch.count / given) if given else ""
        label = text(
            layout.labels, middle + 4.5,
            element("tspan", number(branch.count), class_="count"), " ", words(branch.reason),
            *([element("tspan", f"  {share}", class_="note")] if layout is WIDE else []),
            css="label",
        )  # fmt: skip
        tip = f"{number(branch.count)} of {number(given)} ({share}): {branch.explanation or words(branch.reason)}"
        target = rect(tip_x, middle - 12, layout.width - tip_x, 24, "target")
        self._part(tip, (step.stage, branch.reason), target, shape, label)
        self._stream(at, at + fall, rows - branch.count)
        return at + fall

    def _part(self, tip: str, code: tuple[str, str], *content: Markup) -> None:
        """A part of the picture that stands for the rows with one stage's reason."""
        stage, reason = code
        self.parts.append(
            element(
                "g", element("title", tip), *content,
                class_="part", tabindex=0, role="img", aria_label=tip, data_stage=stage, data_reason=reason,
            )
        )  # fmt: skip

    def _stream(self, top: float, bottom: float, rows: int) -> None:
        # Half a unit of overlap: without it, browsers show hairlines between the pieces.
        self.parts.append(rect(self.layout.stream, top, rows * self.scale, bottom - top + 0.5, "stream"))

    def zoom(self, rows: int) -> None:
        """Draw what is left over the full width from here on, if it has become thin."""
        layout = self.layout
        before = rows * self.scale
        if before >= layout.thickness * _ZOOM_BELOW:
            return
        top, bottom, left = self.y, self.y + 46, layout.stream
        wide = left + layout.thickness
        shape = path(
            ("M", left, top),
            ("L", left + before, top),
            ("C", left + before, top + 30, wide, bottom - 30, wide, bottom),
            ("L", left, bottom, "Z"),
            css="zoom",
        )
        self.parts.append(shape)
        times = f"{layout.thickness / before:.1f} times wider from here"
        self.parts.append(text(layout.labels, top + 27, times, css="note"))
        self.scale = layout.thickness / rows
        self.y = bottom

    def ends(self, ends: Sequence[End]) -> None:
        """The stream parts into its ends."""
        layout, total = self.layout, sum(end.count for end in ends)
        source = target = layout.stream
        self.parts.append(line(layout.names, self.y + 0.5, layout.width, self.y + 0.5, "rule"))
        top, bottom = self.y, self.y + 52
        for index, end in enumerate(ends):
            width = max(end.count * self.scale, _HAIRLINE)
            shape = path(
                ("M", source, top),
                ("L", source + width, top),
                ("C", source + width, top + 30, target + width, bottom - 30, target + width, bottom),
                ("L", target, bottom),
                ("C", target, bottom - 30, source, top + 30, source, top, "Z"),
                css=f"stream end{index}",
            )
            share = percent(end.count / total) if total else ""
            lines = [text(target, bottom + 22, words(end.name), css="stage")]
            lines.append(text(target, bottom + 41, f"{number(end.count)}", css="count"))
            lines += [
                text(target, bottom + 41 + _LINE * (i + 1), note, css="note")
                for i, note in enumerate((share, end.note))
            ]
            tip = f"{words(end.name)}: {number(end.count)} of {number(total)} rows ({share}). {end.note}"
            area = rect(target, bottom, max(width, layout.slot), 41 + 2 * _LINE, "target")
            self._part(tip, (end.stage, end.name), area, shape, *lines)
            source += width
            target += max(width, layout.slot) + 12
        self.y = bottom + 41 + 2 * _LINE + 8 if ends else self.y + 2
