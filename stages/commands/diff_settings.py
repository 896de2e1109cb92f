"""Params, code, source files, base model and packages for `rowtrail diff`, and what is not in step in a version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.commands.diff_kept import ABSENT, Kept
from stages.commands.diff_rows import Found
from stages.core.dvc_files import LockedStage
from stages.methods.diff.settings import (
    differences,
    flat,
    packages,
    reason_rows,
    source_files,
    stage_differences,
    unnamed,
)

_PACKAGES = "requirements/lock.txt"


def compare_settings(a: Kept, b: Kept) -> Found:
    """What the two versions were made from, where that differs."""
    found = Found()
    code, files = (_deps(a, b, code=code) for code in (True, False))
    pins = (packages((side.version.read(_PACKAGES) or b"").decode("utf-8", "replace")) for side in (a, b))
    found.told = {
        "params": _params(a, b),
        "code": code,
        "files": files,
        "sources": _sources(a, b, found),
        "base_model": _base_model(a, b),
        "packages": differences(*pins),
    }
    return found


def _params(a: Kept, b: Kept) -> list[dict[str, Any]]:
    """By the params that stages ran with, which the lock file knows; by params.yaml where there is no lock file."""
    if a.version.lock and b.version.lock:
        rows = stage_differences(*({n: flat(s.params) for n, s in side.version.lock.items()} for side in (a, b)))
    else:
        rows = [{**row, "stages": []} for row in differences(flat(a.version.params), flat(b.version.params))]
    return [unnamed(row) for row in rows]


def _deps(a: Kept, b: Kept, *, code: bool) -> list[dict[str, Any]]:
    rows = stage_differences(*({n: _watched(s, code=code) for n, s in side.version.lock.items()} for side in (a, b)))
    # One line a file: stages that ran from different old versions of it would each have their own.
    merged: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        merged.setdefault((row["name"], row["change"]), set()).update(row["stages"])
    order = list(b.version.lock)
    return [
        {"name": name, "change": change, "stages": sorted(stages, key=order.index)}
        for (name, change), stages in merged.items()
    ]


def _watched(stage: LockedStage, *, code: bool) -> dict[str, str]:
    """MD5 of the files that DVC watches for a stage: its code, or else what no stage wrote."""
    return {
        dep.path: dep.md5
        for dep in stage.deps
        if dep.path.endswith(".py") == code and (code or not dep.is_folder or dep.path == "data/raw")
    }


def _sources(a: Kept, b: Kept, found: Found) -> list[dict[str, Any]]:
    reports = [side.json("ingest", "report.json") for side in (a, b)]
    if gone := [side.name for side, report in zip((a, b), reports, strict=True) if not report]:
        found.lack("source files", f"the report of ingest of {' and '.join(gone)} is {ABSENT}")
        return []
    return differences(*(source_files(report.get("sources", {})) for report in reports))


def _base_model(a: Kept, b: Kept) -> list[dict[str, Any]]:
    """Differences in the name of the base model and in its files, as `plan` found them."""
    plans = [side.json("plan", "plan.json") for side in (a, b)]
    if not all(plans):
        return []
    return differences(*({"model": plan.get("model"), **dict(plan.get("base") or {})} for plan in plans))


def compare_reasons(a: Kept, b: Kept) -> list[dict[str, Any]]:
    """Counts by stage, action and reason of both versions."""
    stages = [*dict.fromkeys([*a.stages, *b.stages])]
    texts: dict[tuple[str, str], str] = {}
    for side in (a, b):
        for stage, said in side.manifests.items():
            texts |= {(stage, code): text for code, text in said.get("reason_texts", {}).items()}
    counts = [{stage: side.counts(stage) for stage in stages} for side in (a, b)]
    return reason_rows(stages, counts[0], counts[1], texts)


def compare_outputs(a: Kept, b: Kept) -> dict[str, list[str]]:
    """The stages whose outputs are the same bytes in both versions, by their lock files, and those whose are not."""
    stages = [*dict.fromkeys([*a.stages, *b.stages])]
    outs = {stage: [side.version.out(stage) for side in (a, b)] for stage in stages}
    same = [stage for stage, (one, other) in outs.items() if one and other and one.md5 == other.md5]
    return {"same": same, "different": [stage for stage in stages if stage not in same]}


def out_of_step(side: Kept) -> Iterator[str]:
    """What in a version is not of one run: its outputs are then not those of its params and of one another."""
    if behind := side.behind():
        yield (
            f"In {side.name}, {', '.join(behind)} ran before the data it reads was made again: "
            "what is told of it is of an older run. `dvc repro` brings it up to date."
        )
    if pending := _pending(side):
        names = ", ".join(pending[:5]) + (f" and {len(pending) - 5} more" if len(pending) > 5 else "")
        yield f"In {side.name}, params.yaml has other values than the last run used ({names}): they are not compared."


def _pending(side: Kept) -> list[str]:
    ran: Mapping[str, Any] = {k: v for stage in side.version.lock.values() for k, v in flat(stage.params).items()}
    top = {name for stage in side.version.lock.values() for name in stage.params}
    now = flat({name: side.version.params[name] for name in sorted(top) if name in side.version.params})
    return [row["name"] for row in differences(ran, now)]
