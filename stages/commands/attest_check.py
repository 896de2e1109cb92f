"""Check an attestation against the files that are here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stages.commands.attest_evidence import code_name, subject_files
from stages.commands.attest_keys import load_public
from stages.core.dvc_files import LOCK, read_lock
from stages.core.errors import DataError, Fault, RowtrailError
from stages.core.git import Git
from stages.core.storage import sha256_of
from stages.methods.attest.envelope import MAX_BYTES, Attestation, read_attestation, signature_faults
from stages.methods.attest.statement import Material, materials, safe_name, statement_faults, subjects

_RELEASE = "get the release again, or find out who changed it"


def check_attestation(attestation: Path, public_key: Path | None, root: Path = Path()) -> list[Fault]:
    """All that is wrong with an attestation: its signature, its form, and each file that is not as it says.

    Without a public key the signature counts as unchecked, which is a fault. Raises nothing for what a file holds.
    """
    try:
        found = load_attestation(attestation)
        key = None if public_key is None else load_public(public_key)
    except RowtrailError as error:
        return list(error.faults)
    place = str(attestation)
    faults = [*signature_faults(found, key, place), *statement_faults(found.statement, place)]
    if statement_faults(found.statement, place):
        return faults
    made_from = materials(found.statement)
    return [
        *faults,
        *_subject_faults(subjects(found.statement), root, place),
        *_file_faults(made_from, root, place),
        *_code_faults(made_from, root, place),
        *_commit_faults(made_from, root),
    ]


def load_attestation(path: Path) -> Attestation:
    """Read an attestation file; at most `MAX_BYTES` of it. Raises DataError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
        raise DataError(Fault(str(path), problem, "`rowtrail attest` writes one")) from None
    return read_attestation(content, str(path))


def _subject_faults(attested: Mapping[str, str], root: Path, place: str) -> Iterator[Fault]:
    for name, digest in attested.items():
        yield from _file_fault(root / name, digest, place)
    for name in subject_files(root):
        # Reports that came later (of a forget, of a review) are no fault; a file beside the model's would be loaded.
        if name not in attested and not name.startswith("reports/"):
            yield Fault(str(root / name), f"is not in {place}: nobody attested it", _RELEASE)


def _file_faults(made_from: Sequence[Material], root: Path, place: str) -> Iterator[Fault]:
    """Files of the project that stages read, and source files that are here: raw data need not travel along."""
    for one in made_from:
        if one.kind not in ("file", "source") or not safe_name(one.name):
            continue
        if one.kind == "file" or (root / one.name).is_file():
            yield from _file_fault(root / one.name, one.digest, place)


def _file_fault(path: Path, digest: str, place: str) -> Iterator[Fault]:
    try:
        found = sha256_of(path)
    except FileNotFoundError:
        yield Fault(str(path), f"is missing, and {place} is about it", _RELEASE)
    except OSError as error:
        yield Fault(str(path), f"cannot be read: {error.strerror or type(error).__name__}", "check its rights")
    else:
        if found != digest:
            yield Fault(str(path), f"was changed: its SHA-256 is {found}, and {place} says {digest}", _RELEASE)


def _code_faults(made_from: Sequence[Material], root: Path, place: str) -> Iterator[Fault]:
    attested = {one.name: one.digest for one in made_from if one.kind == "code"}
    try:
        lock = read_lock((root / LOCK).read_bytes(), str(root / LOCK))
    except OSError:
        return  # that it is missing was told with the files
    except RowtrailError as error:
        yield from error.faults
        return
    for name, stage in lock.items():
        if attested.pop(code_name(name), None) != stage.code:
            problem = f"the code of {name} is not that of {place}"
            yield Fault(str(root / LOCK), problem, "check out the commit that it names")
    for name in attested:
        yield Fault(str(root / LOCK), f"lacks a stage: {place} names the {name}", "check out the commit that it names")


def _commit_faults(made_from: Sequence[Material], root: Path) -> Iterator[Fault]:
    """Whether the commit is in the repository and safe there; without a repository, nothing can be said."""
    try:
        git = Git(root)
    except RowtrailError:
        return
    for digest in (one.digest for one in made_from if one.kind == "commit"):
        if _resolved(git, digest) != digest:
            step = "fetch it (`git fetch --unshallow --tags`), or look where the repository came from"
            yield Fault(f"commit {digest}", "is not in this git repository", step)
        elif _resolved(git, "HEAD") != digest and not git.containing(digest):
            problem = "is in no branch, tag or experiment: git may delete it"
            yield Fault(f"commit {digest}", problem, f"keep it: `git tag NAME {digest[:12]}`")


def _resolved(git: Git, name: str) -> str | None:
    try:
        return git.commit(name)
    except RowtrailError:
        return None
