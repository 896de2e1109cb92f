"""`rowtrail compare SUBJECT`: train with and without something, and say what it brings.

A new subject is one row in the table and one file `compare_SUBJECT.py`, which has `add_arguments(parser)` and
`run(args) -> int`, as commands have.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

SUBJECTS = {"labels": "what is done about labels in doubt: nothing, drop, relabel, or what people decided"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to compare; the other arguments are the subject's own."""
    subjects = parser.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    for name, help in SUBJECTS.items():
        _module(name).add_arguments(subjects.add_parser(name, help=help, description=f"Compare {help}."))


def run(args: argparse.Namespace) -> int:
    """Do what was asked of the subject."""
    return int(_module(args.subject).run(args))


def _module(subject: str) -> Any:
    return importlib.import_module(f"stages.commands.compare_{subject}")
