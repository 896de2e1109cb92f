"""`rowtrail export data`: the scrubbed split, for people who train elsewhere, with the record behind every row."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.commands.export_place import EXPORTS, MANIFEST, check_place, private_folder
from stages.commands.export_rows import FORMATS, Export, Writing
from stages.commands.export_source import Source
from stages.core.errors import Fault, PrivacyRefused, UsageError
from stages.core.git import Git
from stages.core.progress import say
from stages.core.storage import files_below, sha256_of, write_json
from stages.methods.export.data_card import Handover, card, dataset_info, next_steps
from stages.methods.export.data_rules import RULES
from stages.methods.text_table import text_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The format, the rows, the place."""
    parser.add_argument("--format", required=True, choices=FORMATS, help="what the other program reads")
    parser.add_argument(
        "--split", metavar="NAMES", help="splits, with commas between: train,validation,test (default: all)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"a folder of its own (default: {EXPORTS}/FORMAT); replaced if it is one",
    )
    parser.add_argument(
        "--from", dest="source", type=Path, default=Path("data/split"), metavar="DIR",
        help="the folder whose records to take (default: data/split)",
    )  # fmt: skip
    parser.add_argument(
        "--instruction", metavar="TEXT", help="what the model is told to do, in place of the task's own sentence"
    )
    parser.add_argument(
        "--force", action="store_true", help="also rows of which nothing proves that they were scrubbed"
    )
    parser.epilog = (
        "The files hold text of records: only you can read them, and git and DVC do not take them up. manifest.json "
        "says from which data they were made, lineage.csv which record is behind every row (then: rowtrail trace ID)."
    )


def run(args: argparse.Namespace) -> int:
    """Write the folder and say what is in it. Raises PrivacyRefused for rows that were not shown to be scrubbed."""
    source, out = Source(args.source), args.out or EXPORTS / args.format
    if args.instruction is not None and (args.format == "datasets" or not args.instruction.strip()):
        problem = "has no place in this format" if args.instruction.strip() else "is empty"
        raise UsageError(Fault("--instruction", problem, "leave it out"))
    doubts = list(source.doubts())
    if doubts and not args.force:
        raise PrivacyRefused(*doubts)
    for doubt in doubts:
        say(f"not shown to be scrubbed, and forced: {doubt}")
    splits, erasures = source.chosen(args.split), source.refuse_erased()
    check_place(out)
    with private_folder(out) as folder:
        export = Export(Writing(source, args.format, splits, args.instruction, folder))
        export.write()
        export.check()
        handed = _handover(export, scrubbed=not doubts)
        (folder / "README.md").write_text(card(handed), encoding="utf-8")
        if (info := dataset_info(handed)) is not None:
            write_json(folder / "dataset_info.json", info)
        proof = {"scrubbed": not doubts, "doubts": [f"{one.place}: {one.problem}" for one in doubts]}
        write_json(folder / MANIFEST, {**_manifest(export), **proof, "erasures": erasures})
    print("\n".join(_told(export, handed, out)))
    return 0


def _handover(export: Export, *, scrubbed: bool) -> Handover:
    source, files = export.writing.source, {name: (part.file, part.rows.count) for name, part in export.parts.items()}
    says_itself = bool(source.schema.of_kind("messages"))
    return Handover(export.writing.format, source.task, files, source.licenses(), says_itself, scrubbed)


def _manifest(export: Export) -> dict[str, Any]:
    """What the folder is, and from which data and code it was made: names, counts and digests."""
    writing, source = export.writing, export.writing.source
    by_file = {part.file: (split, part) for split, part in export.parts.items()}
    files: dict[str, dict[str, Any]] = {}
    for name in files_below(writing.folder):
        files[name] = {"sha256": sha256_of(writing.folder / name)}
        if name in by_file:
            split, part = by_file[name]
            files[name] |= {"split": split, "rows": part.rows.count, "ids": part.rows.digest}
    return {
        "format": 1,
        "export": "data",
        "rows_as": writing.format,
        "task": source.task,
        "instruction": None if writing.format == "datasets" else export.examples.instruction,
        "source": {"stage": source.folder.stage, "chain": source.chain.digests},
        "git": _git(),
        "scrub": {"leaks": source.leaks(), "kept_by_params": source.kept_entities()},
        "files": files,
        "splits": {
            split: {"given": part.given.count, "ids_given": part.given.digest, "left_out": dict(part.left_out)}
            for split, part in export.parts.items()
        },
        "reason_texts": {code: RULES[code] for part in export.parts.values() for code in part.left_out},
    }


def _git() -> dict[str, Any] | None:
    """The commit of the pipeline, and the tracked files that differ from it; None where there is no history."""
    try:
        git = Git()
        return {"commit": git.commit("HEAD"), "changed": git.uncommitted()}
    except UsageError:
        return None


def _told(export: Export, given: Handover, out: Path) -> Iterator[str]:
    """What was written, what was left out and why, and what to do with it."""
    rows = [
        (name, part.rows.count, part.given.count - part.rows.count, part.file) for name, part in export.parts.items()
    ]
    yield f"{out}: {given.task} as {given.format}, " + ("scrubbed" if given.scrubbed else "NOT shown to be scrubbed")
    yield from ["", *text_table(("split", "rows", "left out", "file"), rows)]
    reasons = [
        (name, count, RULES[code]) for name, part in export.parts.items() for code, count in part.left_out.items()
    ]
    if reasons:
        yield from ["", *text_table(("split", "left out", "why"), reasons, _width())]
    yield from ["", *_notes(export.writing.source, given)]
    yield from ["next:", *(f"    {line}".rstrip() for line in next_steps(given, str(out)))]


def _notes(source: Source, given: Handover) -> Iterator[str]:
    """What whoever hands this over should know of it."""
    leaks = {kind: count for kind, count in source.leaks().items() if count}
    if leaks:
        seen = ", ".join(f"{count:,} {kind}" for kind, count in leaks.items())
        yield f"scrub_pii still saw: {seen} (what these are: docs/scrub_pii.md)"
    if kept := source.kept_entities():
        yield f"kept by scrub_pii.entities: {', '.join(kept)}"
    if "test" in given.files:
        yield "test rows are among the files: keep them from whoever trains, or the final score says nothing"
    yield "erased later? run `dvc repro`, export again, and have every copy that was handed over deleted"
    yield ""


def _width() -> int:
    return shutil.get_terminal_size().columns
