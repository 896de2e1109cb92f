"""A folder takes its place when it is complete and in one step, and one process at a time writes what will stand there.

The lock is on the folder itself, and the system drops it when the process ends, however it ends: none is ever left.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.core.errors import Fault, UsageError

PATIENCE = 5.0
"""Seconds: a process whose parent was killed ends by itself, and is given the time."""
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


@contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """An empty folder beside `place`, which takes its place when the block ends without an error, and else is deleted.

    Raises UsageError while another process has it. One that was killed has it no longer, and what it left is deleted.
    """
    work = place.parent / f".{place.name}.new"
    handle = _claim(work, place)
    try:
        for path in work.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        recover(place)
        yield work
        with _held(place):  # also under its new name, until it is deleted
            swap(work, place)
    finally:
        if _is_at(handle, work):
            shutil.rmtree(work, ignore_errors=True)
        _let_go(handle)


def swap(new: Path, place: Path) -> None:
    """Put a finished folder in its place in one step and delete the one that stood there."""
    if place.exists() and not _exchange(new, place):
        # Without renameat2 there is a moment with neither; `recover` mends a kill in that moment.
        old = place.parent / f".{place.name}.old"
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    elif new.exists() and not place.exists():
        new.rename(place)
    shutil.rmtree(new, ignore_errors=True)


def recover(place: Path) -> None:
    """Bring back the old folder after a kill between the two renames of `swap`."""
    old = place.parent / f".{place.name}.old"
    if old.exists() and not place.exists():
        old.rename(place)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths atomically (Linux's renameat2); False where the system or file system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    done = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return int(done) == 0


def _claim(work: Path, place: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    while (handle := _hold(work)) is None:
        if time.monotonic() > deadline:
            raise UsageError(Fault(str(place), "another process is writing it just now", "wait for it, or stop it"))
        time.sleep(0.1)
    return handle


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep others from claiming a folder, if it is there, wherever it is moved to in the block."""
    handle = _hold(folder) if folder.exists() else None
    try:
        yield
    finally:
        if handle is not None:
            _let_go(handle)


def _hold(folder: Path) -> int | None:
    """A handle that holds the folder, which is made where it is missing; None when another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.name != "posix":  # Windows opens no folders
        return -1
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    # Between opening and locking, another process may have moved it to its place, or deleted it.
    if _lock(handle) and _is_at(handle, folder):
        return handle
    os.close(handle)
    return None


def _lock(handle: int) -> bool:
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _is_at(handle: int, folder: Path) -> bool:
    """Whether the folder that is held is the one of this name."""
    try:
        return handle < 0 or os.path.samestat(os.fstat(handle), folder.stat())
    except FileNotFoundError:
        return False


def _let_go(handle: int) -> None:
    if handle >= 0:
        os.close(handle)
