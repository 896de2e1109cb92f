"""Where source rows come from: find the files, check them before any work, and read their rows."""

from __future__ import annotations

import glob
import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from stages.core.errors import DataError, Fault, UsageError
from stages.core.formats import ENDINGS, read_rows
from stages.core.lines import check_encoding
from stages.core.params import Source
from stages.core.params_file import read_yaml
from stages.core.rows import FileRow, shown_names
from stages.core.storage import sha256_of

_LINE = 2**20
_WATCHED = Path("data/raw")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source. `name` is how people know it: never a path that only this machine has."""

    source: Source
    path: Path
    name: str
    format: str


def is_hub(source: Source) -> bool:
    """Whether the rows come from a dataset hub and not from files."""
    return source.uri.startswith("hf://")


def find_files(sources: Sequence[Source]) -> list[SourceFile]:
    """The files of all sources, in order of the sources and then of names.

    Raises UsageError for what the params get wrong (an unknown format or encoding, under DVC a file it does not
    watch), DataError naming all files that are not there.
    """
    faults: list[Fault] = []
    files: list[SourceFile] = []
    for source in sources:
        if not is_hub(source):
            check_encoding(source.encoding, f"source {source.name}")
            found = _package_files(source.uri) if source.uri.startswith("pkg://") else _local_files(source.uri)
            faults += [found] if isinstance(found, Fault) else []
            files += [] if isinstance(found, Fault) else [_file(source, *pair) for pair in found]
    if faults:
        raise DataError(*faults)
    if "DVC_STAGE" in os.environ:
        _refuse_unwatched([file for file in files if not file.source.uri.startswith("pkg://")])
    return files


def file_rows(source: Source, files: Sequence[SourceFile], max_chars: int, required: set[str]) -> Iterator[FileRow]:
    """The rows of one source's files.

    Raises DataError, naming the columns that are there, when a required one is not: at once for formats in which every
    row has the same columns, else after the last row.
    """
    for file in files:
        rows = read_rows(file.path, source, file.format, max(_LINE, 4 * max_chars))
        name = file.path.name if len(files) > 1 else ""
        for row in require_columns(rows, required, file.name, at_once=file.format not in ("json", "jsonl")):
            yield replace(row, file=name) if name else row


def require_columns(rows: Iterator[FileRow], required: set[str], place: str, at_once: bool) -> Iterator[FileRow]:
    """The same rows; see `file_rows`."""
    seen: dict[str, None] = {}
    missing = set(required)
    for row in rows:
        if missing and not row.fault:
            seen.update(dict.fromkeys(row.columns))
            missing -= row.columns.keys()
            if missing and at_once:
                break
        yield row
    if missing and seen:
        problem = f"lacks the column {', '.join(sorted(missing))}; there are: {shown_names(seen)}"
        step = "map the names with the source's `fields`, correct `id`, `subject` or `confidence`, or name `columns`"
        raise DataError(Fault(place, problem, step))


def digests(files: Sequence[SourceFile]) -> dict[str, dict[str, str]]:
    """SHA-256 of each file, by the source's name and the file's."""
    return {
        name: {file.name: sha256_of(file.path) for file in group}
        for name, group in groupby(files, key=lambda file: file.source.name)
    }


def _file(source: Source, path: Path, name: str) -> SourceFile:
    format = ENDINGS.get(path.suffix.lower(), "") if source.format == "auto" else source.format
    if not format:
        problem = f"{path.name}: its ending does not tell the format"
        raise UsageError(Fault(f"source {source.name}", problem, "set the source's `format`"))
    return SourceFile(source, path, name, format)


def _local_files(uri: str) -> list[tuple[Path, str]] | Fault:
    if Path(uri).is_file():
        return [(Path(uri), uri)]
    if Path(uri).is_dir():
        return Fault(uri, "is a folder", f"name its files, e.g. {uri.rstrip('/')}/*.csv")
    found = sorted(name for name in _matches(uri) if Path(name).is_file())
    if found:
        return [(Path(name), name) for name in found]
    if glob.has_magic(uri):
        return Fault(uri, "no file has such a name", f"put the files there, or correct the pattern (from {Path.cwd()})")
    return Fault(uri, "no such file", f"put it there, or correct `uri` in params.yaml (from {Path.cwd()})")


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns


def _package_files(uri: str) -> list[tuple[Path, str]] | Fault:
    """A file inside an installed package, which is found but not imported: it may be data only, and code is slow."""
    package, _, inside = uri.removeprefix("pkg://").partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not inside:
        return Fault(uri, f"no package {package!r} is installed", "write pkg://package/file; `make setup` installs it")
    for folder in spec.submodule_search_locations or ():
        if (Path(folder) / inside).is_file():
            return [(Path(folder) / inside, uri)]
    return Fault(uri, f"package {package!r} has no such file", "correct `uri`, or install another version of it")


def _refuse_unwatched(files: Sequence[SourceFile]) -> None:
    """DVC re-runs a stage only for files it watches; a source outside them would change unnoticed."""
    deps = [Path(dep) for dep in _ingest_deps(read_yaml(Path("dvc.yaml")))]
    # Not resolved: a link in data/raw to a disk elsewhere is watched through the link.
    places = [_WATCHED.absolute(), *(dep.absolute() for dep in deps)]
    faults = [
        Fault(file.name, "DVC does not watch it", f"move it to {_WATCHED}/, or add `- {file.name}` to ingest's deps")
        for file in files
        if not any(Path(os.path.normpath(file.path.absolute())).is_relative_to(place) for place in places)
    ]
    if faults:
        raise UsageError(*faults)


def _ingest_deps(wiring: Mapping[str, Any]) -> list[str]:
    """Paths of the stage's `deps:`, each written as a name or as a mapping with the name as its only key."""
    deps = wiring.get("stages", {}).get("ingest", {}).get("deps", [])
    return [next(iter(dep)) if isinstance(dep, Mapping) else str(dep) for dep in deps]
