"""Git's history, as far as it can hold rows: every version of every file below data/ and reports/, looked at once."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from stages.commands.forget_search import PROOFS
from stages.core.erasure import ERASURE_LIST
from stages.core.progress import track
from stages.methods.forget.needles import Needles

_FOLDERS = ("data", "reports")
_COMMITS = 20
_REMOTE = re.compile(r"""^\s*\[\s*'?remote\s+"([^"]+)"'?\s*\]""", re.MULTILINE)
_GIT = ("git", "--no-optional-locks")


def in_history(needles: Needles, root: Path = Path()) -> tuple[int, list[dict[str, object]]]:
    """How many versions of files were looked at, and those that hold what is looked for: file, commits, kinds.

    The erasure list and the proofs are left out: they name whom they are about, by id or keyed hash. Nothing is found
    where there is no git.
    """
    blobs = _blobs(root)
    hits: list[dict[str, object]] = []
    if not blobs:
        return 0, hits
    command = [*_GIT, "cat-file", "--batch"]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as git:  # noqa: S603
        assert git.stdin is not None
        assert git.stdout is not None
        for object, name in track(blobs, "looking through git's history", len(blobs)):
            git.stdin.write(f"{object}\n".encode())
            git.stdin.flush()
            if kinds := {kind for kind, _ in needles.in_bytes(_content(git.stdout))}:
                commits = _ask(root, "log", "--all", "--format=%H", f"--find-object={object}").split()
                hits.append({"file": name, "commits": commits[:_COMMITS], "kinds": sorted(kinds)})
        git.stdin.close()
    return len(blobs), hits


def _blobs(root: Path) -> Sequence[tuple[str, str]]:
    """(object, path) of each version of each file. A folder's own objects are told by their path's lack of a file."""
    lines = _ask(root, "rev-list", "--all", "--objects", "--", *_FOLDERS).splitlines()
    named = dict(line.split(" ", 1) for line in lines if " " in line)
    exempt = (str(ERASURE_LIST), f"{PROOFS}/")
    return [(object, name) for object, name in named.items() if not any(part in name for part in exempt)]


def _content(out: IO[bytes]) -> bytes:
    """The next object that `git cat-file --batch` gives; nothing for one that is no file."""
    head = out.readline().split()
    if len(head) != 3:
        return b""
    content = out.read(int(head[2]))
    out.read(1)
    return content if head[1] == b"blob" else b""


def _ask(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run([*_GIT, *arguments], cwd=root, capture_output=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return ""
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else ""


def names_of_remotes(root: Path = Path()) -> list[str]:
    """DVC's remotes by name: their addresses may hold credentials."""
    files = [root / ".dvc" / name for name in ("config", "config.local")]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
    return sorted({name for text in texts for name in _REMOTE.findall(text)})
