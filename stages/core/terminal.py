"""What is printed for people. A terminal obeys control characters, and texts, labels and file names may hold some."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, TextIO, cast


def printable(text: str) -> str:
    """A text that cannot steer a terminal: control characters other than newline and tab become escapes."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii") for c in text)


def calm() -> contextlib.AbstractContextManager[object]:
    """While it lasts, standard output is `printable` where it is a terminal; files and pipes get what is written."""
    if not sys.stdout.isatty():
        return contextlib.nullcontext()
    return contextlib.redirect_stdout(cast("TextIO", _Calm(sys.stdout)))


class _Calm:
    """A terminal that what is written to it cannot steer."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    def write(self, text: str) -> int:
        self._terminal.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)
