"""The elements of the list in a JSON file, one at a time: in bounded memory, however long the list is."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from stages.core.errors import DataError, Fault
from stages.core.lines import open_text

_PIECE = 2**16
_LONGEST = 2**24
"""Characters of the longest element. Parsed, it may take twenty times as many bytes."""
_LITERAL = 16
"""More characters than the longest word, number sign or escape that the end of a piece can cut in two."""
_BLANK = re.compile(r"[ \t\n\r]*")
_STEP = "mend it, or use `jsonl`"


class Repeated(dict[str, Any]):
    """An object that names a key twice: one of the values is lost, and nobody said which is meant."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object from its keys and values."""
    value = dict(pairs)
    return value if len(value) == len(pairs) else Repeated(value)


def read_elements(path: Path, encoding: str) -> Iterator[Any]:
    """The elements of the file's list, or of the one list (`data`, where there are several) in the file's object.

    An object is read twice, since only its end tells which lists it holds. Raises DataError for a file that is neither,
    for one that is not JSON, and for an element of more than 16 million characters.
    """
    with open_text(path, encoding) as (text, _):
        document = _Document(text, path.name)
        if document.peek() == "[":
            yield from document.elements()
        else:
            name = _list_name(path, encoding)
            for key in document.members():
                if key == name:
                    yield from document.elements()
                else:
                    document.skip()
        document.end()


def _list_name(path: Path, encoding: str) -> str:
    """The key of the list that holds the rows; all of the file is read."""
    keys, lists = [], []
    with open_text(path, encoding) as (text, _):
        document = _Document(text, path.name)
        if document.peek() != "{":
            document.skip()
        else:
            for key in document.members():
                keys.append(key)
                if document.peek() == "[":
                    lists.append(key)
                document.skip()
        document.end()
    if len({*keys}) < len(keys):
        raise DataError(Fault(path.name, "names a key twice", "rename one, so that each has one meaning"))
    if "data" in lists:
        return "data"
    if len(lists) != 1:
        raise DataError(Fault(path.name, "is neither a list nor an object with one list", "write a list of objects"))
    return lists[0]


class _Document:
    """JSON text under a window that moves on: what was read is forgotten, and what is needed is fetched."""

    def __init__(self, text: TextIO, name: str) -> None:
        self._text, self._name = text, name
        self._decoder = json.JSONDecoder(object_pairs_hook=once)
        self._line = 1
        self._window = text.read(_PIECE).removeprefix("\ufeff")
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is not blank; empty at the end of the file."""
        while True:
            blank = _BLANK.match(self._window, self._at)
            assert blank is not None
            self._at = blank.end()
            if self._at < len(self._window):
                return self._window[self._at]
            if not self._fetch():
                return ""

    def elements(self) -> Iterator[Any]:
        """The elements of the list that begins here."""
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        while True:
            yield self._value()
            if self._take(",]") == "]":
                return

    def members(self) -> Iterator[str]:
        """The keys of the object that begins here; the value must be taken before the next key is asked for."""
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            if self.peek() != '"':
                raise self._fault(self._at)
            key: str = self._value()
            self._take(":")
            yield key
            if self._take(",}") == "}":
                return

    def skip(self) -> None:
        """Pass by the value that begins here; a list may be of any length."""
        if self.peek() == "[":
            deque(self.elements(), maxlen=0)
        else:
            self._value()

    def end(self) -> None:
        """Raises DataError when more follows."""
        if self.peek():
            raise self._fault(self._at)

    def _value(self) -> Any:
        """The value that begins here, with as much of the file as it takes."""
        self.peek()
        while True:
            stopped = len(self._window)
            try:
                value, end = self._decoder.raw_decode(self._window, self._at)
            except json.JSONDecodeError as error:
                stopped = len(self._window) if error.msg.startswith("Unterminated") else error.pos
            except (ValueError, RecursionError):
                problem = "holds a number too long or objects nested too deep"
                raise DataError(Fault(self._place(self._at), problem, _STEP)) from None
            else:
                if end < len(self._window) or self._ended:  # a number may go on in the next piece
                    self._at = end
                    return value
            if self._ended or len(self._window) - stopped > _LITERAL:
                raise self._fault(stopped)
            self._fetch()

    def _take(self, wanted: str) -> str:
        found = self.peek()
        if not found or found not in wanted:
            raise self._fault(self._at)
        self._at += 1
        return found

    def _fetch(self) -> bool:
        """Forget what was read and fetch as much again as is left, so that a long value is not parsed too often."""
        left = len(self._window) - self._at
        if left > _LONGEST:
            problem = f"a value of more than {_LONGEST} characters, which would have to be held as a whole"
            raise DataError(Fault(self._place(self._at), problem, "use `jsonl`, and look at that row"))
        more = self._text.read(max(_PIECE, left))
        self._line += self._window.count("\n", 0, self._at)
        self._window, self._at = self._window[self._at :] + more, 0
        self._ended = not more
        return bool(more)

    def _place(self, at: int) -> str:
        return f"{self._name}:{self._line + self._window.count(chr(10), 0, at)}"

    def _fault(self, at: int) -> DataError:
        return DataError(Fault(self._place(at), "is not JSON from there on", _STEP))
