"""End with one's parent: a stage whose `dvc` was killed must not go on writing into the workspace."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

_EVERY_SECONDS = 0.5


def end_with_parent() -> None:
    """Watch the parent and, through a shell, its parent; end this process hard when one of them is gone."""
    threading.Thread(target=_watch, args=(_ancestors(),), daemon=True, name="end_with_parent").start()


def _watch(ancestors: tuple[int, ...]) -> None:
    while _ancestors() == ancestors:
        time.sleep(_EVERY_SECONDS)
    os._exit(143)


def _ancestors() -> tuple[int, ...]:
    """The parent's process id, and the grandparent's when the parent is a shell that only waits for us."""
    parent = os.getppid()
    try:
        status = Path(f"/proc/{parent}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return (parent,)
    name, _, rest = status.partition("(")[2].rpartition(")")
    is_shell = name in ("sh", "bash", "dash", "zsh")
    return (parent, int(rest.split()[1])) if is_shell else (parent,)
