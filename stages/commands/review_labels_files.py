"""The forms in which labels in doubt go to people and come back: a table, or the files of a tool."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stages.commands.review_file import ENDINGS, file_content, read_filled, write_private
from stages.core.errors import DataError, Fault, UsageError
from stages.core.records import Schema
from stages.methods.check_labels.review.answers import NEEDED, Answers, read_answers
from stages.methods.check_labels.review.argilla import argilla_files, argilla_replies
from stages.methods.check_labels.review.cases import COLUMNS, Case, as_row
from stages.methods.check_labels.review.label_studio import label_studio_files, label_studio_replies
from stages.methods.check_labels.review.tools import Reader, label_column, read_replies


class Form(Protocol):
    """How cases are written and answers read. `write` and `read` raise RowtrailError, never for one row at a time."""

    def write(self, path: Path, cases: Sequence[Case], labels: Sequence[str], *, force: bool) -> None:
        """Write the cases where only their owner can read them."""

    def read(self, path: Path, schema: Schema, reviewer: str) -> Answers:
        """The answers in a file that came back."""

    def next_steps(self, path: Path) -> Iterator[str]:
        """What a person does with what was written, a line each."""


def form_of(path: Path, tool: str | None) -> Form | Fault:
    """The form of a file: that of a tool, or a table by its ending."""
    if tool is not None:
        return _TOOLS[tool]
    if path.suffix.lower() in ENDINGS:
        return _Table()
    step = f"end it in {' or '.join(ENDINGS)}, or name a --format"
    return Fault(str(path), "is neither csv nor jsonl by its name", step)


class _Table:
    """A row for each record."""

    def write(self, path: Path, cases: Sequence[Case], _: Sequence[str], *, force: bool) -> None:
        """A csv or jsonl file."""
        write_private(path, file_content(path, COLUMNS, map(as_row, cases)), force=force)

    def read(self, path: Path, _: Schema, reviewer: str) -> Answers:
        """The file with some of its empty columns filled in."""
        return read_answers(read_filled(path, NEEDED), reviewer)

    def next_steps(self, path: Path) -> Iterator[str]:
        """The columns to fill in."""
        yield "Fill in:"
        yield "    decision  keep: the label is right; relabel: it is the one in `to`; drop: leave the record out"
        yield "    to        the right label, written as those under `given` and `suggested`"
        yield f"then: rowtrail review labels --import {path}"


@dataclass(frozen=True, slots=True)
class _Tool:
    """A folder with the files of a tool that people label in."""

    name: str
    files: Callable[[Sequence[Case], Sequence[str]], dict[str, bytes]]
    replies: Reader
    records: str
    steps: tuple[str, ...]

    def write(self, path: Path, cases: Sequence[Case], labels: Sequence[str], *, force: bool) -> None:
        """The tool's files, in a folder."""
        self._check(cases[0].record.schema)
        if path.exists() and not path.is_dir():
            raise UsageError(Fault(str(path), "is a file", f"name a folder: {self.name} takes several files"))
        for name, content in self.files(cases, labels).items():
            write_private(path / name, content, force=force)

    def read(self, path: Path, schema: Schema, reviewer: str) -> Answers:
        """The JSON file that the tool wrote, or the folder it lies in."""
        self._check(schema)
        file = path / self.records if path.is_dir() else path
        step = "export it from the tool again, as docs/check_labels.md says"
        try:
            content: Any = json.loads(file.read_bytes())
            return read_replies(content, label_column(schema), self.replies, reviewer)
        except FileNotFoundError:
            raise UsageError(Fault(str(file), "no such file", "check the path")) from None
        except (ValueError, RecursionError):
            raise DataError(Fault(str(file), f"is not what {self.name} writes", step)) from None

    def next_steps(self, path: Path) -> Iterator[str]:
        """How the tool takes it, and gives it back."""
        for step in self.steps:
            yield step.format(path=path)

    def _check(self, schema: Schema) -> None:
        try:
            label_column(schema)
        except ValueError as error:
            raise UsageError(Fault(f"--format {self.name}", str(error), "use a csv or jsonl file")) from None


_TOOLS = {
    "argilla": _Tool(
        "argilla", argilla_files, argilla_replies, "records.json",
        (
            'In Argilla: rg.Dataset.from_disk("{path}"); when people are done: dataset.records.to_json("done.json")',
            "then: rowtrail review labels --format argilla --import done.json",
        ),
    ),
    "label-studio": _Tool(
        "label-studio", label_studio_files, label_studio_replies, "tasks.json",
        (
            "In Label Studio: a project with {path}/config.xml as its labeling interface; import {path}/tasks.json;",
            "when people are done, export the project as JSON",
            "then: rowtrail review labels --format label-studio --import the-export.json",
        ),
    ),
}  # fmt: skip
