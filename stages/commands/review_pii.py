"""`rowtrail review pii`: what scrub_pii found, to a file for a person to judge, and their decisions back.

Prints numbers only. The file of `--export` holds text of records; the decisions hold keyed hashes.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from stages.commands.review_file import ENDINGS, file_content, read_filled, refuse_lines, write_private
from stages.commands.review_run import ScrubbedRun
from stages.core.decisions import (
    PII_DECISIONS,
    PII_VERDICTS,
    PiiDecision,
    PiiDecisions,
    decisions_of,
    is_reviewer,
    read_pii_decisions,
    write_pii_decisions,
)
from stages.core.errors import DataError, Fault, UsageError
from stages.core.params import Params
from stages.core.params_file import read_params
from stages.methods.scrub_pii.review.answers import NEEDED, Missed, contradictions, merged, occurs, read_answers
from stages.methods.scrub_pii.review.review import COLUMNS, ENOUGH, Value, distinct, precisions, sampled, shown
from stages.methods.text_table import text_table

_SAMPLE = 200
_CONTEXT = 80
_SPARED = "allow"  # the operator in the event of a value that a decision or the params spare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A file to write or to read; neither, to count."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--export", type=Path, metavar="FILE", help="write values in their context to a csv or jsonl "
                      "file that only you can read, outside git and DVC")  # fmt: skip
    what.add_argument("--import", dest="filled", type=Path, metavar="FILE", help="take over a file that was filled in")
    parser.add_argument("--sample", type=int, metavar="N", help=f"how many values to export (default {_SAMPLE})")
    parser.add_argument("--context", type=int, metavar="CHARS", help=f"characters around each (default {_CONTEXT})")
    parser.add_argument("--entity", metavar="E", help="export values of this entity only")
    parser.add_argument("--id", metavar="ID", help="export all values of this record, also those decided about")
    parser.add_argument("--force", action="store_true", help="replace the file of --export")
    parser.add_argument(
        "--reviewer", metavar="NAME", help="who decided, e.g. initials: stands in the decisions, in git"
    )
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where the stage folders are")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Export, import or count. Raises UsageError for arguments that do not go together."""
    params = read_params(args.params)
    _check(args, params)
    decisions, last = read_pii_decisions(), ScrubbedRun(args.data, params)
    if args.export:
        lines = _export(args, last, decisions)
    elif args.filled:
        lines = _import(args, last, decisions, params)
    else:
        lines = _counts(last, decisions)
    for line in lines:
        print(line)
    return 0


def _check(args: argparse.Namespace, params: Params) -> None:
    """Raises UsageError with all that is wrong with the arguments."""
    given = [
        name for name in ("sample", "context", "entity", "id", "force") if getattr(args, name) not in (None, False)
    ]
    faults = [Fault(f"--{name}", "goes with --export", "add --export FILE") for name in given if not args.export]
    if args.reviewer is not None and not (args.filled and is_reviewer(args.reviewer)):
        step = "give up to 40 letters, digits, dots and dashes"
        faults.append(Fault("--reviewer", "goes with --import, and is a short name", step))
    file = args.export or args.filled
    if file and file.suffix.lower() not in ENDINGS:
        faults.append(Fault(str(file), "is neither csv nor jsonl by its name", f"end it in {' or '.join(ENDINGS)}"))
    if faults := [*faults, *_choice_faults(args, params)]:
        raise UsageError(*faults)


def _choice_faults(args: argparse.Namespace, params: Params) -> Iterator[Fault]:
    for name, least in (("sample", 1), ("context", 0)):
        if (value := getattr(args, name)) is not None and value < least:
            yield Fault(f"--{name}", f"{value} is too small", f"give {least} or more")
    if args.id is not None and not re.fullmatch(r"[0-9a-f]{1,20}", args.id):
        yield Fault("--id", "is not made of hex digits", "`rowtrail show scrub_pii` lists some ids")
    if args.entity is not None and args.entity not in params.scrub_pii.entities:
        step = f"known here: {', '.join(sorted(params.scrub_pii.entities))}"
        yield Fault("--entity", f"{args.entity} is not in scrub_pii.entities", step)


def _export(args: argparse.Namespace, last: ScrubbedRun, decisions: PiiDecisions) -> Iterator[str]:
    """Write the sample, and say how much of the whole it is."""
    values = _to_review(args, last, decisions)
    chosen = sampled(values, len(values) if args.id else args.sample or _SAMPLE)
    context = _CONTEXT if args.context is None else args.context
    by_hash = {one.mention.value: one for one in chosen}
    rows = {}
    for mention, record, span in last.in_texts(one.mention for one in chosen):
        hash = mention.value
        rows[hash] = shown(by_hash[hash], record.texts()[mention.field], span, context, decisions.by_value.get(hash))
    write_private(args.export, file_content(args.export, COLUMNS, [rows[hash] for hash in by_hash]), force=args.force)
    mentions = sum(one.times for one in chosen)
    which = "values there" if args.id else "values without a decision"
    yield f"{len(chosen):,} of {len(values):,} {which}, {mentions:,} mentions: {args.export}"
    yield "Only you can read it: it holds text of your records. Delete it when it is imported. Fill in:"
    yield "    decision  right: personal data of this entity; type: of the one in `to`; allow: leave this value alone"
    yield "    missed    words of the context that should have been found; their entity in `to`; add rows for more"
    yield f"then: rowtrail review pii --import {args.export}"


