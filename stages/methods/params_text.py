"""The text of a params file, changed where it must be and nowhere else, so that its comments stay.

For files laid out as the presets are: one key a line, two spaces a level, a comment behind the value. YAML libraries
can write the values too, but lose or move a comment that stands behind a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WORD = r'(?!#)(?:"(?:[^"\\]|\\.)*"|[^\s"])+'
_KEY = re.compile(rf"(?P<indent> *(?:- )?)(?P<key>\w+):(?P<value>(?: +{_WORD})*)(?P<gap> *)(?P<comment>(?:#.*)?)")


@dataclass(frozen=True, slots=True)
class Knob:
    """A key of the file: its dotted path, its value as written, its comment, its lines from `start` to before `end`.

    Keys of a list's items have the list's path before them: `ingest.sources.name`.
    """

    path: str
    value: str
    comment: str
    start: int
    end: int


def knobs_of(text: str) -> list[Knob]:
    """All keys, in their order; sections have an empty value."""
    found: list[Knob] = []
    above: list[tuple[int, str]] = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if match := _KEY.fullmatch(line):
            depth = len(match["indent"])
            above = [*((level, key) for level, key in above if level < depth), (depth, match["key"])]
            path = ".".join(key for _, key in above)
            found.append(Knob(path, match["value"].strip(), match["comment"], number, _end(lines, number, depth)))
    return found


def with_values(text: str, values: Mapping[str, str]) -> str:
    """The file with other values, given as YAML by dotted path; a list of many lines begins with a newline.

    All that stood below a replaced key goes. A key that is not there is added at the end of its section.
    """
    for path, value in values.items():
        text = _with_value(text, path, value)
    return text


def _with_value(text: str, path: str, value: str) -> str:
    lines = text.split("\n")
    knobs = {knob.path: knob for knob in knobs_of(text)}
    section, _, name = path.rpartition(".")
    if path in knobs:
        knob = knobs[path]
        lines[knob.start : knob.end] = _written(lines[knob.start], value)
    else:
        depth = section.count(".") + 1
        lines.insert(knobs[section].end, f"{'  ' * depth}{name}: {value}")
    return "\n".join(lines)


def _written(line: str, value: str) -> list[str]:
    """The key's line with another value; its comment stays in its column, or moves behind a longer value."""
    match = _KEY.fullmatch(line)
    assert match
    first, *more = value.split("\n")
    said = f"{match['indent']}{match['key']}:{f' {first}' if first else ''}"
    if match["comment"]:
        column = match.start("comment")
        said = f"{said:<{column}}" if len(said) < column else f"{said}   "
    return [said + match["comment"], *more]


def _end(lines: list[str], start: int, depth: int) -> int:
    """The line behind the last one that belongs to the key: what stands deeper, and the items of its list."""
    end = start + 1
    while end < len(lines) and lines[end].strip():
        inner = len(lines[end]) - len(lines[end].lstrip(" "))
        if inner < depth or (inner == depth and not lines[end].startswith(" " * depth + "- ")):
            break
        end += 1
    return end
