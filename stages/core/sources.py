"""Where source rows come from: find the files, check them before any work, and read their rows."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from stages.core import packages
from stages.core.dvc_files import cache_folder
from stages.core.errors import DataError, Fault, RowtrailError, UsageError
from stages.core.formats import ENDINGS, read_rows
from stages.core.hub import hub_dataset, is_hub
from stages.core.keys import project_root
from stages.core.lines import check_encoding
from stages.core.params import Source
from stages.core.params_file import read_yaml
from stages.core.remote import fetch, is_remote, other_digest, shown
from stages.core.rows import FileRow, shown_names, without_surrogates
from stages.core.storage import sha256_of

_LINE = 2**20
_MOST_FILES = 100_000


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source. `name` is how people know it: never a path that only this machine has."""

    source: Source
    path: Path
    name: str
    format: str


def find_files(sources: Sequence[Source]) -> list[SourceFile]:
    """The files of all sources, in order of the sources and then of names; remote ones as copies made here.

    Names all faults at once. Raises UsageError for what the params get wrong (an unknown format or encoding, a remote
    file without `sha256`, under DVC a file it does not watch), DataError for files that are not there or have another
    digest.
    """
    files: list[SourceFile] = []
    errors: list[RowtrailError] = []
    for source in sources:
        try:
            files += _files(source)
        except (DataError, UsageError) as error:
            errors.append(error)
    if errors:
        kind = UsageError if any(isinstance(error, UsageError) for error in errors) else DataError
        raise kind(*(fault for error in errors for fault in error.faults))
    if "DVC_STAGE" in os.environ:
        _refuse_unwatched([file for file in files if "://" not in file.source.uri])
    return files


def file_rows(
    source: Source, files: Sequence[SourceFile], max_chars: int, layouts: Sequence[set[str]]
) -> Iterator[FileRow]:
    """The rows of one source's files, which must have all columns of one of the layouts.

    Raises DataError, naming the columns that are there, when none is complete: at once for formats in which every row
    has the same columns, else after the last row.
    """
    for file in files:
        rows = read_rows(file.path, source, file.format, max(_LINE, 4 * max_chars))
        name, _ = without_surrogates(file.path.name if len(files) > 1 else "")
        for row in require_columns(rows, layouts, file.name, at_once=file.format not in ("json", "jsonl")):
            yield replace(row, file=name) if name else row


def require_columns(
    rows: Iterator[FileRow], layouts: Sequence[set[str]], place: str, at_once: bool
) -> Iterator[FileRow]:
    """The same rows; see `file_rows`."""
    seen: dict[str, None] = {}
    missing = [set(layout) for layout in layouts]
    for row in rows:
        if all(missing) and not row.fault:
            seen.update(dict.fromkeys(row.columns))
            missing = [columns - row.columns.keys() for columns in missing]
            if all(missing) and at_once:
                break
        yield row
    if all(missing) and seen:
        wanted = "; or ".join(", ".join(sorted(columns)) for columns in missing)
        problem = f"lacks the column {wanted}; there are: {shown_names(seen)}"
        step = "map the names with the source's `fields`, correct `id`, `subject` or `confidence`, or name `columns`"
        if len(seen) == 1 and re.search(r"[;|\t]", str(*seen)):
            step = "the columns have not come apart: say the source's `delimiter`"
        raise DataError(Fault(place, problem, step))


def digests(files: Sequence[SourceFile]) -> dict[str, dict[str, str]]:
    """SHA-256 of each file, by the source's name and the file's."""
    return {
        name: {file.name: sha256_of(file.path) for file in group}
        for name, group in groupby(files, key=lambda file: file.source.name)
    }


def _files(source: Source) -> list[SourceFile]:
    """The files of one source. Raises UsageError and DataError."""
    if is_hub(source.uri):
        if Path(hub_dataset(source.uri).name).exists():  # `datasets` would read it, unwatched, and never ask the hub
            raise UsageError(Fault(source.uri, "a file or folder here has that name", "name its files by their paths"))
        if source.sha256:
            raise UsageError(Fault(f"source {source.name}", "a hub's dataset is not one file", "leave out `sha256`"))
        return []
    check_encoding(source.encoding, f"source {source.name}")
    if is_remote(source.uri):
        return [_file(source, fetch(source.uri, source.sha256), shown(source.uri))]
    packaged = source.uri.startswith(packages.SCHEME)
    found = _package_files(source.uri) if packaged else _local_files(source.uri)
    if not packaged and not source.outside:
        _refuse_outside(source, found)
    if source.sha256:
        _check_digest(source, found)
    return [_file(source, path, name) for path, name in found]


