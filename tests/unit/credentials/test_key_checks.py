"""Which secrets and public keys are taken."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from durwan.credentials.key_checks import KeyFileError, check_secret, der_key, public_key_of

PEM = serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def pem(key: Any) -> bytes:
    found: bytes = key.public_key().public_bytes(PEM, SPKI)
    return found


ED25519 = ed25519.Ed25519PrivateKey.generate()
P256 = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(("private", "kind"), [(ED25519, "ed25519"), (P256, "ecdsa-p256"), (RSA, "rsa")])
def test_good_public_keys_are_taken(private: Any, kind: str) -> None:
    """Of each kind, and what is kept of it gives the same key again."""
    found = public_key_of(pem(private))
    assert found.kind == kind
    again = public_key_of(base64.b64encode(found.content)) if kind == "ed25519" else der_key(found.kind, found.content)
    assert again.content == found.content
    assert again.key.public_bytes(PEM, SPKI) == pem(private)


def test_the_base64_of_an_ed25519_key_is_taken() -> None:
    """As 32 bytes, and as the DER that OpenSSL prints."""
    raw = ED25519.public_key().public_bytes_raw()
    der = ED25519.public_key().public_bytes(serialization.Encoding.DER, SPKI)
    for content in (raw, der):
        assert public_key_of(base64.b64encode(content) + b"\n").content == raw


def rsa_of(modulus: int, exponent: int) -> bytes:
    return RSAPublicNumbers(exponent, modulus).public_key().public_bytes(PEM, SPKI)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rsa_of((1 << 2046) | 1, 65537), "2047 bits: 2048 are the least"),
        (rsa_of((1 << 8192) | 1, 65537), "8193 bits: 8192 are the most"),
        (rsa_of(RSA.public_key().public_numbers().n, 3), "the exponent 3"),
        (rsa_of(RSA.public_key().public_numbers().n, 65535), "the exponent 65535"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "curve secp384r1: only P-256"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "curve secp256k1: only P-256"),
        (base64.b64encode(bytes(32)), "small order"),
        (base64.b64encode((1).to_bytes(32, "little")), "small order"),
        (base64.b64encode((2**255 - 18).to_bytes(32, "little")), "small order|canonical"),
        (base64.b64encode(b"\x02" + bytes(31)), "no point of the curve"),
        (base64.b64encode(bytes(31)), "31 bytes, not 32"),
        (b"hello", "no PEM file of a public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no Ed25519 public key"),
        (b"x" * 20_000, "no public key"),
        (
            ED25519.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
            "a private key: give the public one",
        ),
    ],
)  # fmt: skip
def test_bad_public_keys_are_refused(text: bytes, message: str) -> None:
    """Weak, malformed and private keys are refused, each with its reason."""
    with pytest.raises(KeyFileError, match=message):
        public_key_of(text)


def test_the_text_of_a_small_order_key_in_pem_is_refused() -> None:
    """The library takes it; we do not."""
    der = bytes.fromhex("302a300506032b6570032100") + bytes(32)
    text = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"
    serialization.load_pem_public_key(text)
    with pytest.raises(KeyFileError, match="small order"):
        public_key_of(text)


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("rsa", b"junk", "damaged"),
        ("rsa", P256.public_key().public_bytes(serialization.Encoding.DER, SPKI), "another kind"),
    ],
    # The key is another one in every process.
    ids=["junk", "another kind"],
)
def test_what_was_kept_is_looked_at_again(kind: Any, content: bytes, message: str) -> None:
    """A damaged key, or one of another kind than is said, is not used."""
    with pytest.raises(KeyFileError, match=message):
        der_key(kind, content)


GOOD = b"zQ3mP8vN2bX7kL5wR9tY4hJ6gF1dS0aC"
DER = RSA.public_key().public_bytes(serialization.Encoding.DER, SPKI)


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (GOOD[:31], "fewer than 32 bytes"),
        (b"", "fewer than 32 bytes"),
        (b"ab" * 20, "hardly random"),
        (GOOD + b" ", "one word of printable ASCII"),
        (GOOD + b"\x00", "one word of printable ASCII"),
        (GOOD + "é".encode(), "one word of printable ASCII"),
        (pem(RSA), "public or private key"),
        (b"\xef\xbb\xbf" + pem(RSA), "public or private key"),
        (b"\n " + pem(ED25519), "public or private key"),
        (DER, "public or private key"),
        (base64.b64encode(DER), "public or private key"),
        (b"ssh-rsa " + base64.b64encode(DER), "public or private key"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHN0dWZm", "public or private key"),
        (b'{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMko"}', "public or private key"),
        (b'{"keys":[{"kty":"RSA","n":"abcdefghijklmnopq"}]}', "public or private key"),
        (GOOD * 1000, "more than 16384 bytes"),
    ],
)  # fmt: skip
def test_bad_secrets_are_refused(secret: bytes, message: str) -> None:
    """Short ones, those that are no text, and the texts of keys (R36); the reason never repeats the secret."""
    with pytest.raises(KeyFileError, match=message) as caught:
        check_secret(secret)
    assert not secret or secret.decode("latin-1") not in str(caught.value)


def test_good_secrets_are_taken() -> None:
    """32 bytes are enough; so are secrets as exchanges give them out."""
    for secret in (GOOD, b"a1b2c3d4e5f60718" * 4, base64.b64encode(bytes(range(64)))):
        check_secret(secret)
