"""Keyed hashes: ids, subjects and values can be recognised again, but not guessed back without the key.

One secret, and one key derived from it for each purpose and source, so that a hash made for one purpose cannot be
looked up in another. Sources marked `public: true` use a published secret: their rows are known to anyone, and the
reference project must give the same bytes on every machine.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stages.core.errors import Fault, UsageError

PUBLISHED = b"rowtrail: this key is published on purpose, for public data only"
NEXT_STEP = (
    "run `rowtrail key` once to make one, or set ROWTRAIL_KEY; only for data that anyone may have: `public: true`"
)
_BRING_BACK = "bring it back from a copy: another key would change every id and surrogate"


@dataclass(frozen=True, slots=True)
class Keys:
    """Hashes for the sources of one project. `public` names the sources that use the published secret."""

    secret: bytes | None
    public: frozenset[str]

    def hash(self, purpose: str, source: str, value: str) -> str:
        """HMAC-SHA-256 of a value as 64 hex digits, under the key of this purpose (RFC 2104; key derived likewise)."""
        return hmac.digest(self._derived(purpose, source), value.encode("utf-8", "surrogatepass"), "sha256").hex()

    def number(self, purpose: str, source: str, value: str) -> int:
        """The same hash as a number, to seed a choice with."""
        return int(self.hash(purpose, source, value)[:16], 16)

    def _derived(self, purpose: str, source: str) -> bytes:
        if source in self.public:
            return _derive(PUBLISHED, purpose)
        if self.secret is None:
            fault = Fault(f"source {source}", "is not public, and there is no key for its ids and hashes", NEXT_STEP)
            raise UsageError(fault)
        return _derive(self.secret, purpose)


@lru_cache(maxsize=64)
def _derive(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, purpose.encode(), "sha256")


def load_keys(public: Mapping[str, bool]) -> Keys:
    """The keys for sources and whether each is public. Raises UsageError when one that is not public has no key."""
    secret = _secret()
    private = sorted(name for name, is_public in public.items() if not is_public)
    if private and secret is None:
        place = "params.yaml: ingest.sources"
        raise UsageError(Fault(place, f"{', '.join(private)}: not public, and there is no key", NEXT_STEP))
    return Keys(secret, frozenset(name for name, is_public in public.items() if is_public))


def project_root() -> Path:
    """The project's own folder, also from inside the temporary copies in which DVC runs experiments."""
    return Path(os.environ.get("DVC_ROOT") or Path.cwd())


def key_file() -> Path:
    """Where the key is kept: outside git (ignored) and outside the DVC cache."""
    return Path(os.environ.get("ROWTRAIL_KEY_FILE") or project_root() / ".rowtrail" / "key")


def make_key(path: Path | None = None) -> Path:
    """Write a new random key, mode 0600. Raises UsageError when there is one: replacing it would change every id."""
    path = path or key_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        fault = Fault(str(path), "there is a key already", "keep it: another key would change every id and surrogate")
        raise UsageError(fault) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32) + "\n")
    return path


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise UsageError(Fault(str(path), "is not a key: it holds bytes that no text has", _BRING_BACK)) from None


def _secret() -> bytes | None:
    text = os.environ.get("ROWTRAIL_KEY", "").strip()
    place = "ROWTRAIL_KEY"
    if not text:
        path = key_file()
        if not path.exists():
            return None
        if not path.is_file():
            raise UsageError(Fault(str(path), "is not a file", _BRING_BACK))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise UsageError(Fault(str(path), "others can read the key", f"chmod 600 {path}"))
        text, place = _text_of(path), str(path)
    if len(text) < 32:
        raise UsageError(Fault(place, "the key is shorter than 32 characters", "make one with `rowtrail key`"))
    try:
        return bytes.fromhex(text)
    except ValueError:
        return base64.b64encode(text.encode())
