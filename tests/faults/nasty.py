"""A corpus of nasty files, made by code, with what must become of each of their rows counted by whoever made them.

Every text holds the word MARK, so that a message, an event or a report with a row's text in it can be found out.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MARK = "Zzyxmarked"
GOOD = f"the {MARK} parcel came late"
REFUSED = -1


@dataclass(frozen=True)
class Nasty:
    """A file, how the source describes it, and what must come of it.

    `rows` are those in the file and `good` those that can be records; where `rows` is REFUSED nothing may be written,
    and the message must hold `says`. `mib` bounds the memory the whole stage may take.
    """

    name: str
    content: bytes | Callable[[Path], Any]
    rows: int = REFUSED
    good: int = 0
    says: str = ""
    task: str = "classification"
    code: int = 3
    mib: int = 130
    soak: bool = False
    source: dict[str, Any] = field(default_factory=dict)
    ingest: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of the file: what stands before the colon says which case it is."""
        return self.name.partition(": ")[0]


def csv_of(*lines: str, header: str = "text,label", end: str = "\n") -> str:
    return end.join([header, *lines, ""])


ROW = f"{GOOD},good"
LABELS = ["null", "yes", "no", "1.0", "1", "01", "1e3", "2020-01-01", "NaN", "~", "=1+1"]


