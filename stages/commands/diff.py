"""`rowtrail diff A [B]`: two versions of data and model compared: rows, reasons, params, code, and scores.

Versions are git revisions, tags, branches, DVC experiments, or `workspace`. Nothing is checked out, and no text of a
record is printed: ids, codes, counts, labels, names of files and params.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from stages.commands.diff_drift import compare_drift
from stages.commands.diff_kept import Kept, data_stages
from stages.commands.diff_records import compare_records
from stages.commands.diff_rows import Found, compare_rows
from stages.commands.diff_scores import compare_scores
from stages.commands.diff_settings import compare_outputs, compare_reasons, compare_settings, out_of_step
from stages.core.errors import Fault, UsageError
from stages.core.progress import say
from stages.core.versions import WORKSPACE, Version, versions
from stages.methods.diff.summary import differs, shared_nothing
from stages.methods.diff.text import lines

_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two versions, and the form of the answer."""
    help = "a commit, tag, branch or DVC experiment, or `workspace`"
    parser.add_argument("a", metavar="REV_A", help=help)
    parser.add_argument("b", metavar="REV_B", nargs="?", default=WORKSPACE, help=f"{help} (the default)")
    parser.add_argument("--json", action="store_true", help="everything as JSON, with all ids")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page of its own")
    parser.add_argument(
        "--ids", type=int, nargs="?", const=_SHOWN, default=0, metavar="N",
        help=f"print up to N ids under each heading (default {_SHOWN})",
    )  # fmt: skip
    parser.add_argument("--exit-code", action="store_true", help="end with 1 when anything differs, as `git diff` does")


def run(args: argparse.Namespace) -> int:
    """Print the comparison. Raises UsageError for a name that means nothing, DataError for damaged files."""
    if args.ids < 0:
        raise UsageError(Fault("--ids", f"{args.ids} is below 0", "give 0 or more"))
    told = compare(*versions(args.a, args.b))
    if args.html:
        from stages.methods.diff.page import page

        args.html.parent.mkdir(parents=True, exist_ok=True)
        args.html.write_text(page(told), encoding="utf-8")
        say(f"written: {args.html}")
    if args.json:
        print(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(lines(told, args.ids)))
    return 1 if args.exit_code and told["differs"] else 0


def compare(a: Version, b: Version) -> dict[str, Any]:
    """All that differs, as values for JSON."""
    one, other = Kept(a), Kept(b)
    stages = data_stages(one, other)
    rows = compare_rows(one, other, stages)
    records = compare_records(one, other, stages)
    drift = compare_drift(one, other, records.told.get("stage"))
    settings = compare_settings(one, other)
    scores = compare_scores(one, other, records.reworded)
    parts: tuple[Found, ...] = (rows, records, drift, settings, scores)
    told: dict[str, Any] = {
        "format": 1,
        "a": {"name": a.name, "commit": a.commit},
        "b": {"name": b.name, "commit": b.commit},
        "outputs": compare_outputs(one, other),
        "rows": rows.told,
        "records": records.told,
        "drift": drift.told,
        "reasons": compare_reasons(one, other),
        "settings": settings.told,
        "scores": scores.told,
        "not_compared": [lack for part in parts for lack in part.lacking],
    }
    told["differs"] = differs(told)
    on_scores = scores.told.pop("warnings", ()) if told["differs"] else ()
    return {**told, "warnings": [*out_of_step(one), *out_of_step(other), *shared_nothing(told), *on_scores]}
