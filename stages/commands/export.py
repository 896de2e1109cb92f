"""`rowtrail export SUBJECT`: hand over the scrubbed rows, or the model, to people who work with other tools.

A new subject is one row in the table and one file `export_SUBJECT.py`, which has `add_arguments(parser)` and
`run(args) -> int`, as commands have.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from typing import Any

SUBJECTS = {
    "data": "the scrubbed split, in the formats that other programs train on",
    "model": "the tuned model, smaller or in another format",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to hand over; the other arguments are the subject's own."""
    subjects = parser.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    for name, help in SUBJECTS.items():
        if importlib.util.find_spec(_name(name)):
            _module(name).add_arguments(subjects.add_parser(name, help=help, description=f"Hand over {help}."))


def run(args: argparse.Namespace) -> int:
    """Do what was asked of the subject."""
    return int(_module(args.subject).run(args))


def _name(subject: str) -> str:
    return f"stages.commands.export_{subject}"


def _module(subject: str) -> Any:
    return importlib.import_module(_name(subject))
