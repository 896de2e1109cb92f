"""Files and stage folders on other machines, by fsspec URI: copied here, checked by digest, and copied back.

The network is used only for a URI that the params or the command line name. Credentials come from where the protocol's
library looks for them (environment, its own files). A URI that holds one is refused, since params and commands are kept
in git, in manifests and in shell histories; and no error shows a library's message, for it may hold a secret as well.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from stages.core.errors import DataError, Fault, RowtrailError, UsageError
from stages.core.hub import SCHEME
from stages.core.keys import project_root
from stages.core.progress import say
from stages.core.storage import files_below, sha256_of

_PIECE = 2**22
_MANIFEST = "manifest.json"
_OWN = ("pkg://", SCHEME)  # schemes that are Rowtrail's and not fsspec's
_ELSEWHERE = (
    "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "http", "https", "ftp", "sftp", "ssh", "smb",
    "hdfs", "webhdfs", "github", "memory",
)  # fmt: skip
"""Protocols of files on other machines. fsspec knows more, and some would read this one's by other names."""
_PASSWORD = re.compile(r"//[^/]*:[^/]*@")
_TOKEN = re.compile(r"[?&](sig|[^=&]*(token|secret|password|credential|signature|key)[^=&]*)=", re.IGNORECASE)
_CREDENTIALS = "check the name, the network, and the credentials in the environment or the protocol's own files"


def is_remote(uri: str) -> bool:
    """Whether a source or folder is named by an fsspec URI, and not by a path."""
    return "://" in uri and not uri.startswith(_OWN)


def shown(uri: str) -> str:
    """A URI as messages and reports may show it: without user, password and query."""
    return re.sub(r"//.*@", "//", uri.partition("?")[0])


def fetch(uri: str, sha256: str | None) -> Path:
    """The one file at a URI, as a private copy here; a copy that is here already and has the digest is not fetched.

    Raises UsageError for a URI that cannot be used, or when `sha256` is None: then the file is fetched and kept all the
    same, and the error names its digest, so that one only has to write it down. Raises DataError for a file that cannot
    be had or has another digest.
    """
    _check_elsewhere(uri)
    _check(uri)
    name = PurePosixPath(shown(uri).partition("://")[2]).name
    copies = project_root() / ".rowtrail" / "sources"
    if sha256 and (copies / sha256 / name).is_file() and sha256_of(copies / sha256 / name) == sha256:
        return copies / sha256 / name
    copies.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, beside = tempfile.mkstemp(dir=copies)  # readable by the owner only
    try:
        with os.fdopen(handle, "wb") as file:
            found = _download(uri, "", file)
        if sha256 and found != sha256:
            raise DataError(other_digest(shown(uri), found, sha256))
        (copies / found).mkdir(exist_ok=True, mode=0o700)
        Path(beside).replace(copies / found / name)
    finally:
        Path(beside).unlink(missing_ok=True)
    if sha256 is None:
        problem = "a remote source needs `sha256`: DVC cannot watch it, so the digest stands for its bytes"
        step = f"if what is there now is what you mean, add `sha256: {found}`; or use `dvc import-url` into data/raw/"
        raise UsageError(Fault(shown(uri), problem, step))
    return copies / found / name


def other_digest(place: str, found: str, wanted: str) -> Fault:
    """The fault of a file whose bytes are not those that `sha256` names."""
    step = f"if it was changed on purpose, write `sha256: {found}`; else bring back the file that was meant"
    return Fault(place, f"its SHA-256 is {found}, and `sha256` says {wanted}", step)


@contextmanager
def local_folders(inputs: Sequence[str], out: str) -> Iterator[tuple[list[Path], Path]]:
    """Stage folders as paths: those named by URI are copied here first, and a finished `out` is sent there at the end.

    The copies lie in the project's own folder, which the nodes of a cluster share, and are deleted at the end; a result
    that could not be sent is kept, and the error says where. Raises UsageError and DataError; whether `out` can be
    written is tried before the block, for a stage may take hours.
    """
    if not any(map(is_remote, (*inputs, out))):
        yield [Path(name) for name in inputs], Path(out)
        return
    copies = project_root() / ".rowtrail" / "folders"
    copies.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=copies) as name:
        scratch = Path(name)
        if is_remote(out):
            _try_writing(out, scratch.name)
        places = [_copied(uri, scratch / str(n)) if is_remote(uri) else Path(uri) for n, uri in enumerate(inputs)]
        place = scratch / "out" if is_remote(out) else Path(out)
        yield places, place
        if is_remote(out) and (place / _MANIFEST).exists():
            _send_or_keep(place, out, scratch.with_name(f"{scratch.name}-unsent"))


def _copied(uri: str, place: Path) -> Path:
    """The files that a remote folder's manifest lists, and the manifest, each checked by its digest."""
    place.mkdir()
    with (place / _MANIFEST).open("wb") as file:
        _download(uri, _MANIFEST, file)
    listed = _listed((place / _MANIFEST).read_bytes())
    if listed is None:
        raise DataError(Fault(f"{shown(uri)}/{_MANIFEST}", "is not a manifest", "run the stage that wrote it again"))
    for name, digest in listed.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        with (place / name).open("wb") as file:
            found = _download(uri, name, file)
        if found != digest:
            step = "another run may be writing there: wait for it, or run the stage that wrote it again"
            raise DataError(Fault(f"{shown(uri)}/{name}", f"its SHA-256 is {found}; the manifest: {digest}", step))
    return place


