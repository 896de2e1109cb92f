"""`rowtrail predict TEXT`, `predict COLUMN=VALUE ...` or `predict --file FILE`: what the tuned model says."""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from stages.commands.predict_model import ModelFolder
from stages.commands.predict_rows import record_of, row_of, rows_of
from stages.commands.use_rows import add_written, written_as
from stages.core.errors import Fault, UsageError
from stages.core.records import Record
from stages.core.rows import FileRow
from stages.core.task import Prediction, RowFault, Task
from stages.core.terminal import printable
from stages.methods.evaluate.tuned_model import TunedModel

_BATCH, _BATCH_WRITING = 256, 16
_DIGITS = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to ask, whom, and how long an answer may be."""
    parser.description = (
        "Ask the tuned model. What is asked goes to it as it is: what `clean` and `scrub_pii` did to the training "
        "texts is not done here, and a text longer than the plan's max_length is cut, or read in windows."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("asked", nargs="*", default=[], metavar="TEXT", help="a text, in quotes; where the task takes "
                      'more than one: COLUMN=VALUE for each, e.g. question="Who pays?" context="..."')  # fmt: skip
    what.add_argument("--file", type=Path, help="rows as for training (docs/tasks.md), or txt with a text a line; "
                      "prints a JSON object a row: row, id if there is one, and label, labels, spans or answer; scores "
                      "where there are any; not what was asked")  # fmt: skip
    add_written(parser)
    parser.add_argument("--map", action="append", type=_pair, default=[], metavar="COLUMN=NAME",
                        help="what the file calls a column of the task, or the id, e.g. text=body")  # fmt: skip
    parser.add_argument("--model", type=Path, default=Path("data/finetune"), metavar="DIR",
                        help="what `finetune` wrote, or a folder of `rowtrail export model`")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.add_argument("--max-new-tokens", type=_count, default=128, metavar="N",
                        help="of the longest answer, where the model writes it (%(default)s)")  # fmt: skip
    parser.add_argument("--num-beams", type=_count, default=1, metavar="N",
                        help="beams of the search for it; with more than one it is shown at its end (1)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the answers; 1 when rows of the file could not be asked. Raises DataError when there is no tuned model."""
    folder = ModelFolder(args.model)
    if args.file:
        rows = rows_of(args.file, written_as(args), folder.task, dict(args.map))
    else:
        rows = iter([row_of(args.asked, folder.task)])
    first = next(rows, None)  # what is wrong with the question is told before the model is loaded, which takes seconds
    rows = itertools.chain([] if first is None else [first], rows)
    record = record_of(first, folder.task) if first and not args.file else None
    if isinstance(record, RowFault):
        field = f" ({record.evidence['field']})" if "field" in record.evidence else ""
        raise UsageError(Fault("TEXT", f"cannot be asked: {record.code}{field}", "docs/tasks.md says what is needed"))
    tuned = folder.open({"max_new_tokens": args.max_new_tokens, "num_beams": args.num_beams})
    if record and not args.json:
        _tell(tuned, record)
        return 0
    failed = 0
    for row, answer in answers(tuned, rows):
        failed += isinstance(answer, RowFault)
        print(_line(tuned.task, row, answer), flush=True)
    return 1 if failed else 0


def answers(tuned: TunedModel, rows: Iterator[FileRow]) -> Iterator[tuple[FileRow, Prediction | RowFault]]:
    """Each row with its prediction, or with what is wrong with it; in order, in bounded memory."""
    while batch := list(itertools.islice(rows, _BATCH_WRITING if tuned.task.writes else _BATCH)):
        read = [record_of(row, tuned.task) for row in batch]
        predictions = iter(tuned.predict([record for record in read if isinstance(record, Record)]))
        for row, record in zip(batch, read, strict=True):
            yield row, next(predictions) if isinstance(record, Record) else record


def _tell(tuned: TunedModel, record: Record) -> None:
    """Print the answer for a person, each piece as soon as it is there."""
    piece = ""
    for piece in tuned.task.answer(tuned.model, tuned.tokenizer, record, tuned.options):
        print(printable(piece), end="", flush=True)
    if not piece.endswith("\n"):
        print()


def _line(task: Task, row: FileRow, answer: Prediction | RowFault) -> str:
    said: dict[str, Any] = {"row": row.place}
    if row.columns.get("id") is not None:
        said["id"] = row.columns["id"]
    if isinstance(answer, RowFault):
        said["problem"] = answer.code
        if "field" in answer.evidence:
            said["field"] = answer.evidence["field"]
    else:
        kinds = [column.kind for column in task.schema.of_kind("label", "labels", "spans")]
        said[kinds[0] if kinds else "answer"] = answer.answer
        if answer.scores:
            said["scores"] = {label: round(score, _DIGITS) for label, score in answer.scores.items()}
    return json.dumps(said, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def _pair(text: str) -> tuple[str, str]:
    column, _, name = text.partition("=")
    if not column or not name:
        raise argparse.ArgumentTypeError("must be COLUMN=NAME, e.g. text=body")
    return column, name


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