def _check_digest(source: Source, found: Sequence[tuple[Path, str]]) -> None:
    if len(found) > 1:
        problem = f"{len(found)} files have such a name, and `sha256` is the digest of one"
        raise UsageError(Fault(source.uri, problem, "name one file, or leave out `sha256`"))
    [(path, name)] = found
    digest = sha256_of(path)
    if digest != source.sha256:
        raise DataError(other_digest(name, digest, source.sha256 or ""))


def _file(source: Source, path: Path, name: str) -> SourceFile:
    format = ENDINGS.get(path.suffix.lower(), "") if source.format == "auto" else source.format
    if not format:
        problem = f"{path.name}: its ending does not tell the format"
        raise UsageError(Fault(f"source {source.name}", problem, "set the source's `format`"))
    readable, _ = without_surrogates(name)  # a name that is no UTF-8 could not be written into a report
    return SourceFile(source, path, readable, format)


def _local_files(uri: str) -> list[tuple[Path, str]]:
    if Path(uri).is_file():
        return [(Path(uri), uri)]
    if Path(uri).is_dir():
        raise DataError(Fault(uri, "is a folder", f"name its files, e.g. {uri.rstrip('/')}/*.csv"))
    found = sorted((name for name in _matches(uri) if Path(name).is_file()), key=lambda name: (name.count("/"), name))
    if found:
        # A link to a folder above leads to the same files under ever longer names.
        once = {Path(name).resolve(): name for name in reversed(found)}
        return [(Path(name), name) for name in sorted(once.values())]
    if os.path.lexists(uri):
        raise DataError(Fault(uri, "is no regular file", "write what it gives into a file, or mend the link"))
    problem, step = ("no such file", "correct `uri` in params.yaml")
    if glob.has_magic(uri):
        problem, step = ("no file has such a name", "correct the pattern")
    raise DataError(Fault(uri, problem, f"put it there, or {step} (from {Path.cwd()})"))


def _refuse_outside(source: Source, found: Sequence[tuple[Path, str]]) -> None:
    """Raises UsageError for files that lie elsewhere on this machine, whatever way leads there."""
    # DVC's cache may lie elsewhere, and what DVC tracks may be links into it.
    roots = [root.resolve() for root in (Path.cwd(), project_root(), cache_folder(project_root()))]
    out = [name for path, name in found if not any(map(path.resolve().is_relative_to, roots))]
    if out:
        more = f" (and {len(out) - 1} more)" if len(out) > 1 else ""
        problem = f"source {source.name}: lies outside the project{more}, and a source may only be there if it says so"
        raise UsageError(Fault(out[0], problem, "copy it to data/raw/, or add `outside: true` to the source"))


def _matches(pattern: str) -> list[str]:
    """Names that fit. Raises DataError for too many, which links that lead in circles soon come to."""
    names = glob.iglob(pattern, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns
    found = list(islice(names, _MOST_FILES + 1))
    if len(found) > _MOST_FILES:
        problem = f"more than {_MOST_FILES} files have such a name"
        raise DataError(Fault(pattern, problem, "look for links that lead in circles, or name the folder"))
    return found


def _package_files(uri: str) -> list[tuple[Path, str]]:
    """The file of an installed package."""
    places = packages.inside(uri)
    if not places:
        step = "write pkg://package/file; `make setup` installs it"
        raise DataError(Fault(uri, "no such package is installed, or the path leads out of it", step))
    for place in places:
        if place.is_file():
            return [(place, uri)]
    raise DataError(Fault(uri, "the package has no such file", "correct `uri`, or install another version of it"))


def _refuse_unwatched(files: Sequence[SourceFile]) -> None:
    """DVC re-runs a stage only for files it watches; a source outside them would change unnoticed."""
    stage = os.environ["DVC_STAGE"].rpartition(":")[2]
    deps = [Path(dep) for dep in _deps(read_yaml(Path("dvc.yaml")), stage)]
    # Not resolved: a link in data/raw to a disk elsewhere is watched through the link.
    faults = [
        Fault(file.name, "DVC does not watch it", f"move it to data/raw/, or add `- {file.name}` to {stage}'s deps")
        for file in files
        if not any(Path(os.path.normpath(file.path.absolute())).is_relative_to(dep.absolute()) for dep in deps)
    ]
    if faults:
        raise UsageError(*faults)


def _deps(wiring: Mapping[str, Any], stage: str) -> list[str]:
    """Paths of a stage's `deps:`, each written as a name or as a mapping with the name as its only key."""
    deps = wiring.get("stages", {}).get(stage, {}).get("deps", [])
    return [next(iter(dep)) if isinstance(dep, Mapping) else str(dep) for dep in deps]
