"""Values as Markdown (CommonMark with GitHub's tables): whatever a value holds, it stays text and breaks no table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from stages.methods.document.wording import NOT_RECORDED, is_number, number

_WIDEST = 70
_MOST = 40
_SPECIAL = re.compile(r"([\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_]))")
_BLOCK = re.compile(r"^( *\d*)([-+#=.)](?=[\s#=-]|$)|>)")
"""What would begin a list, a heading, a quotation or a line across the page."""
_ENTITY = re.compile(r"&(?=#?\w+;)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


class Markdown(str):
    """Text that is Markdown already and must not be escaped again."""

    __slots__ = ()


def plain(value: Any) -> str:
    """A value on one line, without control and direction characters."""
    line = re.sub(r"[\s\x1c-\x1f\x85\u2028\u2029]*[\r\n\t\v\f\x1c-\x1f\x85\u2028\u2029]+\s*", " ", str(value))
    return "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))


def escaped(value: Any) -> Markdown:
    """A value as Markdown text; Markdown stays as it is, numbers and what is missing become words for people."""
    if isinstance(value, Markdown):
        return value
    if value is None:
        return Markdown(NOT_RECORDED)
    if isinstance(value, bool):
        return Markdown("yes" if value else "no")
    if is_number(value):
        return Markdown(number(value))
    return Markdown(_text(value).strip(" "))


def _text(value: Any) -> str:
    text = _TAG.sub("&lt;", _ENTITY.sub("&amp;", plain(value)))
    return _BLOCK.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", text))


def code(value: Any) -> Markdown:
    """A value as a code span: names of files, keys and commands, digests."""
    text = plain(value).strip(" ")
    if not text:
        return Markdown("(empty)")
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return Markdown(f"{fence}{space}{text}{space}{fence}")


def prose(value: Any) -> Markdown:
    """A sentence in which backticks mark code, as in the reasons that stages declare; the rest is escaped."""
    parts = re.split(r"`([^`\r\n]+)`", str(value))
    return Markdown("".join(code(part) if index % 2 else _text(part) for index, part in enumerate(parts)).strip(" "))


def join(parts: Sequence[Any], by: str = ", ") -> Markdown:
    """Values one after the other."""
    return Markdown(by.join(map(escaped, parts)))


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], most: int = _MOST) -> Markdown:
    """A table, its columns padded so that the source is readable too; a column named `>Rows` is set to the right.

    Rows beyond `most` are left out, and that is said. Without rows it is the words that nothing was recorded.
    """
    if not rows:
        return Markdown(f"_{NOT_RECORDED.capitalize()}._")
    right = [name.startswith(">") for name in header]
    cells = [
        [_cell(name.removeprefix(">")) for name in header],
        *([_cell(value) for value in row] for row in rows[:most]),
    ]
    widths = [max(3, *(len(line[i]) for line in cells if len(line[i]) <= _WIDEST)) for i in range(len(header))]
    rule = ["-" * (width - 1) + ":" if end else "-" * width for width, end in zip(widths, right, strict=True)]
    lines = [cells[0], rule, *cells[1:]]
    padded = [
        [cell.rjust(w) if end else cell.ljust(w) for cell, w, end in zip(line, widths, right, strict=True)]
        for line in lines
    ]
    text = "\n".join(f"| {' | '.join(line)} |" for line in padded)
    cut = f"\n\n_{most} of {number(len(rows))} rows; all are in the file named beside this table._"
    return Markdown(text + cut if len(rows) > most else text)


def _cell(value: Any) -> str:
    """In a cell also a code span must escape its pipes (GitHub Flavored Markdown, section 4.10)."""
    return re.sub(r"(?<!\\)\|", r"\\|", escaped(value)) or " "


def bullets(lines: Sequence[Any], otherwise: str) -> Markdown:
    """A list; without lines the sentence that says so."""
    return Markdown("\n".join(f"- {escaped(line)}" for line in lines)) if lines else escaped(otherwise)
