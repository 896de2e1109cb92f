"""What can happen to a file, and everything put back as it was."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import TypeAlias

Damage: TypeAlias = Callable[[Path, Random], None]


def flipped(path: Path, draw: Random) -> None:
    """One bit of one byte is another."""
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    _write(path, bytes(content))


def truncated(path: Path, draw: Random) -> None:
    """The end is missing."""
    content = path.read_bytes()
    _write(path, content[: draw.randrange(1, len(content))])


def emptied(path: Path, _: Random) -> None:
    """Nothing is in it."""
    _write(path, b"")


def swapped(path: Path, draw: Random) -> None:
    """It has the bytes of another file of its folder, of the same ending if there is one, and that one has its own."""
    other = _sibling(path, draw)
    mine, theirs = path.read_bytes(), other.read_bytes()
    _write(path, theirs)
    _write(other, mine)


def deleted(path: Path, _: Random) -> None:
    """It is gone."""
    path.unlink()


def made_a_folder(path: Path, draw: Random) -> None:
    """A folder of its name, empty or not, is in its place."""
    path.unlink()
    path.mkdir()
    if draw.random() < 0.5:
        (path / "file").write_bytes(b"what")


def made_a_link(path: Path, draw: Random) -> None:
    """A link is in its place: to nothing, to itself, to its folder, or to a file beside it."""
    targets = ("nowhere", path.name, ".", _sibling(path, draw).name)
    path.unlink()
    path.symlink_to(draw.choice(targets))


DAMAGES: dict[str, Damage] = {
    one.__name__: one for one in (flipped, truncated, emptied, swapped, deleted, made_a_folder, made_a_link)
}


@contextlib.contextmanager
def damaged(path: Path, damage: Damage, draw: Random, true: Path) -> Iterator[None]:
    """Do it to a file of the project in the current folder; then all is as in `true`, a copy of the whole project.

    Put back are the folder of the file and `.rowtrail`, whatever was done in them meanwhile.
    """
    try:
        damage(path, draw)
        yield
    finally:
        top = [one.relative_to(true) for one in true.iterdir() if one.is_file()]
        for place in (Path(".rowtrail"), *([path.parent] if path.parent != Path() else top)):
            _restore(true / place, place)


def _restore(true: Path, place: Path) -> None:
    """Make a file or folder what another one is; what is the same stays untouched."""
    if os.path.lexists(place) and (place.is_symlink() or not true.exists() or true.is_dir() != place.is_dir()):
        _remove(place)
    if true.is_dir():
        place.mkdir(exist_ok=True)
        for name in {one.name for folder in (true, place) for one in folder.iterdir()}:
            _restore(true / name, place / name)
    elif true.exists() and not (place.exists() and place.read_bytes() == true.read_bytes()):
        place.unlink(missing_ok=True)
        shutil.copy2(true, place)


def _sibling(path: Path, draw: Random) -> Path:
    """Another file beside it with other bytes, of the same ending if there is one; one is made where there is none."""
    content = path.read_bytes()
    beside = [one for one in sorted(path.parent.iterdir()) if one.is_file() and one.read_bytes() not in (content, b"")]
    if not beside:
        path.with_name(f"other{path.suffix}").write_bytes(b"of another time")
        return path.with_name(f"other{path.suffix}")
    return draw.choice([one for one in beside if one.suffix == path.suffix] or beside)


def _write(path: Path, content: bytes) -> None:
    """Into the file itself, also where DVC has made it read-only; the mode stays."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(mode)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
