"""What the standards read from manifests and reports in common, and the sentences that they tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stages.core.remote import shown
from stages.methods.document.cards.data_tables import LEAKS
from stages.methods.document.figures import Recorded
from stages.methods.document.tree import find
from stages.methods.document.wording import NBSP, percent, plural

_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)")
_LEAVING = ("drop", "quarantine")


def pinned(lock: str) -> dict[str, str]:
    """Versions by package of a pip lock file's text; comments, hashes and lines of another form are left out."""
    return {match[1]: match[2] for line in lock.splitlines() if (match := _PINNED.match(line.strip()))}


def data_version(recorded: Recorded) -> str:
    """Version of the data set: 0.0.0 with the first 12 digits of the manifest's SHA-256 as build (SemVer 2.0.0, 10).

    A digest has no order, so it is no major, minor or patch; build metadata is where SemVer lets it stand.
    """
    return f"0.0.0+{digest(recorded, 'split')[:12]}"


def digest(recorded: Recorded, stage: str) -> str:
    """SHA-256 of a stage's manifest; empty where the stage was not given."""
    return str(find(recorded, stage, "digest") or "")


def files(recorded: Recorded, stage: str) -> Mapping[str, str]:
    """SHA-256 of the files of a stage's folder, by name."""
    return find(recorded, stage, "manifest", "files") or {}


def sources(recorded: Recorded) -> list[dict[str, Any]]:
    """Declared sources, each with what `ingest` measured of it under `measured`."""
    declared = find(recorded, "ingest", "manifest", "params", "ingest", "sources") or []
    measured = find(recorded, "ingest", "report", "sources") or {}
    return [
        {**source, "uri": shareable(str(source.get("uri") or "")), "measured": measured.get(source.get("name")) or {}}
        for source in declared
    ]


def shareable(uri: str) -> str:
    """A source's URI without user, password and query; a path as it is."""
    return shown(uri) if "://" in uri else uri


def all_public(recorded: Recorded) -> bool:
    """Whether every source is declared to hold what anyone may have."""
    return all(source.get("public") is True for source in sources(recorded))


def told(recorded: Recorded, stage: str) -> str | None:
    """What a stage did, in one sentence of counts and reasons; None where it was not given."""
    manifest = find(recorded, stage, "manifest") or {}
    counts = manifest.get("counts") or {}
    if not counts.get("in"):
        return None
    texts = manifest.get("reason_texts") or {}
    parts = [
        f"{action} {reason}: {plural(count, 'event')} ({texts.get(reason, 'no explanation recorded')})"
        for action, reason, count in events(manifest)
    ]
    went_on = counts.get("kept", 0) + counts.get("created", 0)
    head = f"{stage}: {counts['in']} in, {went_on} went on"
    return f"{head}; {'; '.join(parts)}." if parts else f"{head}."


def events(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Action, reason and count of all events of a stage."""
    for action, by_reason in (manifest.get("reasons") or {}).items():
        for reason, count in by_reason.items():
            yield action, reason, count


def left_out(recorded: Recorded, stage: str) -> list[str]:
    """Why rows did not go on, with counts and explanations, one reason an entry."""
    manifest = find(recorded, stage, "manifest") or {}
    texts = manifest.get("reason_texts") or {}
    return [
        f"{count} {reason} ({texts.get(reason, action)})"
        for action, reason, count in events(manifest)
        if action in _LEAVING
    ]


def shares(counts: Mapping[str, int]) -> str:
    """Counts by name as a list with shares in percent, largest first."""
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(
        f"{name} {count} ({percent(count / total).replace(NBSP, ' ')})" for name, count in ordered if total
    )


def personal(report: Mapping[str, Any]) -> list[str]:
    """Personal data that `scrub_pii` found and what it did with it, by kind; then what is known to be left."""
    found = [
        f"{entity}: {', '.join(f'{operator} {count} times' for operator, count in sorted(by.items()))}"
        for entity, by in sorted((report.get("spans") or {}).items())
    ]
    leaks = {text: find(report, "leaks", kind, "found") for kind, text in LEAKS.items()}
    left = "; ".join(f"{text}: {count}" for text, count in leaks.items() if count is not None)
    return found + ([f"Left in the output, as far as a second look found: {left}"] if left else [])
