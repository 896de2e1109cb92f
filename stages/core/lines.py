"""The lines of a text file, decoded one at a time in bounded memory, with bytes that do not fit kept recognisable."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from stages.core.errors import DataError, Fault, UsageError

_PEEK = 65_536
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""Byte order marks; that of UTF-32 begins with that of UTF-16."""
_PACKED = {
    b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PAR1\x15": "parquet",
}  # fmt: skip
_WIDE = ("utf-16", "utf-32")


class Line(NamedTuple):
    """One line with its end. Where `whole` is false it was too long to keep, and `text` is a digest of it."""

    number: int
    text: str
    whole: bool = True


def read_lines(path: Path, encoding: str, longest: int) -> Iterator[Line]:
    """The lines of a file, numbered from 1, without its byte order mark.

    A line ends at LF (so with CR LF too), or at CR in a file that has no LF; no other character ends one, since texts
    hold them. A byte that does not fit the encoding becomes the lone surrogate U+DC00 plus the byte. A line of more
    than `longest` characters is read through in pieces and given as a digest. Raises as `open_text` does.
    """
    with open_text(path, encoding) as (text, newline):
        number = 0
        while piece := text.readline(longest + 1):
            number += 1
            if number == 1:
                piece = piece.removeprefix("\ufeff")
            yield _line(text, number, piece, newline, longest)


@contextmanager
def open_text(path: Path, encoding: str) -> Iterator[tuple[io.TextIOWrapper, str]]:
    """A text file to read from, and what ends its lines; for what becomes of its bytes see `read_lines`.

    Raises UsageError for an unknown encoding, DataError for a file that is packed or is in another encoding.
    """
    check_encoding(encoding, str(path))
    with path.open("rb") as raw:
        head = raw.read(_PEEK)
        raw.seek(0)
        if fault := _no_text(path.name, head, encoding):
            raise DataError(fault)
        newline = "\r" if b"\r" in head and b"\n" not in head else "\n"
        yield io.TextIOWrapper(raw, encoding, _KEEP_BYTES, newline), newline


def check_encoding(encoding: str, place: str) -> None:
    """Raises UsageError when Python knows no text encoding of that name, or one that has no place for bad bytes."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding)
        b"a\xff".decode(encoding, _KEEP_BYTES)
    except (LookupError, ValueError):
        fault = Fault(place, f"unknown encoding {encoding!r}", "write utf-8, utf-16, cp1252, latin-1, ...")
        raise UsageError(fault) from None


def _no_text(name: str, head: bytes, encoding: str) -> Fault | None:
    """What a file is by its first bytes, where that is not text in this encoding."""
    for mark, format in _PACKED.items():
        if head.startswith(mark):
            return Fault(name, f"is a {format} file by its first bytes, not text", "unpack it, or correct `format`")
    declared = codecs.lookup(encoding).name
    found = next((wide for mark, wide in _MARKS.items() if head.startswith(mark)), declared)
    if declared == found and declared in _WIDE and not head.startswith(tuple(_MARKS)):
        return Fault(name, f"has no byte order mark, which {encoding} needs", f"write {found}-le or {found}-be")
    if not declared.startswith(found):
        return Fault(name, f"is {found.upper()} by its first bytes, not {encoding}", "set the source's `encoding`")
    if not declared.startswith(_WIDE) and 4 * head.count(0) > len(head) > 0:
        problem = f"is no text in {encoding}: {head.count(0)} of its first {len(head)} bytes are NUL"
        return Fault(name, problem, "set the source's `encoding`, e.g. utf-16-le, or bring the file back")
    return None


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
