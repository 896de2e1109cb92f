"""Values that are slow to make and can be made again: a file beside the key, outside git and outside the DVC cache.

Deleting `.rowtrail/cache` at any time changes no byte of any output, only the time until it is there. Names are keyed
hashes and values are numbers, so no text is in it; yet a vector says something of the text it was made from: erase the
folder with the data.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from stages.core.keys import project_root

_SEAL = 8  # bytes of the hash before each value
_TABLE = "CREATE TABLE IF NOT EXISTS cache (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID"
_DELETE = "DELETE FROM cache WHERE name = ?"
T = TypeVar("T")


class Cache:
    """A table from names to bytes. A cache that is broken, locked or read-only is an empty one: it never fails."""

    def __init__(self, kind: str, folder: Path | None = None) -> None:
        """`kind` names all that the values depend on besides their own name: another kind is another file."""
        self.path = (folder or project_root() / ".rowtrail" / "cache") / f"{kind}.sqlite"

    def get(self, names: Iterable[str]) -> dict[str, bytes]:
        """The values that are there, by name."""
        try:
            found = self._do(partial(_select, names=sorted(set(names))))
        except _Unusable:
            return {}
        if damaged := [name for name, value in found.items() if not _is_sealed(name, value)]:
            with contextlib.suppress(_Unusable):
                self._do(lambda database: database.executemany(_DELETE, [(name,) for name in damaged]))
        return {name: value[_SEAL:] for name, value in found.items() if name not in damaged}

    def put(self, values: Mapping[str, bytes]) -> None:
        """Add values; one that is there already stays."""
        rows = [(name, _sealed(name, value)) for name, value in sorted(values.items())]
        with contextlib.suppress(_Unusable, OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._do(lambda database: database.execute(_TABLE))
            self._do(lambda database: database.executemany("INSERT OR IGNORE INTO cache VALUES (?, ?)", rows))

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run and commit. Raises _Unusable, and deletes a file that is no database at all."""
        try:
            with contextlib.closing(sqlite3.connect(self.path)) as database, database:
                return work(database)
        except sqlite3.OperationalError:  # no table yet, locked by another run, or nowhere to write
            raise _Unusable from None
        except sqlite3.DatabaseError:
            self.path.unlink(missing_ok=True)
            raise _Unusable from None


def _sealed(name: str, value: bytes) -> bytes:
    """A value behind its hash: SQLite would hand out one that was damaged, and a stage's output would be another."""
    return hashlib.sha256(name.encode() + b"\0" + value).digest()[:_SEAL] + value


def _is_sealed(name: str, value: object) -> bool:
    return isinstance(value, bytes) and value == _sealed(name, value[_SEAL:])


def _select(database: sqlite3.Connection, names: Sequence[str]) -> dict[str, bytes]:
    asked = json.dumps(list(names))
    return dict(
        database.execute("SELECT name, value FROM cache WHERE name IN (SELECT value FROM json_each(?))", [asked])
    )


class _Unusable(Exception):
    """The cache cannot be used just now."""