def _listed(manifest: bytes) -> dict[str, str] | None:
    """Files of a manifest and their digests; None for what is no manifest, or names files outside its folder."""
    try:
        files = json.loads(manifest)["files"]
        outside = [name for name in files if name.startswith("/") or ".." in PurePosixPath(name).parts]
        return None if outside else dict(files)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _try_writing(uri: str, name: str) -> None:
    with _reaching(uri) as (files, root):
        files.pipe_file(f"{root}/.{name}", b"")
        files.rm_file(f"{root}/.{name}")


def _send_or_keep(folder: Path, uri: str, kept: Path) -> None:
    try:
        _send(folder, uri)
    except RowtrailError as error:
        folder.rename(kept)
        step = f"copy it there when that is mended, {_MANIFEST} last, or run again"
        raise DataError(*error.faults, Fault(str(kept), "is the finished folder, not sent", step)) from None


def _send(folder: Path, uri: str) -> None:
    """Put a stage folder in the place of another. In between there is no manifest, so that nobody reads a mix."""
    names = [name for name in files_below(folder) if name != _MANIFEST]
    with _reaching(uri) as (files, root):
        stale: set[str] = set()
        if files.exists(f"{root}/{_MANIFEST}"):
            stale = (_listed(files.cat_file(f"{root}/{_MANIFEST}")) or {}).keys() - set(names)
            files.rm_file(f"{root}/{_MANIFEST}")
        for name in names:
            say(f"sending {shown(uri).rstrip('/')}/{name}")
            files.put_file(str(folder / name), f"{root}/{name}")
        for name in sorted(stale):
            if files.exists(f"{root}/{name}"):
                files.rm_file(f"{root}/{name}")
        files.put_file(str(folder / _MANIFEST), f"{root}/{_MANIFEST}")


def _download(uri: str, name: str, file: IO[bytes]) -> str:
    """Copy the file at a URI, or the one of that name below it, in pieces. Returns its SHA-256."""
    digest = hashlib.sha256()
    place = f"{uri.rstrip('/')}/{name}" if name else uri
    with _reaching(place) as (files, path), files.open(path, "rb") as there:
        say(f"fetching {shown(place)}")
        while piece := there.read(_PIECE):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _check_elsewhere(uri: str) -> None:
    """Raises UsageError for what is on this machine, or behind another file: chains of fsspec lead anywhere."""
    scheme, _, rest = uri.partition("://")
    if scheme in ("file", "local"):
        step = "write the path alone, with `outside: true` where it is not in the project"
        raise UsageError(Fault(shown(uri), "is a file of this machine", step))
    if "::" in scheme or "::" in rest or (scheme not in _ELSEWHERE and scheme in _known()):
        step = f"unpack or copy the file into data/raw/; a source is one file by {', '.join(_ELSEWHERE[:11])}, ..."
        raise UsageError(Fault(shown(uri), "does not name one file on another machine", step))
    path = rest.partition("?")[0]
    if path.endswith("/") or PurePosixPath(path).name in ("", ".."):
        raise UsageError(Fault(shown(uri), "names no file", "end it with the file's name"))


def _known() -> list[str]:
    import fsspec

    return list(fsspec.available_protocols())


def _check(uri: str) -> None:
    """Raises UsageError for a URI of an unknown protocol, or with a secret in it."""
    scheme = uri.partition("://")[0]
    if scheme not in _known():
        step = "use s3, gs, az, https, sftp, ..., or a path"
        raise UsageError(Fault(shown(uri), f"unknown protocol {scheme!r}", step))
    if _PASSWORD.search(uri) or _TOKEN.search(uri):
        problem = "holds a password or token, which git, manifests or the shell's history would keep"
        step = "take it out; the environment or the protocol's own files give credentials"
        raise UsageError(Fault(shown(uri), problem, step))


@contextmanager
def _reaching(uri: str) -> Iterator[tuple[Any, str]]:
    """The file system of a URI and the path in it, while whatever goes wrong there becomes a fault."""
    import fsspec

    _check(uri)
    try:
        # Folders are made on file systems only: object stores have none, and asked for one, some would make a bucket.
        yield fsspec.core.url_to_fs(uri, **({"auto_mkdir": True} if uri.startswith(("file:", "local:")) else {}))
    except RowtrailError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise _fault(uri, error) from None


def _fault(uri: str, error: Exception) -> RowtrailError:
    if isinstance(error, ImportError):
        package = getattr(error.__cause__, "name", None) or error.name or "its package"
        return UsageError(Fault(shown(uri), f"needs {package}, which is not installed", f"pip install {package}"))
    if isinstance(error, FileNotFoundError):
        step = f"correct the name: one file, no pattern; a stage that is not finished has left no {_MANIFEST}"
        return DataError(Fault(shown(uri), "no such file or bucket", step))
    if isinstance(error, PermissionError):
        return DataError(Fault(shown(uri), "access is refused", _CREDENTIALS))
    return DataError(Fault(shown(uri), f"cannot be reached ({type(error).__name__})", _CREDENTIALS))
