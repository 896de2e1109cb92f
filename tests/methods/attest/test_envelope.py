import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_public_key

from stages.core.errors import UsageError
from stages.methods.attest.envelope import read_attestation, sign, signature_faults
from stages.methods.attest.keys import new_key, read_private, read_public

KIND = b"application/vnd.in-toto+json"
PAYLOAD = b'{"a": "\xc3\xa5"}'


@pytest.fixture(scope="module")
def pair():
    private, public = new_key(None)
    return read_private(private, None, "k"), read_public(public, "k.pub"), public


def test_what_is_signed_is_type_and_payload_as_dsse_says(pair):
    signer, _, public = pair
    said = json.loads(sign(PAYLOAD, signer))
    assert base64.b64decode(said["payload"]) == PAYLOAD
    signed = b"DSSEv1 %d %s %d %s" % (len(KIND), KIND, len(PAYLOAD), PAYLOAD)
    signature = base64.b64decode(said["signatures"][0]["sig"])
    load_pem_public_key(public).verify(signature, signed)
    with pytest.raises(InvalidSignature):
        load_pem_public_key(public).verify(signature, PAYLOAD)


def test_a_signed_payload_reads_back_and_fits_its_key_only(pair):
    signer, key, _ = pair
    found = read_attestation(sign(PAYLOAD, signer), "f")
    assert found.statement == {"a": "å"}
    assert found.key_ids == [key.keyid]
    assert signature_faults(found, key, "f") == []
    other = read_public(new_key(None)[1], "o")
    (fault,) = signature_faults(found, other, "f")
    assert other.keyid[:16] in fault.problem
    assert key.keyid[:16] in fault.problem


def test_url_safe_base64_is_read_too(pair):
    signer, key, _ = pair
    said = json.loads(sign(b'{"x": "\xc3\xbf\xc3\xbf\xc3\xbf?>"}', signer))
    said["payload"] = said["payload"].replace("+", "-").replace("/", "_")
    said["signatures"][0]["sig"] = said["signatures"][0]["sig"].replace("+", "-").replace("/", "_")
    assert signature_faults(read_attestation(json.dumps(said).encode(), "f"), key, "f") == []


def test_a_key_id_that_would_write_on_the_terminal_is_not_shown(pair):
    signer, _, _ = pair
    said = json.loads(sign(PAYLOAD, signer))
    said["signatures"][0]["keyid"] = "\x1b[2J"
    other = read_public(new_key(None)[1], "o")
    (fault,) = signature_faults(read_attestation(json.dumps(said).encode(), "f"), other, "f")
    assert "\x1b" not in str(fault)


def test_an_unsigned_statement_is_never_found_signed(pair):
    _, key, _ = pair
    for content in (PAYLOAD, json.dumps({"payload": "e30=", "payloadType": KIND.decode(), "signatures": []}).encode()):
        (fault,) = signature_faults(read_attestation(content, "f"), key, "f")
        assert "is not signed" in fault.problem


def pem_of(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: ec.generate_private_key(ec.SECP384R1()), "is a key for ecdsa-sha2-nistp384"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "is not a private key in PEM that can be used"),
        (lambda: rsa.generate_private_key(65537, 1024), "1024 bits"),
    ],
)
def test_weak_and_unknown_keys_are_refused(make, problem):
    with pytest.raises(UsageError, match=problem):
        read_private(pem_of(make()), None, "k")


def test_a_locked_key_opens_with_its_passphrase_and_an_open_one_needs_none():
    private, _ = new_key("word")
    assert read_private(private, "word", "k").public_key.scheme == "ed25519"
    for wrong in (None, "other"):
        with pytest.raises(UsageError):
            read_private(private, wrong, "k")
    assert read_private(new_key(None)[0], "not needed", "k")


def test_a_private_key_is_not_taken_for_a_public_one():
    with pytest.raises(UsageError, match="is a private key"):
        read_public(new_key(None)[0], "k")
