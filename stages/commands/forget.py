"""`rowtrail forget`: what is held of a person or a record, then a new run without it, and a proof (GDPR Article 17).

Without `--apply` it changes nothing. No subject, text or value is printed or written: only ids, counts, keyed hashes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from stages.commands.forget_apply import apply, known_before, prove_again
from stages.commands.forget_budget import spent_on
from stages.commands.forget_git import in_history, names_of_remotes
from stages.commands.forget_held import duplicates, held
from stages.commands.forget_models import models
from stages.commands.forget_request import Request, resolve
from stages.commands.forget_search import Search, parquet_places, places, search
from stages.commands.forget_versions import cached, find_git, runs_naming, versions
from stages.core.dvc_files import DvcCache
from stages.core.erasure import ERASURE_LIST, Erasures, add_erasures
from stages.core.errors import Fault, UsageError
from stages.core.params import Params
from stages.core.params_file import read_params
from stages.methods.forget.needles import Needles
from stages.methods.forget.words import plan_lines, proof_lines
from stages.tasks import load_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whom, and how far to go."""
    whom = "a person as the source names them, or their 32-digit hash; `-` asks without showing it, or reads a pipe"
    parser.add_argument("--subject", action="append", default=[], metavar="S", help=whom)
    parser.add_argument(
        "--record", action="append", default=[], metavar="ID", help="a record's id, or its first digits"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--apply", action="store_true", help="erase: list, run the pipeline, purge the cache, prove")
    how.add_argument("--prove", action="store_true", help="only search everything again and write the proof anew")
    how.add_argument("--restore", action="store_true", help="bring an old erasure list up to what was erased here")
    with_duplicates = "erase records of others that carry the same text, too"
    parser.add_argument("--with-duplicates", action="store_true", help=with_duplicates)
    old = "delete old models that learned from the rows or came from one; they are kept and named otherwise"
    parser.add_argument("--purge-models", action="store_true", help=old)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the plan or the proof; 1 when something is still there that must not be."""
    if not Path("params.yaml").is_file():
        step = "run this from the project's folder"
        raise UsageError(Fault(str(Path.cwd()), "is not a project: no params.yaml is here", step))
    if args.restore:
        count = add_erasures(Erasures())
        added = f"{count} line{'s' * (count > 1)} added; commit it"
        print(f"{ERASURE_LIST}: {added if count else 'complete'}")
        return 0
    if not args.subject and not args.record:
        raise UsageError(Fault("forget", "nobody is named", "give --subject or --record, as often as you like"))
    params = read_params(Path("params.yaml"))
    among = [*places()]
    request = resolve(args, params.ingest.sources, parquet_places(among))
    request = request.with_duplicates(known_before(request).get("before", {}).get("with_duplicates", ()))
    needles = Needles(request.ids, request.subjects, names=_label_columns(params))
    sources = params.ingest.sources
    if args.prove:
        return _show(prove_again(request, needles, sources, write=True), args)
    found = search(needles, among, "searching the project")
    plan = _plan(request, needles, found, params)
    if args.apply:
        extra = [one["id"] for one in plan["duplicates"]] if args.with_duplicates else []
        request = request.with_duplicates(extra)
        return _show(apply(request, needles, plan, params, models=args.purge_models), args)
    if request.listed() and not found.of("stages"):
        return _show(prove_again(request, needles, sources, write=False), args)
    print(json.dumps(plan, indent=1) if args.json else "\n".join(plan_lines(plan)))
    return 0


def _label_columns(params: Params) -> frozenset[str]:
    return frozenset(column.name for column in load_task(params.task).schema.of_kind("label", "labels"))


def _plan(request: Request, needles: Needles, found: Search, params: Params) -> dict[str, Any]:
    """All that is held, as it will be printed."""
    cache = DvcCache()
    objects = cached(cache, found.of("cache"))
    doomed = set(objects.hits) | objects.folders(objects.hits)
    runs = len(runs_naming(cache, doomed))
    size = sum(cache.place(md5).stat().st_size for md5 in objects.hits)
    git = find_git()
    blobs, hits = in_history(needles)
    listed = {"listed": request.listed(), "words": request.words}
    return {
        "request": {"digest": request.digest, "erasures": request.erasures.lines(), **listed},
        "records": len(request.ids),
        **held(found, request.ids, params.ingest.sources),
        "duplicates": duplicates(request.ids),
        "cache": {"objects": len(objects.hits), "bytes": size, "runs": runs},
        **versions(objects, git),
        "models": models(objects, git, known_before(request).get("before", {}).get("models", ())),
        "budget": spent_on(request.ids),
        "git": {"versions_of_files": blobs, "found": hits},
        "remotes": names_of_remotes(),
    }


def _show(proof: dict[str, Any], args: argparse.Namespace) -> int:
    print(json.dumps(proof, indent=1) if args.json else "\n".join(proof_lines(proof)))
    return 0 if proof["clear"] else 1
