"""A look at the first rows of a file: whether the task can read them, and whether there is something to learn."""

from __future__ import annotations

import argparse
import re
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from stages.core.errors import DataError, Fault, UsageError
from stages.core.formats import ENDINGS, read_rows
from stages.core.params import Source
from stages.core.records import Record
from stages.core.rows import FileRow, shown_names, without_surrogates
from stages.core.task import RowFault, Task

FORMATS: tuple[str, ...] = get_args(Source.model_fields["format"].annotation)
"""What the `format` of a source can be."""
_ROWS = 200
_LONGEST = 1_000_000
_ALSO = {"json": "squad", "txt": "conll"}
"""What a file with the ending of one format may be as well."""


def add_written(parser: argparse.ArgumentParser) -> None:
    """The options that say how a file is written."""
    parser.add_argument("--format", choices=FORMATS, default="auto", help="how it is written (default: by its ending)")
    parser.add_argument("--delimiter", metavar="C", help="what stands between the cells of a csv or tsv, e.g. ';'")
    parser.add_argument("--encoding", default="utf-8", metavar="NAME", help="e.g. cp1252 (default: %(default)s)")


def written_as(args: argparse.Namespace) -> dict[str, Any]:
    """What those options said, as a source has it. Raises UsageError for what cannot stand between cells."""
    if args.delimiter is not None and not re.fullmatch(r'[^"\r\n]', args.delimiter):
        problem = "is not one character that can stand between cells"
        raise UsageError(Fault(f"--delimiter {args.delimiter}", problem, "write e.g. --delimiter ';'"))
    return {"format": args.format, "delimiter": args.delimiter, "encoding": args.encoding or "utf-8"}


@dataclass(slots=True)
class Look:
    """What the first rows of a file are like, read in one format."""

    format: str
    rows: int = 0
    columns: dict[str, None] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    labels: set[str] = field(default_factory=set)
    answered: int = 0

    def add(self, row: FileRow, fields: Mapping[str, str], task: Task) -> None:
        """Read one more row as `ingest` will, but for the set of labels."""
        self.rows += 1
        columns, _ = without_surrogates(row.columns)
        self.columns.update(dict.fromkeys(columns))
        try:
            if row.fault:
                raise row.fault
            named = {**columns, **{column: columns.get(name) for column, name in fields.items()}}
            record = Record("", "", "", task.schema, task.read_row(named, None))
        except RowFault as fault:
            self.faults[fault.code] += 1
        else:
            self.answered += task.answered(record)
            self.labels.update(task.labels(record))

    def missing(self, file: str, names: Mapping[str, str]) -> list[Fault]:
        """A fault for each name that is no column of the file; `names` are known by where they were given."""
        seen = f"its columns: {shown_names(self.columns) or 'none'}"
        return [
            Fault(place, f"{file} has no column {name}", seen)
            for place, name in names.items()
            if name not in self.columns
        ]

    def not_apart(self, file: str) -> list[Fault]:
        """A fault where the one column's name holds what may well stand between columns."""
        signs = re.findall(r"[;|\t,]", "".join(self.columns)) if len(self.columns) == 1 else []
        if not signs or self.format not in ("csv", "tsv"):
            return []
        sign = Counter(signs).most_common(1)[0][0]
        said = "$'\\t'" if sign == "\t" else shlex.quote(sign)
        return [Fault(file, "its columns have not come apart", f"say what stands between them: --delimiter {said}")]

    def problems(self, file: str, fields: Mapping[str, str], task: Task, how: str = "") -> list[Fault]:
        """Why the task could not learn from such rows; nothing where it could. `how` columns can be named."""
        seen = f"its columns: {shown_names(self.columns) or 'none'}"
        if missing := self.missing(file, {f"fields: {column}: {name}": name for column, name in fields.items()}):
            return missing
        known = {*self.columns, *fields}
        if not any({*layout} <= known for layout in task.layouts):
            wanted = "; or ".join(" and ".join(layout) for layout in task.layouts)
            return [Fault(file, f"{task.name} needs {wanted}", f"say {how} which it is; {seen}")]
        first = f"of the first {self.rows} rows"
        if self.faults.total() == self.rows:
            codes = ", ".join(f"{code} {count}" for code, count in self.faults.most_common())
            return [Fault(file, f"none {first} can be read: {codes}", f"docs/tasks.md shows rows; {seen}")]
        if not self.answered:
            problem = f"none {first} says what the model is to learn"
            return [Fault(file, problem, f"docs/tasks.md shows such rows; say {how} which column it is; {seen}")]
        return []


def look_at(path: Path, source: Source, task: Task) -> Look:
    """Look at the first rows, in the source's format or in the one of those possible that fits.

    Raises DataError for a file that cannot be read, or whose ending tells no format.
    """
    own = ENDINGS.get(path.suffix.lower(), "") if source.format == "auto" else source.format
    if not own:
        raise DataError(Fault(path.name, "its ending does not tell the format", "say it with --format"))
    found = _read(path, source, own, task)
    other = _ALSO.get(own) if source.format == "auto" else None
    if other and found.problems(path.name, source.fields, task):
        try:
            also = _read(path, source, other, task)
        except DataError:
            return found
        return found if also.problems(path.name, source.fields, task) else also
    return found


def _read(path: Path, source: Source, format: str, task: Task) -> Look:
    look = Look(format)
    for row in islice(read_rows(path, source, format, _LONGEST), _ROWS):
        look.add(row, source.fields, task)
    return look
