"""Everything in and around a project that could hold a row, and looking into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.budget import budget_folder
from stages.core.budget_chain import holders_file
from stages.core.dvc_files import cache_folder
from stages.core.erasure import ERASURE_LIST, memory_file
from stages.core.progress import track
from stages.methods.forget.needles import ABOUT, Found, Needles
from stages.methods.forget.pages import MARK, in_page

PROOFS = Path("reports/erasures")
_CHUNK = 2**23
_BATCH = 2**16
_PACKED = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"(\xb5/\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
_SKIPPED = {".git", "__pycache__", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
_INPUTS = ("raw", "samples")


@dataclass(frozen=True, slots=True)
class Place:
    """A file to look into. `area` tells what it is to the project; `name` is its path, or its hash in DVC's cache."""

    area: str
    name: str
    path: Path


@dataclass(slots=True)
class Search:
    """What a search found, by place, and how much it looked at."""

    hits: dict[Place, Found] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    unread: list[dict[str, str]] = field(default_factory=list)
    """Files that are packed or cannot be read."""
    named: int = 0
    """Events that name an erased row, and may stay."""

    def of(self, *areas: str) -> dict[str, Found]:
        """The hits in some areas, by name."""
        return {place.name: found for place, found in self.hits.items() if place.area in areas}


def places(root: Path = Path()) -> Iterator[Place]:
    """Every file of the project but code's caches, virtual environments, the sources and the erasure lists.

    Areas: `stages`, `reports`, `cache` (objects), `runs` (the run-cache), `temporary` (DVC's), `rowtrail`, `files`.
    Linked folders are followed, each once.
    """
    cache = cache_folder(root)
    if cache.resolve().is_relative_to(root.resolve()):
        cache = root / cache.resolve().relative_to(root.resolve())
    seen = set[Path]()
    for top in (cache, root):
        for file in _files(top, _exempt(root), seen):
            yield _place(file, root, cache)


def _exempt(root: Path) -> set[Path]:
    """Where people are named on purpose, and the sources, which are not the project's.

    The erasure lists say whom they keep out, the proofs what was asked, and the budget ledger on whom private runs have
    spent: the proof tells of these by itself.
    """
    own = memory_file()
    spent = budget_folder().glob(holders_file(Path(), "*").name)
    files = (*spent, root / ERASURE_LIST, own, own.with_suffix(".lock"), own.with_name("erasures"), root / PROOFS)
    return {_real(place) for place in (*files, *(root / "data" / name for name in _INPUTS))}


def _files(top: Path, exempt: set[Path], seen: set[Path]) -> Iterator[Path]:
    for folder, names, files in os.walk(top, followlinks=True):
        here = Path(folder)
        if _real(here) in seen:
            names.clear()
            continue
        seen.add(_real(here))
        names[:] = sorted(name for name in names if not _skipped(here / name, exempt))
        yield from (here / name for name in sorted(files) if _counts(here / name, exempt))


def _counts(file: Path, exempt: set[Path]) -> bool:
    return file.is_file() and _real(file) not in exempt


def _skipped(folder: Path, exempt: set[Path]) -> bool:
    return folder.name in _SKIPPED or _real(folder) in exempt or (folder / "pyvenv.cfg").is_file()


def _real(place: Path) -> Path:
    """Where a path leads; `Path.resolve` raises for a link that leads to itself."""
    return Path(os.path.realpath(place))


def _place(file: Path, root: Path, cache: Path) -> Place:
    if file.is_relative_to(cache / "files" / "md5"):
        return Place("cache", file.parent.name + file.name, file)
    if file.is_relative_to(cache):
        return Place("runs", str(file.relative_to(cache)), file)
    name = file.relative_to(root)
    areas = {"data": "stages", "reports": "reports", ".rowtrail": "rowtrail", ".dvc": "temporary"}
    area = areas.get(name.parts[0], "files")
    is_stage = area != "stages" or (root / "data" / name.parts[1] / "manifest.json").is_file()
    return Place(area if is_stage else "files", str(name), file)


def search(needles: Needles, among: Sequence[Place], what: str) -> Search:
    """Look into files, with progress under the name `what`."""
    done = Search()
    for place in track(among, what, len(among)):
        try:
            size = place.path.stat().st_size
            found = look(place.path, needles)
        except FileNotFoundError:
            continue  # a temporary file of another process
        except OSError as error:
            done.unread.append({"place": place.name, "why": error.strerror or type(error).__name__})
            continue
        done.files, done.bytes = done.files + 1, done.bytes + size
        if isinstance(found, str):
            done.unread.append({"place": place.name, "why": f"packed ({found})"})
            continue
        done.named += found.named
        if found:
            done.hits[place] = found
    return done


def look(path: Path, needles: Needles) -> Found | str:
    """What one file holds; the name of the format of a packed one. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(8)
    if packed := next((name for mark, name in _PACKED.items() if start.startswith(mark)), ""):
        return packed
    found = Found()
    if start.startswith(b"PAR1"):
        try:
            for batch in batches(path, lambda names: _columns(names, needles)):
                found.add(needles.in_table(batch))
            return found
        except pa.ArrowException:
            found = Found()  # damaged: its bytes are looked at
    return _in_bytes(path, needles)


def _columns(names: list[str], needles: Needles) -> list[str] | None:
    """Without texts to look for, the columns of records that hold ids and hashes are enough."""
    return [name for name in names if name in ABOUT] if "source_row" in names and not needles.texts else None


def batches(path: Path, columns: Callable[[list[str]], list[str] | None]) -> Iterator[Any]:
    """Rows of a parquet file. Raises OSError and ArrowException."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=_BATCH, columns=columns(file.schema_arrow.names))


def _in_bytes(path: Path, needles: Needles) -> Found:
    which, before, is_page = set(), b"", False
    with path.open("rb") as file:
        while chunk := before + file.read(_CHUNK):
            if chunk == before:
                break
            which |= needles.in_bytes(chunk)
            is_page = is_page or MARK in chunk
            before = chunk[-needles.overlap :]
    found = in_page(path.read_bytes(), needles.ids) if is_page else Found()
    found.kinds.update(kind for kind, _ in which)
    return found


def parquet_places(among: Iterable[Place]) -> list[Place]:
    """Those of some places that are parquet files of stages, in the workspace or in the cache."""
    return [place for place in among if place.area in ("stages", "cache") and _is_parquet(place.path)]


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False
