"""Edits as small as they can be had at little cost."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from stages.core.spans import TextEdit, edits_between

_WORDS = re.compile(r"\s*\S+|\s+")
_CLOSE = 200


def trimmed(text: str, start: int, end: int, new: str) -> Iterator[TextEdit]:
    """The edit of `text[start:end]` to `new` without the head and tail that stay; nothing where all stays."""
    limit = min(end - start, len(new))
    head = 0
    while head < limit and text[start + head] == new[head]:
        head += 1
    tail = 0
    while tail < limit - head and text[end - 1 - tail] == new[-1 - tail]:
        tail += 1
    if head + tail < max(end - start, len(new)):
        yield TextEdit(start + head, end - tail, new[head : len(new) - tail])


def edits_by_word(old: str, new: str) -> list[TextEdit]:
    """Edits that turn `old` into `new`: lines are paired, then words aligned, then characters of differing words.

    difflib is quadratic, and a line has far fewer words than a text has characters. A differing stretch of more than
    200 characters becomes one edit; texts with different numbers of lines are taken as one line.
    """
    olds, news = old.split("\n"), new.split("\n")
    if len(olds) != len(news):
        olds, news = [old], [new]
    edits: list[TextEdit] = []
    place = 0
    for before, after in zip(olds, news, strict=True):
        edits += _in_line(before, after, place) if before != after else []
        place += len(before) + 1
    return edits


def _in_line(old: str, new: str, place: int) -> Iterator[TextEdit]:
    """Edits of one line, which starts at `place` of its text."""
    olds, news = _WORDS.findall(old), _WORDS.findall(new)
    last = 0
    for tag, a, b, c, d in difflib.SequenceMatcher(None, olds, news, autojunk=False).get_opcodes():
        place += sum(map(len, olds[last:a]))
        before, after = "".join(olds[a:b]), "".join(news[c:d])
        if tag != "equal" and max(len(before), len(after)) > _CLOSE:
            yield from (moved(edit, place) for edit in trimmed(before, 0, len(before), after))
        elif tag != "equal":
            yield from (moved(edit, place) for edit in edits_between(before, after))
        place += len(before)
        last = b


def moved(edit: TextEdit, by: int) -> TextEdit:
    """The same edit further to the right."""
    return TextEdit(edit.start + by, edit.end + by, edit.new)
