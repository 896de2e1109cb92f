"""`rowtrail key`: make the project's key."""

from __future__ import annotations

import argparse

from stages.core.keys import make_key


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Nothing to choose: where the key is kept is fixed, or set by ROWTRAIL_KEY_FILE."""


def run(_: argparse.Namespace) -> int:
    """Make the key and say what it is for. Raises UsageError when there is one."""
    path = make_key()
    print(f"made {path}")
    print("Keep a copy in a safe place, outside this folder: with another key every record gets another id, and nobody")
    print("can look a person up in this data again. Never put it into git or the DVC cache (both ignore it).")
    return 0
