"""Pieces of an SVG drawing as escaped text. Colours come from the page's style sheet, by class."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

Attribute = str | int | float | None


def element(name: str, *content: str | Markup, **attributes: Attribute) -> Markup:
    """An element; content that is not Markup is escaped. `class_` becomes `class`, `text_anchor` `text-anchor`."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = join(content)
    tag = f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>"
    return Markup(tag)  # noqa: S704  # nosec B704 # its parts are escaped


def join(parts: Iterable[str | Markup]) -> Markup:
    """Parts one after the other, those that are not Markup escaped."""
    return Markup("").join(parts)


def drawing(name: str, width: float, height: float, *content: Markup, css: str = "", role: str = "img") -> Markup:
    """A whole drawing that scales with the page. `name` is what a screen reader says.

    As an `img` it is one thing to a screen reader; parts that can be chosen need the role `group`.
    """
    return element(
        "svg", element("title", name), *content,
        class_=f"chart {css}".strip(), viewBox=f"0 0 {_value(width)} {_value(height)}", role=role, aria_label=name,
    )  # fmt: skip


def text(x: float, y: float, *content: str | Markup, css: str = "", anchor: str | None = None) -> Markup:
    """A line of text, its baseline at y."""
    return element("text", *content, x=x, y=y, class_=css or None, text_anchor=anchor)


def rect(x: float, y: float, width: float, height: float, css: str, tip: str = "") -> Markup:
    """A rectangle, with a text shown on hover."""
    content = [element("title", tip)] if tip else []
    return element("rect", *content, x=x, y=y, width=max(width, 0), height=max(height, 0), class_=css)


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=css)


def circle(x: float, y: float, radius: float, css: str, tip: str = "") -> Markup:
    """A dot, with a text shown on hover."""
    content = [element("title", tip)] if tip else []
    return element("circle", *content, cx=x, cy=y, r=radius, class_=css)


def path(*moves: tuple[str | float, ...], css: str) -> Markup:
    """A path; each move is an SVG command with its numbers, e.g. `("L", 10, 20)`."""
    return element("path", d=" ".join(_value(part) for move in moves for part in move), class_=css)


def _value(value: Attribute) -> str:
    """Two decimals at most: finer than a pixel, and the same text on every machine."""
    return f"{round(value, 2) + 0.0:.7g}" if isinstance(value, float) else str(value)
