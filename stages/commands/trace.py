"""`rowtrail trace`: the story of a record, a source row, a value or a subject. Shows ids, codes, numbers, no text."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

from stages.commands.trace_made import made
from stages.commands.trace_stories import stories
from stages.commands.trace_ways import Found, by_source_row, by_subject, by_value, full_id
from stages.core.errors import DataError, Fault, UsageError
from stages.core.storage import StageFolder
from stages.core.terminal import printable
from stages.methods.story import Made, Story, as_json, in_short
from stages.methods.story_text import records_lines, story_lines

__all__ = ["add_arguments", "folders_in_order", "full_id", "run"]
_WAYS = {"source_row": by_source_row, "value_hash": by_value, "subject": by_subject}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to look for, where, and how to print."""
    parser.description = (
        "Tell what became of a record: from the row of its file through every decision, with its reason, evidence and "
        "params, to split, training and prediction. One way in; ids, codes, counts and hashes are shown, never text."
    )
    parser.add_argument(
        "id", nargs="?", metavar="ID", help="a record's id, or its first digits; `rowtrail show ingest` lists some"
    )
    parser.add_argument(
        "--source-row", metavar="SOURCE:ROW", help="a row by its own key or its place in the file (line, or number "
        "from 1), also SOURCE:FILE:ROW, and ROW where there is one source; finds rows that never became records, too",
    )  # fmt: skip
    parser.add_argument(
        "--value-hash", metavar="HASH", help="all records in which a piece of personal data was found: `value` in the "
        "events of scrub_pii",
    )  # fmt: skip
    parser.add_argument(
        "--subject", metavar="S", help="all records of a person: the id that the source has, or its keyed hash; `-` "
        "asks for it, so that it does not stand in the shell's history",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="the whole story of each, where several records are found")
    parser.add_argument("--params", action="store_true", help="also the params of every stage that did something")
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where the stage folders are")
    parser.add_argument("--json", action="store_true", help="print JSON: everything in full")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page to this file")


def run(args: argparse.Namespace) -> int:
    """Print what was asked for. Raises UsageError for an unclear question, DataError when there is no such record."""
    ways = {name: getattr(args, name) for name in ("id", *_WAYS) if getattr(args, name) is not None}
    if len(ways) != 1:
        problem = f"{len(ways)} were given" if ways else "nothing to look for"
        raise UsageError(Fault("trace", problem, "give one of ID, --source-row, --value-hash, --subject"))
    folders = folders_in_order(args.data)
    [(way, asked)] = ways.items()
    found = Found("", {full_id(asked, folders): ""}) if way == "id" else _WAYS[way](asked, folders)
    told = stories(found.records, folders)
    how_made = made(folders, args.data)
    if args.html:
        from stages.methods.story_page import page

        args.html.write_text(
            page(told, how_made, asked=found.asked, how=found.records, whole=args.all), encoding="utf-8"
        )
    for line in _answer(args, found, told, how_made):
        print(line)
    return 0


def _answer(args: argparse.Namespace, found: Found, told: Sequence[Story], how: dict[str, Made]) -> Iterable[str]:
    if args.json:
        return [_json(found, told, how, whole=args.all or len(told) == 1)]
    if args.html:
        return [f"page  {args.html}"]
    return map(printable, _lines(args, found, told, how))


def _json(found: Found, told: Sequence[Story], how: dict[str, Made], *, whole: bool) -> str:
    """Of an id its story; of another question always a list, also of one."""
    if not found.asked:
        return as_json(told[0], how)
    details = {**found.records, **found.details}
    records = [{**in_short(story, whole=whole), "found": details[story.id]} for story in told]
    return as_json(records, how, asked=found.asked)


def _lines(args: argparse.Namespace, found: Found, told: Sequence[Story], how: dict[str, Made]) -> Iterator[str]:
    if found.asked:
        yield f"asked       {found.asked}"
        yield f"found       {found.records[told[0].id] if len(told) == 1 else f'{len(told):,} records'}"
        yield ""
    if len(told) > 1:
        yield from records_lines([(story, found.records[story.id]) for story in told])
    for story in told if args.all or len(told) == 1 else ():
        if len(told) > 1:
            yield from ("", "")
        yield from story_lines(story, how, params=args.params)


def folders_in_order(data: Path) -> list[StageFolder]:
    """All finished stage folders, each after those it was made from. Raises DataError when there are none."""
    found = {path.parent.name: StageFolder(path.parent) for path in sorted(data.glob("[!.]*/manifest.json"))}
    if not found:
        step = "go to the project's folder, or name its data folder with --data; or run `dvc repro`"
        raise DataError(Fault(str(data), "holds no stage folders", step))
    by_stage = {folder.stage: folder for folder in found.values()}
    before = {name: sorted(set(folder.manifest.get("inputs", {})) & set(by_stage)) for name, folder in by_stage.items()}
    return [by_stage[name] for name in TopologicalSorter(before).static_order()]
