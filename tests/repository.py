"""A git repository for tests, apart from the settings of whoever runs them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def environment() -> dict[str, str]:
    """What git and DVC are run with."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_"))}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "DVC_NO_ANALYTICS": "1"}
    people = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**own, **quiet, **people}


def git(root: Path, *arguments: str) -> str:
    """Run git in a folder, and give what it prints."""
    command = ("git", *arguments)
    done = subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(root: Path, message: str = "change") -> str:
    """Commit everything, and give the hash."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")
