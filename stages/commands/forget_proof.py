"""The proof of an erasure: everything is searched again, and what is left or out of reach is named."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.commands.forget_budget import spent_on
from stages.commands.forget_git import in_history, names_of_remotes
from stages.commands.forget_held import manifests, source_rows
from stages.commands.forget_models import models
from stages.commands.forget_request import Request
from stages.commands.forget_search import PROOFS, Search, places, search
from stages.commands.forget_versions import Cached, cached, find_git, naming, private_runs
from stages.core.dvc_files import DvcCache
from stages.core.git import Git
from stages.core.params import Source
from stages.core.storage import sha256_of, write_json
from stages.methods.forget.needles import KINDS, Needles

_ALREADY = ("before", "purged", "first_search", "also_said_by_others", "others")
"""What a proof that is made again takes over: it cannot be found out twice."""


def write_proof(request: Request, proof: Mapping[str, Any]) -> None:
    """Write a proof with its seal: a damaged one is seen. Whoever alters it on purpose can seal it; git has the old."""
    write_json(proof_file(request), {**proof, "seal": seal_of(proof)})


def seal_of(proof: Mapping[str, Any]) -> str:
    """SHA-256 of all that a proof says."""
    return hashlib.sha256(json.dumps(proof, sort_keys=True).encode()).hexdigest()


def proof_file(request: Request) -> Path:
    """Where the proof of a request is kept, in git."""
    return PROOFS / f"{request.digest[:12]}.json"


def prove(request: Request, needles: Needles, known: Mapping[str, Any], sources: Sequence[Source]) -> dict[str, Any]:
    """Search all that is left.

    `known` is what was found out before, or an earlier proof of the same request. A file in which something was found
    then, and which has not changed, still counts: what it holds may be unknown by now.
    """
    searched = search(needles, [*places()], "searching what is left")
    objects = cached(DvcCache(), searched.of("cache"))
    copies = sorted(objects.sources & set(objects.hits))
    git = find_git()
    versions_in_git, in_git = in_history(needles)
    found = found_in(searched, copies)
    found += _unchanged(known.get("found", ()), {one["place"] for one in found})
    return {
        "format": 1,
        "request": {"digest": request.digest, "erasures": request.erasures.lines()},
        "date": now(),
        "clear": not found,
        "manifests": manifests(),
        "searched": {
            "files": searched.files,
            "bytes": searched.bytes,
            "versions_in_git": versions_in_git,
            "not_read": searched.unread,
        },
        "looked_for": looked_for(needles),
        "found": found,
        "named_in_ingest": searched.named,
        "remaining": _remaining(known, objects, needles.ids, git),
        "out_of_reach": {
            "sources": [_without_id(one) for one in source_rows(needles.ids, sources)],
            "copies_of_sources": copies,
            "remotes": names_of_remotes(),
            "git": in_git,
            "older_commits": git is not None and git.shallow(),
        },
        **{name: known[name] for name in _ALREADY if name in known},
    }


def _without_id(row: Mapping[str, Any]) -> dict[str, Any]:
    """The ids stand on in `ingest`'s events; a proof that named them would tie them to the subject."""
    return {name: value for name, value in row.items() if name != "id"}


def now() -> str:
    """The time, in UTC."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def found_in(searched: Search, copies: Collection[str]) -> list[dict[str, Any]]:
    """What should not be there: where, what, how often, and the file's digest."""
    return [
        {"area": place.area, "place": place.name, "kinds": dict(found.kinds), "sha256": sha256_of(place.path)}
        for place, found in searched.hits.items()
        if not (place.area == "cache" and place.name in copies)
    ]


def _unchanged(earlier: Iterable[Mapping[str, Any]], known: set[str]) -> list[dict[str, Any]]:
    """What an earlier search found in files that are still the same."""
    files = {place.name: place.path for place in places()} if earlier else {}
    before = {one["place"]: dict(one) for one in earlier if one["place"] in files and one["place"] not in known}
    return [one for name, one in before.items() if sha256_of(files[name]) == one["sha256"]]


def looked_for(needles: Needles) -> dict[str, int]:
    """How many of each kind."""
    groups = (needles.ids, needles.subjects, needles.contents, needles.values, needles.texts)
    return {kind: len(group) for kind, group in zip(KINDS, groups, strict=True)}


def _remaining(known: Mapping[str, Any], objects: Cached, ids: Collection[str], git: Git | None) -> dict[str, Any]:
    """Models that may remember something of the rows, the workspace's own included; versions; privacy spent on them."""
    left = models(objects, git, known.get("before", {}).get("models", ()))
    left = [one for one in left if one["bytes"] or one["exports"]]
    gone = {*known.get("purged", {}).get("objects", ()), *(one["folder"] for one in left if not one["workspace"])}
    named, budget = naming(git, gone), spent_on(ids)
    return {
        "models": left,
        "versions": [ref.name for ref in named if ref.kind != "experiment"],
        "experiments": [ref.name for ref in named if ref.kind == "experiment"],
        "privacy_was_spent": bool(budget["runs"]) or private_runs(git),
        "budget": budget,
    }
