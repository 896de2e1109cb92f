"""Key files of `attest`: made once, readable by their owner only, and kept out of git and of the pipeline's folders."""

from __future__ import annotations

import getpass
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stages.core.errors import Fault, RowtrailError, UsageError
from stages.core.git import Git
from stages.methods.attest.keys import is_locked, new_key, read_private, read_public

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

PASSPHRASE = "ROWTRAIL_ATTEST_PASSPHRASE"  # noqa: S105 - the name of a variable
_MAX_BYTES = 2**16


def make_key_files(path: Path, *, locked: bool) -> Path:
    """Write a new private key, mode 0600, and its public part beside it; gives the public file's path.

    Raises UsageError when one of the two is there already, or when git or DVC would take the key in.
    """
    if not path.name:
        raise UsageError(
            Fault("--new-key", f"{str(path)!r} names no file", "give the file to make, for example signer.key")
        )
    public_path = path.with_name(f"{path.name}.pub")
    _check_place(path, public_path)
    private, public = new_key(_passphrase(path, twice=True) if locked else None)
    _write_new(path, private, 0o600)
    _write_new(public_path, public, 0o644)
    return public_path


def load_signer(path: Path) -> CryptoSigner:
    """The private key in a file. Raises UsageError, also when others can read the file."""
    content = _read(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UsageError(Fault(str(path), "others can read the key", f"chmod 600 {path}"))
    return read_private(content, _passphrase(path) if is_locked(content) else None, str(path))


def load_public(path: Path) -> SSlibKey:
    """The public key in a file. Raises UsageError."""
    return read_public(_read(path), str(path))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
        raise UsageError(Fault(str(path), problem, "`rowtrail attest --new-key FILE` makes a key")) from None


def _check_place(path: Path, public_path: Path) -> None:
    for one in (path, public_path):
        if one.exists() or one.is_symlink():
            problem = "there is a file already, and it may be the only copy of a key"
            raise UsageError(Fault(str(one), problem, "choose another name"))
    if not path.parent.is_dir():
        raise UsageError(Fault(str(path.parent), "no such folder", f"make it: mkdir -p {path.parent}"))
    step = "put it outside the project, or into .rowtrail/, which git and DVC leave alone"
    if path.resolve().is_relative_to(Path("data").resolve()):
        raise UsageError(Fault(str(path), "is inside data/: DVC would keep a copy of the key", step))
    try:
        git = Git(path.parent)
    except RowtrailError:
        return
    if not git.ignores(path.name):
        raise UsageError(Fault(str(path), "is in a git repository that would take the key in", step))


def _write_new(path: Path, content: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _passphrase(path: Path, *, twice: bool = False) -> str:
    """From the environment, else asked for at the terminal, never from the command line: others can see that."""
    given = os.environ.get(PASSPHRASE)
    if given:
        return given
    if not sys.stdin.isatty():
        raise UsageError(
            Fault(str(path), "needs a passphrase, and there is no terminal to ask at", f"set {PASSPHRASE}")
        )
    given = getpass.getpass(f"Passphrase of {path}: ")
    if not given or (twice and getpass.getpass("Once more: ") != given):
        raise UsageError(Fault(str(path), "the passphrase is empty, or was typed differently", "try again"))
    return given
