"""Who knows of private runs beside the ledger: certificates here and in DVC's cache, and the figures in git's history.

A ledger that was deleted, put aside or cut short shows here: what others tell of and it lacks was spent nevertheless.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from stages.core.budget_chain import Budget
from stages.core.dvc_files import DvcCache
from stages.core.errors import RowtrailError, UsageError
from stages.core.git import Git
from stages.core.keys import project_root

CERTIFICATE = Path("data/finetune/privacy.json")
AUDITED = Path("data/audit/privacy.json")
_FIGURES = "reports/finetune.json"
Witnesses: TypeAlias = dict[tuple[str, str], list[str]]
"""By a run and its entry's hash, the places that tell of it."""


def unaccounted(budget: Budget) -> list[str]:
    """The runs that something tells of and the ledger lacks."""
    return sorted({run for run, _ in witnesses() if budget.find(run) is None})


def witnesses() -> Witnesses:
    """Every run that something outside the ledger tells of."""
    found: Witnesses = {}
    for said, place in _told():
        with contextlib.suppress(KeyError, TypeError, AttributeError):
            told = said["ledger"] if "ledger" in said else said["privacy"]
            names = ("run", "entry") if "ledger" in said else ("ledger_run", "ledger_entry")
            run, entry = (str(told[name]) for name in names)
            found.setdefault((run, entry), []).append(place)
    return found


def _told() -> Iterator[tuple[Any, str]]:
    """Certificates and figures, each with its place: here, in git, and in DVC's cache."""
    for file in (CERTIFICATE, AUDITED, Path(_FIGURES)):
        if file.is_file():
            yield _parsed(file.read_bytes()), str(file)
    with contextlib.suppress(UsageError):
        git = Git(project_root())
        for commit in git.history(_FIGURES):
            yield _parsed(git.read(commit, _FIGURES)), f"commit {commit[:12]}"
    yield from _cached(DvcCache())


def _cached(cache: DvcCache) -> Iterator[tuple[Any, str]]:
    """Certificates of earlier runs, also of experiments that were removed."""
    for name, _ in cache.objects():
        files: Mapping[str, str] = {}
        with contextlib.suppress(RowtrailError):  # a damaged list is a fault of the cache
            files = cache.listing(name) or {} if name.endswith(".dir") else {}
        certificate = cache.place(files.get("privacy.json", "none"))
        if certificate.is_file():
            yield _parsed(certificate.read_bytes()), f"DVC's cache ({name[:12]})"


def _parsed(content: bytes | None) -> Any:
    """A JSON file; nothing where it is none, which other checks tell."""
    try:
        return json.loads(content or b"null")
    except ValueError:
        return None
