"""`rowtrail review SUBJECT`: let people judge what a stage found.

A new subject is one row in the table and one file `review_SUBJECT.py`, which has `add_arguments(parser)` and
`run(args) -> int`, as commands have.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

SUBJECTS = {
    "pii": "the personal data that scrub_pii found",
    "labels": "the labels that check_labels doubts",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to review; the other arguments are the subject's own."""
    subjects = parser.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    for name, help in SUBJECTS.items():
        _module(name).add_arguments(subjects.add_parser(name, help=help, description=f"Review {help}."))


def run(args: argparse.Namespace) -> int:
    """Do what was asked of the subject."""
    return int(_module(args.subject).run(args))


def _module(subject: str) -> Any:
    return importlib.import_module(f"stages.commands.review_{subject}")
