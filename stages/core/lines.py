"""The lines of a text file, decoded one at a time in bounded memory, with bytes that do not fit kept recognisable."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stages.core.errors import DataError, Fault, UsageError

_PEEK = 65_536
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Line(NamedTuple):
    """One line with its end. Where `whole` is false it was too long to keep, and `text` is a digest of it."""

    number: int
    text: str
    whole: bool = True


def read_lines(path: Path, encoding: str, longest: int) -> Iterator[Line]:
    """The lines of a file, numbered from 1, without its byte order mark.

    A line ends at LF (so with CR LF too), or at CR in a file that has no LF; no other character ends one, since texts
    hold them. A byte that does not fit the encoding becomes the lone surrogate U+DC00 plus the byte. A line of more
    than `longest` characters is read through in pieces and given as a digest. Raises UsageError for an unknown
    encoding, DataError for UTF-16 that is declared as something else.
    """
    check_encoding(encoding, str(path))
    with path.open("rb") as raw:
        head = raw.read(_PEEK)
        raw.seek(0)
        if head.startswith(_UTF16_MARKS) and not codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
            fault = Fault(path.name, f"is UTF-16 by its first bytes, not {encoding}", "set the source's `encoding`")
            raise DataError(fault)
        newline = "\r" if b"\r" in head and b"\n" not in head else "\n"
        text = io.TextIOWrapper(raw, encoding, _KEEP_BYTES, newline)
        number = 0
        while piece := text.readline(longest + 1):
            number += 1
            if number == 1:
                piece = piece.removeprefix("\ufeff")
            yield _line(text, number, piece, newline, longest)


def check_encoding(encoding: str, place: str) -> None:
    """Raises UsageError when Python knows no text encoding of that name."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding)
    except LookupError:
        fault = Fault(place, f"unknown encoding {encoding!r}", "write utf-8, utf-16, cp1252, latin-1, ...")
        raise UsageError(fault) from None


def read_text(path: Path, encoding: str) -> str:
    """A whole file decoded as `read_lines` does: for formats that are one value."""
    return "".join(line.text for line in read_lines(path, encoding, path.stat().st_size + 1))


def _line(text: io.TextIOWrapper, number: int, piece: str, newline: str, longest: int) -> Line:
    """A line from its first piece; the rest of one that is too long is read and forgotten."""
    if len(piece) <= longest or piece.endswith(newline):
        return Line(number, piece)
    digest = hashlib.sha256()
    while piece:
        digest.update(piece.encode("utf-8", "surrogatepass"))
        if piece.endswith(newline):
            break
        piece = text.readline(longest + 1)
    return Line(number, digest.hexdigest(), whole=False)


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    """Like Python's `surrogateescape`, which refuses bytes below 0x80; UTF-16 can stumble over those too."""
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


_KEEP_BYTES = "rowtrail-keep-bytes"
codecs.register_error(_KEEP_BYTES, _keep_bytes)