def repeated(head: bytes, piece: bytes, times: int, tail: bytes) -> Callable[[Path], None]:
    """A file of one piece many times over, written without holding it."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head)
            for _ in range(times // 1000):
                file.write(piece * 1000)
            file.write(piece * (times % 1000) + tail)

    return write


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", b"text,label\n" + b"\0" * 10_000_000)
    return held.getvalue()


DELIMITED = [
    Nasty("mark.csv: a byte order mark", csv_of(ROW).encode("utf-8-sig"), 1, 1),
    Nasty("mark.csv: two byte order marks", "\ufeff".encode() + csv_of(ROW).encode("utf-8-sig"), says="text"),
    Nasty("16.csv: UTF-16 that is said", csv_of(ROW, ROW).encode("utf-16"), 2, 2, source={"encoding": "utf-16"}),
    Nasty("16.csv: UTF-16 that is not said", csv_of(ROW).encode("utf-16"), says="UTF-16"),
    Nasty("16.csv: UTF-16 with no mark that is not said", csv_of(ROW).encode("utf-16-le"), says="NUL"),
    Nasty(
        "16.csv: UTF-16 cut in a character", csv_of(ROW, ROW).encode("utf-16")[:-1], 2, 1, source={"encoding": "utf-16"}
    ),
    Nasty("32.csv: UTF-32 that is said", csv_of(ROW).encode("utf-32"), 1, 1, source={"encoding": "utf-32"}),
    Nasty("32.csv: UTF-32 that is not said", csv_of(ROW).encode("utf-32"), says="UTF-32"),
    Nasty(
        "32.csv: UTF-32 said to be UTF-16", csv_of(ROW).encode("utf-32"), says="UTF-32", source={"encoding": "utf-16"}
    ),
    Nasty("1.csv: Latin-1 that is not said", csv_of(f"caf\xe9 {MARK},good", ROW).encode("latin-1"), 2, 1),
    Nasty(
        "1.csv: Latin-1 with replacements",
        csv_of(f"caf\xe9 {MARK},good", ROW).encode("latin-1"),
        2,
        2,
        source={"on_bad_bytes": "replace"},
    ),
    Nasty("nul.csv: NULs in a cell", csv_of(f"a\0b {MARK}\0,good", ROW).encode(), 2, 2),
    Nasty("sur.csv: encoded lone surrogates", b"text,label\n\xed\xa0\x80 x,good\n" + ROW.encode(), 2, 1),
    Nasty(
        "long.csv: a line of 100 MB", repeated(b"text,label\n", b"x" * 100_000, 1000, f",good\n{ROW}".encode()), 2, 1
    ),
    Nasty(
        "long.csv: a quoted cell of 4 MB in lines",
        repeated(b'text,label\n"', b"x" * 399 + b"\n", 10_000, f'",good\n{ROW}'.encode()),
        10_002,
        1,
    ),
    Nasty("cell.csv: a cell of 900,000 characters", csv_of("x" * 900_000 + ",good", ROW).encode(), 2, 1),
    Nasty("wide.csv: a header of a million columns", b"," * 1_000_000 + b"\n" + ROW.encode(), says="more than once"),
    Nasty(
        "wide.csv: a header of 150,000 different columns",
        csv_of(*["," * 149_999] * 3, header=",".join(map(str, range(150_000)))).encode(),
        says="lacks the column text",
    ),
    Nasty("wide.csv: rows of a million cells", csv_of(ROW, *["," * 1_000_000] * 20).encode(), 21, 1, mib=200),
    Nasty(
        "wide.csv: 1,000 columns",
        csv_of(*[ROW + ",x" * 998] * 50, header="text,label," + ",".join(map(str, range(998)))).encode(),
        50,
        50,
    ),
    Nasty("open.csv: a quote never closed", csv_of(f'"{GOOD},good', *[ROW] * 20_000).encode(), 20_001, 20_000),
    Nasty(
        "open.csv: quotes that close and open in every line",
        csv_of(*[f'{MARK}","b'] * 15_000, ROW).encode(),
        15_001,
        1,
    ),
    Nasty("odd.csv: quotes inside cells", csv_of(f'a "{MARK}" b,good', f'"a ""{MARK}""",good').encode(), 2, 2),
    Nasty("0.csv: an empty file", b"", says="is empty"),
    Nasty("0.csv: only a header", b"text,label\n", says="has no rows"),
    Nasty("0.csv: only a byte order mark", b"\xef\xbb\xbf", says="is empty"),
    Nasty("0.csv: only line ends", b"\n" * 100_000, says="is empty"),
    Nasty("cr.csv: lines end with CR", csv_of(ROW, ROW, end="\r").encode(), 2, 2),
    Nasty("crlf.csv: lines end with CR LF", csv_of(ROW, ROW, end="\r\n").encode(), 2, 2),
    Nasty("cr.csv: lines end in several ways", f"text,label\r\n{ROW}\n{ROW}\r\n{ROW}".encode(), 3, 3),
    Nasty(
        "vt.csv: what ends a line elsewhere", csv_of(*[f"a{c}{MARK},good" for c in "\v\f\x1c\x85\u2028"]).encode(), 5, 5
    ),
    Nasty("gz.csv: packed by gzip", gzip.compress(csv_of(*[ROW] * 50).encode()), says="gzip"),
    Nasty("gz.csv: a bomb of gzip", gzip.compress(b"\0" * 20_000_000), says="gzip"),
    Nasty("zip.csv: a bomb of zip", _zip(), says="zip"),
    Nasty("x.csv.gz: a packed file by its ending", gzip.compress(b"x"), says="format", code=2),
    Nasty(
        "esc.csv: columns that speak to a terminal", b"\x1b[2J\x07,\xe2\x80\xaebody,a\x00b\n1,2,3\n", says=r"\x1b[2J"
    ),
    Nasty(
        "id.csv: keys that repeat",
        csv_of(*[f"7,{ROW}"] * 9, header="id,text,label").encode(),
        9,
        1,
        source={"id": "id"},
    ),
    Nasty("id.csv: rows that repeat", csv_of(*[ROW] * 500).encode(), 500, 500),
    Nasty(
        "odd.csv: labels like numbers, dates and words of YAML",
        csv_of(*(f"{MARK} {n},{label}" for n, label in enumerate(LABELS))).encode(),
        11,
        11,
    ),
    Nasty(
        "rtl.csv: right to left and zero width",
        csv_of(f"\u202e{MARK}\u200b\u200f,\u05d0", "\u200b,good").encode(),
        2,
        2,
    ),
    Nasty("blank.csv: cells of blanks", csv_of(" \t,good", "\u2003,good", f"{MARK}, ", ROW).encode(), 4, 1),
    Nasty("few.csv: rows of other lengths", csv_of("a", "a,b,c", ROW, ",,,,").encode(), 4, 1),
    Nasty("semi.csv: semicolons", f"text;label\n{MARK}, too;good\n".encode(), 1, 1, source={"delimiter": ";"}),
    Nasty("semi.csv: semicolons that are not said", f"text;label\n{MARK};good\n".encode(), says="delimiter"),
    Nasty("x.tsv: a quote never closed", f'text\tlabel\n"{GOOD}\tgood\n{GOOD}\tgood\n'.encode(), 2, 2),
    Nasty("x.tsv: NULs and a cell too many", f"text\tlabel\n\0{MARK}\tgood\n{MARK}\tgood\tmore\n".encode(), 2, 1),
    Nasty(
        "twice.csv: columns that are named twice", b"a,b\n1,2\n", says="columns", code=2, source={"columns": ["a", "a"]}
    ),
    Nasty("$(touch owned);.csv: a name for a shell", csv_of(ROW).encode(), 1, 1),
    Nasty("a\nb \u202e.csv: a name in two lines, right to left", csv_of(ROW).encode(), 1, 1),
    Nasty("a\nb \u202e.csv: the same, refused", b"x,y\n1,2\n", says=r"a\nb \u202e.csv"),
    Nasty("\udcff.csv: a name that is no UTF-8", csv_of(ROW).encode(), 1, 1, source={"uri": "*.csv"}),
]
