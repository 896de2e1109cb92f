"""`rowtrail review labels`: labels in doubt, to a file for a person to judge, and their decisions back.

Prints numbers only. The file of `--export` holds text of records; the decisions hold keyed hashes and names of classes.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from stages.commands.review_file import refuse_lines
from stages.commands.review_labels_counts import DOUBTS, count_lines, precision_lines
from stages.commands.review_labels_files import Form, form_of
from stages.commands.review_labels_run import LabelRun
from stages.core.decisions import is_reviewer
from stages.core.errors import DataError, Fault, UsageError
from stages.core.label_decisions import LABEL_DECISIONS, LabelDecision
from stages.core.params import Params
from stages.core.params_file import read_params
from stages.core.records import Record
from stages.methods.check_labels.review.answers import Answers, Given, contradictions
from stages.methods.check_labels.review.tools import label_column, stands_there
from stages.methods.split.splitting import draw

_SAMPLE = 200
_EXPORT_ONLY = ("sample", "reason", "id", "random", "force")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A file to write or to read, or a page to serve; none of these, to count."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--export", type=Path, metavar="FILE", help="write the most doubtful records to a csv or jsonl "
                      "file that only you can read, outside git and DVC")  # fmt: skip
    what.add_argument("--import", dest="filled", type=Path, metavar="FILE", help="take over a file that was filled in")
    what.add_argument("--serve", action="store_true", help="decide on a page of this machine, by keyboard")
    parser.add_argument("--format", choices=("argilla", "label-studio"), help="instead of csv and jsonl: a folder for "
                        "one of these tools, or what came out of it")  # fmt: skip
    parser.add_argument("--sample", type=int, metavar="N", help=f"how many records to export (default {_SAMPLE})")
    parser.add_argument("--random", action="store_true", help="export suspects as drawn by lot, not the most doubtful: "
                        "what they show holds for all suspects")  # fmt: skip
    parser.add_argument("--reason", metavar="R", help="export records with this doubt only")
    parser.add_argument("--id", metavar="ID", help="export this record, also if it is decided about")
    parser.add_argument("--force", action="store_true", help="replace the file of --export")
    parser.add_argument("--port", type=int, metavar="N", help="of the page (default: any that is free)")
    parser.add_argument("--reviewer", metavar="NAME", help="who decided, e.g. initials: stands in the decisions, in "
                        "git")  # fmt: skip
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where the stage folders are")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Export, import, serve or count. Raises UsageError for arguments that do not go together."""
    params = read_params(args.params)
    form = _check(args)
    last = LabelRun(args.data, params)
    if args.serve:
        return _serve(args, last)
    if args.export:
        lines = _export(args, last, form, params)
    elif args.filled:
        lines = _import(args, last, form)
    else:
        lines = count_lines(last)
    for line in lines:
        print(line)
    return 0


def _serve(args: argparse.Namespace, last: LabelRun) -> int:
    from stages.commands.review_labels_serve import serve

    return serve(last, port=args.port or 0, reviewer=args.reviewer or "", task=last.task)


def _check(args: argparse.Namespace) -> Form | None:
    """The form of the file, None where there is none. Raises UsageError with all that is wrong with the arguments."""
    given = [name for name in _EXPORT_ONLY if getattr(args, name) not in (None, False)]
    faults = [Fault(f"--{name}", "goes with --export", "add --export FILE") for name in given if not args.export]
    file = args.export or args.filled
    if args.reviewer is not None and not ((args.filled or args.serve) and is_reviewer(args.reviewer)):
        step = "give up to 40 letters, digits, dots and dashes"
        faults.append(Fault("--reviewer", "goes with --import or --serve, and is a short name", step))
    if args.port is not None and not args.serve:
        faults.append(Fault("--port", "goes with --serve", "add --serve"))
    if args.format and not file:
        faults.append(Fault("--format", "goes with --export or --import", "add one of them"))
    form = form_of(file, args.format) if file else None
    if isinstance(form, Fault):
        faults, form = [*faults, form], None
    if faults := [*faults, *_choice_faults(args)]:
        raise UsageError(*faults)
    return form


