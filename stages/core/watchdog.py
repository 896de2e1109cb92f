"""End with one's parent: a stage whose `dvc` was killed must not go on writing into the workspace."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

_EVERY_SECONDS = 0.5
_SHELLS = ("sh", "ash", "bash", "dash", "fish", "ksh", "zsh")
"""DVC starts a stage by the user's own shell, and some of them wait for what they start."""


def end_with_parent(*, same_session: bool = False) -> None:
    """Watch the parent and, through a shell, its parent; end this process hard when one of them is gone.

    With `same_session` they share a session with this process, as those do who start without a new one. Then a parent
    from another is who took this process over, and the one that started it was gone before it was looked at.
    """
    ancestors = _ancestors()
    if same_session and _is_elsewhere(ancestors[-1]):
        os._exit(143)
    threading.Thread(target=_watch, args=(ancestors,), daemon=True, name="end_with_parent").start()


def _watch(ancestors: tuple[int, ...]) -> None:
    while _ancestors() == ancestors:
        time.sleep(_EVERY_SECONDS)
    os._exit(143)


def _is_elsewhere(process: int) -> bool:
    """Whether a process is of another session, or gone."""
    try:
        return hasattr(os, "getsid") and os.getsid(process) != os.getsid(0)  # Windows has no sessions
    except ProcessLookupError:
        return True


def _ancestors() -> tuple[int, ...]:
    """The parent's process id, and the grandparent's when the parent is a shell that only waits for us."""
    parent = os.getppid()
    try:
        status = Path(f"/proc/{parent}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return (parent,)
    name, _, rest = status.partition("(")[2].rpartition(")")
    return (parent, int(rest.split()[1])) if name in _SHELLS else (parent,)