def _to_review(args: argparse.Namespace, last: ScrubbedRun, decisions: PiiDecisions) -> list[Value]:
    """The values that were asked for. Raises DataError when there is none."""
    asked = distinct(
        one for one in last.mentions() if args.entity in (None, one.entity) and one.id.startswith(args.id or "")
    )
    if args.id and asked:
        return asked
    found = [one for one in asked if one.mention.operator != _SPARED and one.mention.value not in decisions.by_value]
    if not found:
        problem = "all that was found there is decided" if asked else "nothing was found there"
        raise DataError(Fault("scrub_pii", problem, "`rowtrail review pii` counts what was found and decided"))
    return found


def _import(args: argparse.Namespace, last: ScrubbedRun, old: PiiDecisions, params: Params) -> Iterator[str]:
    """Take over all answers of a file, or none."""
    answers = read_answers(read_filled(args.filled, NEEDED), params.scrub_pii.entities, args.reviewer or "")
    denied, not_there = _denied(last, answers.missed, args.reviewer or "")
    given = [*answers.decisions, *denied]  # in this order: what was found here and missed there is denied
    refuse_lines(args.filled, [*answers.problems, *not_there, *contradictions(given)])
    decisions, counts = merged(old, decisions_of(one for _, one in given))
    write_pii_decisions(decisions)
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    yield f"{sum(counts.values()):,} decisions: {told}; {answers.unanswered:,} rows without one"
    yield f"{PII_DECISIONS} holds {len(decisions):,}; they count when scrub_pii runs again: `dvc repro`"
    yield from _precision_lines(_as_first_found(last, decisions), decisions)


def _denied(
    last: ScrubbedRun, missed: Sequence[Missed], reviewer: str
) -> tuple[list[tuple[int, PiiDecision]], list[tuple[int, str]]]:
    """Decisions for stretches that were missed, by line; and the lines whose stretch is not in their record."""
    denied: list[tuple[int, PiiDecision]] = []
    problems = {one.line: "no record has this `id`: was the file exported from this run?" for one in missed}
    for record in last.records({one.id for one in missed}):
        for one in missed:
            if one.id != record.id:
                continue
            if any(occurs(text, one.text) for text in record.texts().values()):
                hash = last.hash_of(record, one.entity, one.text)
                words = len(one.text.split())
                denied.append((one.line, PiiDecision(hash, one.entity, "deny", words=words, reviewer=reviewer)))
                del problems[one.line]
            else:
                problems[one.line] = "`missed` does not stand in the record in these words"
    return denied, list(problems.items())


def _counts(last: ScrubbedRun, decisions: PiiDecisions) -> Iterator[str]:
    """By entity: what was found, what is decided, and how much of that the run did not meet."""
    values = _as_first_found(last, decisions)
    seen = {one.mention.value for one in (*distinct(last.mentions()), *values)}
    found, mentions = Counter(one.mention.entity for one in values), Counter[str]()
    for one in values:
        mentions[one.mention.entity] += one.times
    said = Counter[tuple[str, str]]((one.entity, one.decision) for one in decisions.by_value.values())
    stale = Counter(one.entity for one in decisions.by_value.values() if one.value not in seen)
    rows: list[tuple[str | int, ...]] = [
        (entity, mentions[entity], found[entity], *(said[entity, one] for one in PII_VERDICTS), stale[entity], "")
        for entity in sorted({*found, *(entity for entity, _ in said)})
    ]
    yield from text_table(("entity", "mentions", "values", *PII_VERDICTS, "stale", ""), rows)
    yield f"{len(decisions):,} decisions in {PII_DECISIONS}; {stale.total():,} about values not found in this run"
    yield from _precision_lines(values, decisions)


def _as_first_found(last: ScrubbedRun, decisions: PiiDecisions) -> list[Value]:
    """Distinct values of the run, as they were before a decision corrected their type; none that the params spare."""
    first = last.before_correction(decisions)
    values = [replace(one, mention=first.get(one.mention.value, one.mention)) for one in distinct(last.mentions())]
    return [one for one in values if one.mention.operator != _SPARED or one.mention.value in decisions.by_value]


def _precision_lines(values: Sequence[Value], decisions: PiiDecisions) -> Iterator[str]:
    found = precisions(values, decisions.by_value)
    if not found:
        return
    rows = [
        (
            entity, f"{one.share.value:.2f}", f"{one.share.low:.2f} to {one.share.high:.2f}", one.reviewed, one.values,
            "" if one.enough else "too few to tell",
        )
        for entity, one in found.items()
    ]  # fmt: skip
    yield ""
    yield from text_table(("entity", "precision", "95 % interval", "reviewed", "values", ""), rows)
    yield f"Share of distinct values that are right, weighted to the whole run. Too few: not worth {ENOUGH} answers."
