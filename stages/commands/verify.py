"""`rowtrail verify`: show that nothing was altered, or name what was. Reads every byte; trusts no state of DVC's.

Exit code 1 when anything is wrong. What it cannot see: a rewrite of all folders and of `dvc.lock` together that is as
consistent as a true run; `--rev` compares with the lock file of a commit or tag, which such a rewrite does not reach.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stages.commands.verify_budget import budget_checks
from stages.commands.verify_bytes import byte_checks, cache_checks
from stages.commands.verify_chain import chain_checks, report_checks
from stages.commands.verify_checks import Check, Finding, Group, run_group
from stages.commands.verify_decisions import decision_checks
from stages.commands.verify_erasures import erasure_checks
from stages.commands.verify_events import event_checks
from stages.commands.verify_origin import anchor_checks, environment_checks, source_checks
from stages.commands.verify_parents import parent_checks
from stages.commands.verify_project import Project
from stages.commands.verify_records import record_checks
from stages.commands.verify_splits import split_checks
from stages.core.dvc_files import LOCK
from stages.core.errors import Fault, UsageError
from stages.core.git import Git


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to compare with, and how far to go."""
    parser.add_argument(
        "--rev", metavar="REV", help="compare with the lock file of this commit or tag, not the one here"
    )
    parser.add_argument("--cache", action="store_true", help="check every object in DVC's cache, not only those in use")
    parser.add_argument("--attestation", type=Path, metavar="FILE", help="check a statement that `attest` wrote, too")
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="the key that must have signed it")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Check everything and print what was found. Raises UsageError for a revision that means nothing."""
    if args.public_key and not args.attestation:
        raise UsageError(
            Fault("--public-key", "there is no statement to check with it", "name one: --attestation FILE")
        )
    if not any(Path(name).exists() for name in (LOCK, "dvc.yaml")):
        raise UsageError(Fault(str(Path.cwd()), "is not a project: no dvc.yaml is here", "go to the project's folder"))
    if args.rev:
        Git().commit(args.rev)
    groups = [run_group(name, checks) for name, checks in kinds(args).items()]
    print(json.dumps(as_json(groups), indent=1, ensure_ascii=False) if args.json else "\n".join(lines(groups)))
    return 1 if any(group.faults for group in groups) else 0


def kinds(args: argparse.Namespace) -> dict[str, Iterator[Check]]:
    """The checks of the project in the current folder, by group; none is made before it is asked for."""
    project = Project(args.rev)
    found: dict[str, Iterator[Check]] = {
        "bytes": byte_checks(project),
        "cache": cache_checks(project, args.cache),
        "chain": chain_checks(project),
        "records": record_checks(project),
        "events": event_checks(project),
        "decisions": decision_checks(project),
        "reports": report_checks(project),
        "splits": split_checks(project),
        "parents": parent_checks(project),
        "budget": budget_checks(project),
        "sources": source_checks(project),
        "erasures": erasure_checks(project),
        "environment": environment_checks(),
        "anchor": anchor_checks(project),
    }
    if args.attestation:
        found["attestation"] = iter(
            [Check(str(args.attestation), partial(_attested, args.attestation, args.public_key))]
        )
    return found


def _attested(attestation: Path, public_key: Path | None) -> Sequence[Finding]:
    from stages.commands.attest import check_attestation

    found: list[Fault] = check_attestation(attestation, public_key, Path())
    return found


_SHOWN = 200
"""Findings of a group that are printed; JSON has all."""


def lines(groups: Sequence[Group]) -> Iterator[str]:
    """A line for each group, then the faults, then the notes."""
    for group in groups:
        count = len(group.faults)
        said = "1 fault" if count == 1 else f"{count} faults" if count else "ok" if group.checked else "nothing is here"
        yield f"{group.name:<12} {group.checked:>5} checked  {said}"
    for kind in ("faults", "notes"):
        for group in groups:
            found = getattr(group, kind)
            if found:
                yield from ["", f"{group.name}: {kind}", *(f"  {one}" for one in found[:_SHOWN])]
            if len(found) > _SHOWN:
                yield f"  and {len(found) - _SHOWN:,} more; --json prints all"


def as_json(groups: Sequence[Group]) -> dict[str, Any]:
    """The same as values."""
    shown = [
        {
            "name": group.name,
            "checked": group.checked,
            "faults": [
                {"place": one.place, "problem": one.problem, "next_step": one.next_step} for one in group.faults
            ],
            "notes": [str(note) for note in group.notes],
        }
        for group in groups
    ]
    return {"ok": not any(group.faults for group in groups), "groups": shown}
