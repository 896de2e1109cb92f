"""`rowtrail predict TEXT` or `--file FILE`: what the tuned model says."""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stages.core.errors import Fault, UsageError
from stages.core.formats import ENDINGS, read_rows
from stages.core.params import Source
from stages.core.records import Record
from stages.core.rows import FileRow
from stages.core.storage import StageFolder
from stages.core.task import Prediction, RowFault, Task

_BATCH = 256
_LONGEST = 1_000_000
_FORMATS = ("txt", "csv", "tsv", "jsonl", "parquet")
_DIGITS = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A text or a file, and the model's folder."""
    parser.description = (
        "Ask the tuned model. The text goes to it as it is: what `clean` and `scrub_pii` did to the training texts is "
        "not done here, and a text longer than the plan's max_length is cut."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("text", nargs="?", metavar="TEXT", help="a text")
    what.add_argument("--file", type=Path, help="txt (a text a line), csv, tsv, jsonl or parquet (column `text`); "
                      "prints a JSON object a row: row, id if there is one, label, scores; no text")  # fmt: skip
    parser.add_argument(
        "--model", type=Path, default=Path("data/finetune"), metavar="DIR", help="what `finetune` wrote"
    )
    parser.add_argument("--json", action="store_true", help="print the answer to TEXT as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the answers; 1 when rows of the file could not be asked. Raises DataError when there is no tuned model."""
    training = StageFolder(args.model).json("training.json")
    rows = _rows(args.file) if args.file else iter([FileRow(1, {"text": args.text})])
    asked = Asked(training, args.model / "model")
    if args.file:
        return _print_rows(asked.answers(rows))
    ((row, answer),) = asked.answers(rows)
    if isinstance(answer, RowFault):
        raise UsageError(Fault("TEXT", f"cannot be asked: {answer.code}", "give a text of at least one character"))
    if args.json:
        print(_line(row, answer))
    else:
        width = max(map(len, answer.scores))
        for label, score in sorted(answer.scores.items(), key=lambda item: -item[1]):
            print(f"{label:<{width}}  {score:.4f}")
    return 0


class Asked:
    """A tuned model that answers rows."""

    def __init__(self, training: Mapping[str, Any], folder: Path) -> None:
        from stages.tasks import load_task

        self.task: Task = load_task(training["task"])
        self.model, self.tokenizer = self.task.load_tuned(folder)
        self.max_length = int(training["max_length"])

    def answers(self, rows: Iterable[FileRow]) -> Iterator[tuple[FileRow, Prediction | RowFault]]:
        """Each row with its prediction, or with what is wrong with it; in order, in bounded memory."""
        rows = iter(rows)
        while batch := list(itertools.islice(rows, _BATCH)):
            read = [self._record(row) for row in batch]
            records = [record for record in read if isinstance(record, Record)]
            predictions = iter(self.task.predict(self.model, self.tokenizer, records, self.max_length))
            for row, record in zip(batch, read, strict=True):
                yield row, next(predictions) if isinstance(record, Record) else record

    def _record(self, row: FileRow) -> Record | RowFault:
        if row.fault:
            return row.fault
        texts = {column.name for column in self.task.schema.of_kind("text")}
        try:
            values = self.task.read_row({name: row.columns[name] for name in texts & set(row.columns)}, None)
        except RowFault as fault:
            return fault
        return Record(str(row.place), "predict", str(row.place), self.task.schema, values)


def _rows(file: Path) -> Iterator[FileRow]:
    format = ENDINGS.get(file.suffix.lower())
    if format not in _FORMATS:
        problem = f"cannot tell how to read {file.suffix or 'a file without an ending'}"
        raise UsageError(Fault(str(file), problem, f"give a file that ends in .{', .'.join(_FORMATS)}"))
    if not file.is_file():
        raise UsageError(Fault(str(file), "no such file", "check the path"))
    source = Source(name="predict", uri=str(file), license="not a source")
    return iter(read_rows(file, source, format, _LONGEST))


def _print_rows(answers: Iterable[tuple[FileRow, Prediction | RowFault]]) -> int:
    failed = 0
    for row, answer in answers:
        failed += isinstance(answer, RowFault)
        print(_line(row, answer))
    return 1 if failed else 0


def _line(row: FileRow, answer: Prediction | RowFault) -> str:
    said: dict[str, Any] = {"row": row.place}
    if row.columns.get("id") is not None:
        said["id"] = row.columns["id"]
    if isinstance(answer, RowFault):
        said["problem"] = answer.code
    else:
        said["label"] = answer.answer
        said["scores"] = {label: round(score, _DIGITS) for label, score in answer.scores.items()}
    return json.dumps(said, ensure_ascii=False, default=str)
