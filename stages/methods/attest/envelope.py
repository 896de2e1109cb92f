"""The envelope around a statement, and its signature: DSSE 1.0 (https://github.com/secure-systems-lab/dsse).

What is signed is the payload's bytes together with their type, so that nothing has to be brought into a canonical form
before a signature can be checked. Written as one line: a bundle of one attestation, with the ending `.intoto.jsonl`,
and at the same time plain JSON.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stages.core.errors import DataError, Fault

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_BYTES = 16 * 2**20
"""Larger files are not read: a statement of a thousand files has about 200 kB."""


@dataclass(frozen=True)
class Attestation:
    """A statement as it was read, trusted or not, and the envelope it came in; None where it came bare."""

    statement: Any
    envelope: Envelope | None = None

    @property
    def key_ids(self) -> list[str]:
        """Ids of the keys that are said to have signed it: a hint, which nothing protects."""
        return [] if self.envelope is None else sorted(self.envelope.signatures)


def sign(payload: bytes, signer: CryptoSigner) -> bytes:
    """The envelope with one signature, as a line of JSON."""
    from securesystemslib.dsse import Envelope

    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), sort_keys=True).encode() + b"\n"


def read_attestation(content: bytes, place: str) -> Attestation:
    """Read an envelope or a bare statement; nothing is checked but its form. Raises DataError."""
    step = "give the file that `rowtrail attest` wrote"
    if len(content) > MAX_BYTES:
        raise DataError(Fault(place, f"is larger than {MAX_BYTES} bytes: no attestation", step))
    said = _json(content)
    if not isinstance(said, Mapping):
        problem = "is not one JSON object"
        if sum(bool(line.strip()) for line in content.splitlines()) > 1:
            problem += "; a bundle of several attestations is read one line at a time"
        raise DataError(Fault(place, problem, step))
    if "payload" not in said:
        return Attestation(said)
    envelope = _envelope(said)
    if envelope is None:
        raise DataError(Fault(place, "is not a DSSE envelope", step))
    return Attestation(_json(envelope.payload), envelope)


def signature_faults(attestation: Attestation, key: SSlibKey | None, place: str) -> list[Fault]:
    """Why a statement cannot be held to be signed by this key; empty when it is."""
    envelope = attestation.envelope
    if envelope is None or not envelope.signatures:
        return [Fault(place, "is not signed: anyone can have written it", "sign it: `rowtrail attest --key FILE`")]
    if envelope.payload_type != PAYLOAD_TYPE:
        return [Fault(f"{place}: payloadType", f"is not {PAYLOAD_TYPE}", "give an attestation of in-toto")]
    if key is None:
        step = "give --public-key, with the signer's key from a place that you trust"
        return [Fault(f"{place}: signatures", "signature was not checked", step)]
    if any(_fits(envelope, signature, key) for signature in envelope.signatures.values()):
        return []
    if key.keyid in envelope.signatures:
        problem = "the signature does not fit what the file says: one of the two was changed"
        return [Fault(f"{place}: signatures", problem, "get the file again from the one who signed it")]
    signers = ", ".join(keyid[:16] for keyid in attestation.key_ids)
    problem = f"is signed by another key ({signers if signers.isprintable() else 'unreadable'}), not {key.keyid[:16]}"
    return [Fault(f"{place}: signatures", problem, "ask the signer which key it was; do not take it from the file")]


def _fits(envelope: Envelope, signature: Any, key: SSlibKey) -> bool:
    """Whether the key made the signature. The key id in the file is only a hint, as the specification demands."""
    from securesystemslib.exceptions import UnverifiedSignatureError
    from securesystemslib.signer import Signature  # type: ignore[attr-defined]

    try:
        key.verify_signature(Signature(key.keyid, signature.signature), envelope.pae())
    except UnverifiedSignatureError:
        return False
    return True


def _envelope(said: Mapping[str, Any]) -> Envelope | None:
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import FormatError

    try:
        texts = [said["payload"], said["payloadType"], *(one["sig"] for one in said["signatures"])]
        if not all(isinstance(text, str) for text in texts):
            return None
        signatures = [{"keyid": str(one.get("keyid", "")), "sig": one["sig"]} for one in said["signatures"]]
        return Envelope.from_dict({**said, "signatures": signatures})
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error, FormatError):
        return None


def _json(content: bytes) -> Any:
    """A JSON value; None for what is none."""
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