def _choice_faults(args: argparse.Namespace) -> Iterator[Fault]:
    if args.sample is not None and args.sample < 1:
        yield Fault("--sample", f"{args.sample} is too small", "give 1 or more")
    if args.id is not None and not re.fullmatch(r"[0-9a-f]{1,20}", args.id):
        yield Fault("--id", "is not made of hex digits", "`rowtrail show check_labels` lists some ids")
    if args.reason is not None and args.reason not in DOUBTS:
        yield Fault("--reason", "is not a doubt of check_labels", f"known: {', '.join(DOUBTS)}")


def _export(args: argparse.Namespace, last: LabelRun, form: Form | None, params: Params) -> Iterator[str]:
    """Write the most doubtful, and say how much of the whole that is."""
    assert form is not None
    ids = _to_review(args, last, params.seed)
    size = len(ids) if args.id else args.sample or _SAMPLE
    cases = last.cases(ids[:size])
    form.write(args.export, cases, last.labels, force=args.force)
    which = "records there" if args.id else "records without a decision"
    yield f"{len(cases):,} of {len(ids):,} {which}: {args.export}"
    yield "Only you can read it: it holds text of your records. Delete it when it is imported."
    yield from form.next_steps(args.export)


def _to_review(args: argparse.Namespace, last: LabelRun, seed: int) -> list[str]:
    """Ids of the records that were asked for, in the order of asking. Raises DataError when there is none."""
    if args.id:
        found = [id for id in last.ids() if id.startswith(args.id)]
        if not found:
            raise DataError(Fault("check_labels", "was given no such record", "check the id"))
        return found
    if args.reason:
        asked = [row for row in last.queue if args.reason in row.reasons]
    else:
        asked = [row for row in last.queue if row.suspect or not args.random]
    open_ = [row.id for row in asked if last.state(row.id) != "decided"]
    if not open_:
        problem = "all of these are decided" if asked else "nothing was checked, or nothing is in doubt"
        raise DataError(Fault("check_labels", problem, "`rowtrail review labels` counts what is in doubt and decided"))
    return sorted(open_, key=lambda one: draw(seed, one, "review")) if args.random else open_


def _import(args: argparse.Namespace, last: LabelRun, form: Form | None) -> Iterator[str]:
    """Take over all answers of a file, or none."""
    assert form is not None
    answers = form.read(args.filled, last.task.schema, args.reviewer or "")
    decided, problems = _decided(last, answers)
    refuse_lines(args.filled, [*answers.problems, *problems, *contradictions(answers.given)])
    counts = last.save(decided)
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    yield f"{sum(counts.values()):,} decisions: {told}; {answers.unanswered:,} rows without one"
    yield f"{LABEL_DECISIONS} holds {len(last.decisions):,}; they count when check_labels runs again: `dvc repro`"
    yield from precision_lines(last)


def _decided(last: LabelRun, answers: Answers) -> tuple[list[LabelDecision], list[tuple[int, str]]]:
    """Decisions, and the lines that cannot become one."""
    by_id: dict[str, list[Given]] = {}
    for one in answers.given:
        by_id.setdefault(one.id, []).append(one)
    decided: list[LabelDecision] = []
    problems: list[tuple[int, str]] = []
    for record in last.records({*by_id}):
        for one in by_id.pop(record.id):
            try:
                decided.append(_decision(last, record, one))
            except ValueError as error:
                problems.append((one.line, str(error)))
    gone = "no record has this `id`: was the file exported from this project?"
    return decided, [*problems, *((one.line, gone) for some in by_id.values() for one in some)]


def _decision(last: LabelRun, record: Record, one: Given) -> LabelDecision:
    """Raises ValueError, saying why, for an answer that cannot be taken over."""
    if one.version != last.version(record):
        raise ValueError("its text or its label has changed since the export: export it again")
    if one.value is None:
        return last.decide(record, one.decision, one.to, one.reviewer)
    column = label_column(record.schema)
    if not stands_there(record, column, one):
        raise ValueError("a place is marked where the record has other text: mark it again")
    line = last.task.annotation(record.with_values(**{column.name: one.value})) or ""
    return last.decide(record, one.decision, line, one.reviewer)
