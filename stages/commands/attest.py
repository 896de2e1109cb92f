"""`rowtrail attest`: state what a model was made from, and sign it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from stages.commands.attest_check import check_attestation, load_attestation
from stages.commands.attest_evidence import gather
from stages.commands.attest_keys import load_signer, make_key_files
from stages.core.errors import DataError, Fault, UsageError
from stages.methods.attest.envelope import sign
from stages.methods.attest.statement import (
    BUILDER,
    Evidence,
    make_statement,
    statement_bytes,
    statement_faults,
)
from stages.methods.attest.summary import summary

__all__ = ["add_arguments", "check_attestation", "run"]

_SIGNED = Path("attestation.intoto.jsonl")
_BARE = Path("statement.json")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s@]+\Z")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Make a key, write an attestation, or show one."""
    do = parser.add_mutually_exclusive_group()
    do.add_argument("--new-key", type=Path, metavar="FILE", help="make a key for signing; FILE.pub is its public part")
    do.add_argument("--key", type=Path, metavar="FILE", help="sign with this private key")
    do.add_argument("--show", type=Path, metavar="FILE", help="tell in a few lines what an attestation says")
    parser.add_argument("--passphrase", action="store_true", help="with --new-key: lock the key with a passphrase")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=f"where to write it ({_SIGNED}; without a key {_BARE})"
    )
    parser.add_argument("--builder", default=BUILDER, metavar="URI", help="who or what ran the pipeline (%(default)s)")
    parser.add_argument(
        "--times", action="store_true", help="say when the run ended, by the files' times: only where it ran here"
    )


def run(args: argparse.Namespace) -> int:
    """Do one of the three. Raises CheckFailed for files that do not fit their records, UsageError, DataError."""
    if args.new_key is not None:
        return _make_key(args.new_key, locked=args.passphrase)
    if args.passphrase:
        step = "a locked key is recognised by itself; its passphrase is asked for"
        raise UsageError(Fault("--passphrase", "goes with --new-key only", step))
    return _attest(args) if args.show is None else _show(args.show)


def _make_key(path: Path, *, locked: bool) -> int:
    public = make_key_files(path, locked=locked)
    print(f"made {path}, which signs, and {public}, which checks signatures")
    print(f"Keep {path} where only the signers of releases can read it. Hand {public} out by another way than the")
    print("releases: who can exchange both can sign in your name.")
    return 0


def _attest(args: argparse.Namespace) -> int:
    if not _URI.match(args.builder):
        raise UsageError(Fault("--builder", "is not a URI, or holds a user name", "for example https://ci.example.org"))
    signer = None if args.key is None else load_signer(args.key)
    out = args.out or (_BARE if signer is None else _SIGNED)
    _check_out(out)
    evidence = gather(times=args.times)
    payload = statement_bytes(make_statement(evidence, args.builder))
    content = payload + b"\n" if signer is None else sign(payload, signer)
    _write(out, content)
    print(f"wrote {out}: {len(evidence.subjects)} files, made from {len(evidence.materials)} things")
    _notes(evidence)
    if signer is None:
        print("Nobody has signed it: it proves nothing until `--key FILE` signs it.")
    else:
        print(f"signed by key {signer.public_key.keyid}")
        print(f"check it: rowtrail verify --attestation {out} --public-key FILE.pub")
    return 0


def _notes(evidence: Evidence) -> None:
    if not any(one.kind == "commit" for one in evidence.materials):
        print("note: there is no git repository here, so it names no commit")
    if evidence.uncommitted:
        print(f"note: not as in the commit, and named as such: {', '.join(evidence.uncommitted)}")


def _check_out(out: Path) -> None:
    """Refuse to write over what is no attestation, or into what an attestation is about. Raises UsageError."""
    if any(out.resolve().is_relative_to(Path(name).resolve()) for name in ("data", "reports")):
        step = "choose a place outside data/ and reports/"
        raise UsageError(Fault(str(out), "is among the files that are attested", step))
    if not out.exists():
        return
    try:
        known = not statement_faults(load_attestation(out).statement, str(out))
    except DataError:
        known = False
    if not known:
        raise UsageError(Fault(str(out), "is there already and is no attestation", "choose another name with --out"))


def _write(out: Path, content: bytes) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f".{out.name}.new")
    beside.write_bytes(content)
    beside.replace(out)


def _show(path: Path) -> int:
    attestation = load_attestation(path)
    faults = statement_faults(attestation.statement, str(path))
    if faults:
        raise DataError(*faults)
    for line in summary(attestation.statement, attestation.key_ids):
        print(line)
    return 0
