"""Keys that sign attestations: PEM text in, keys out. Ed25519 (RFC 8032) for new ones; ECDSA P-256 and RSA are read.

RSA keys sign with PSS and SHA-256, as securesystemslib does by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stages.core.errors import Fault, UsageError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

_MIN_RSA_BITS = 2048
_SCHEMES = {"ed25519", "ecdsa-sha2-nistp256", "rsassa-pss-sha256"}


def new_key(passphrase: str | None) -> tuple[bytes, bytes]:
    """A new Ed25519 key: private (PKCS #8, encrypted when there is a passphrase) and public part, both PEM."""
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    locked = pem.BestAvailableEncryption(passphrase.encode()) if passphrase else pem.NoEncryption()
    private = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, locked)
    public = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    return private, public


def is_locked(content: bytes) -> bool:
    """Whether a private key wants a passphrase."""
    return b"ENCRYPTED" in content


def read_private(content: bytes, passphrase: str | None, place: str) -> CryptoSigner:
    """A signer from a private key. Raises UsageError; its message holds nothing of the key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

    secret = passphrase.encode() if passphrase and is_locked(content) else None
    try:
        key = load_pem_private_key(content, secret)
        signer = CryptoSigner(key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if secret:
            step = "try again; ROWTRAIL_ATTEST_PASSPHRASE, where it is set, is taken without asking"
            raise UsageError(Fault(place, "cannot be opened with this passphrase", step)) from None
        step = "Ed25519, ECDSA P-256 or RSA; `rowtrail attest --new-key FILE` makes one"
        raise UsageError(Fault(place, "is not a private key in PEM that can be used", step)) from None
    _check_kind(signer.public_key, getattr(key, "key_size", None), place)
    return signer


def read_public(content: bytes, place: str) -> SSlibKey:
    """A key that checks signatures. Raises UsageError, with its own words for a private key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

    if b"PRIVATE KEY" in content:
        step = f"give {place}.pub, and let nobody else have {place}"
        raise UsageError(Fault(place, "is a private key; its public part is wanted", step))
    try:
        key = load_pem_public_key(content)
        found = SSlibKey.from_crypto(key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UsageError(Fault(place, "is not a public key in PEM", "give the signer's FILE.pub")) from None
    _check_kind(found, getattr(key, "key_size", None), place)
    return found


def _check_kind(key: SSlibKey, bits: int | None, place: str) -> None:
    if key.scheme not in _SCHEMES:
        raise UsageError(Fault(place, f"is a key for {key.scheme}", "use Ed25519, ECDSA P-256 or RSA"))
    if key.keytype == "rsa" and (bits or 0) < _MIN_RSA_BITS:
        step = "make a new one: `rowtrail attest --new-key FILE`"
        raise UsageError(Fault(place, f"is an RSA key of {bits} bits: fewer than {_MIN_RSA_BITS}", step))
