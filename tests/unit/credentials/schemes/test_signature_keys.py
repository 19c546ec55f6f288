"""The keys that signatures are verified with: the vectors of Wycheproof, and keys that must not be trusted."""

from __future__ import annotations

import hmac
import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from durwan.credentials.schemes.keys import (
    EcdsaKey,
    Ed25519Key,
    HmacKey,
    PrivateKey,
    RsaKey,
    WeakKeyError,
    verifying_key,
)
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.schemes.profile import Algorithm
from tests.bundles import key as ed25519_private
from tests.bundles import public as ed25519_public
from tests.unit.credentials.schemes.signed import vectors


@pytest.mark.parametrize(("file", "algorithm"), [("sha256", "hmac-sha256"), ("sha512", "hmac-sha512")])
def test_hmac_agrees_with_wycheproof(file: str, algorithm: Algorithm) -> None:
    """Every whole tag that is valid verifies, and no other does; shortened tags are none of ours."""
    found = vectors(f"wycheproof_hmac_{file}_test.json")
    counted = 0
    for group in found["testGroups"]:
        for case in group["tests"]:
            key, message, tag = (bytes.fromhex(case[each]) for each in ("key", "msg", "tag"))
            is_whole = len(tag) == (32 if algorithm == "hmac-sha256" else 64)
            assert HmacKey(key, algorithm).verify(tag, message) is (case["result"] == "valid" and is_whole), case
            counted += 1
    assert counted == found["numberOfTests"]


@pytest.mark.parametrize("size", [1, 31, 32, 63, 64, 65, 127, 128, 129, 500])
@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_hmac_agrees_with_the_standard_library(name: str, size: int) -> None:
    """Also for secrets that are as long as a block of the hash, or longer."""
    secret, algorithm = bytes(range(256)) * 2, _of_hash(name)
    for message in (b"", b"message" * 40):
        assert HmacKey(secret[:size], algorithm).sign(message) == hmac.digest(secret[:size], message, name)


def _of_hash(name: str) -> Algorithm:
    found: dict[str, Algorithm] = {"sha256": "hmac-sha256", "sha384": "hmac-sha384", "sha512": "hmac-sha512"}
    return found[name]


def test_ed25519_agrees_with_wycheproof() -> None:
    """All 151, none under a key that is refused."""
    found = vectors("wycheproof_ed25519_test.json")
    counted = 0
    for group in found["testGroups"]:
        key = Ed25519Key(bytes.fromhex(group["publicKey"]["pk"]))
        for case in group["tests"]:
            accepted = key.verify(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert accepted is (case["result"] == "valid"), case
            counted += 1
    assert counted == found["numberOfTests"] == 151


@pytest.mark.parametrize("number", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18])
def test_a_key_of_small_order_is_refused(number: int) -> None:
    """Under it anybody can sign."""
    with pytest.raises(WeakKeyError, match="small order"):
        Ed25519Key(number.to_bytes(32, "little"))


def pem_of(public: Any) -> bytes:
    forms = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = public.public_bytes(*forms)
    return pem


def der_of(public: Any) -> bytes:
    forms = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    der: bytes = public.public_bytes(*forms)
    return der


def private_pem(private: Any) -> bytes:
    forms = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem: bytes = private.private_bytes(*forms)
    return pem


RSA = rsa.generate_private_key(65_537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
KEYS: dict[Algorithm, Any] = {
    "rsa-v1_5-sha256": RSA,
    "rsa-pss-sha512": RSA,
    "ecdsa-p256-sha256": P256,
    "ed25519": ed25519_private(1),
}


@pytest.mark.parametrize("algorithm", KEYS)
def test_what_a_private_key_signs_its_public_key_verifies(algorithm: Algorithm) -> None:
    """And neither another message nor a damaged or shortened signature."""
    private = PrivateKey(private_pem(KEYS[algorithm]), algorithm)
    public = verifying_key(algorithm, pem_of(KEYS[algorithm].public_key()))
    assert private.algorithm == public.algorithm == algorithm
    signature = private.sign(b"message")
    assert public.verify(signature, b"message")
    assert verifying_key(algorithm, der_of(KEYS[algorithm].public_key())).verify(signature, b"message")
    assert not public.verify(signature, b"massage")
    assert not public.verify(signature[:-1], b"message")
    assert not public.verify(bytes([signature[0] ^ 1]) + signature[1:], b"message")
    assert not public.verify(bytes(len(signature)), b"message")
    assert not public.verify(b"", b"message")


def test_the_two_paddings_of_rsa_are_not_confused() -> None:
    """One key may be registered for either; a signature by the other does not verify."""
    private = PrivateKey(private_pem(RSA), "rsa-v1_5-sha256")
    assert not RsaKey(pem_of(RSA.public_key()), "rsa-pss-sha512").verify(private.sign(b"m"), b"m")


def test_weak_and_wrong_keys_are_refused() -> None:
    """RSA below 2048 bits or with a small exponent, another curve, another kind of key, and what is no key."""
    small = rsa.generate_private_key(65_537, 1024).public_key()  # noqa: S505 - to be refused
    three = rsa.RSAPublicNumbers(3, RSA.public_key().public_numbers().n).public_key()
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(WeakKeyError, match="1024 bits"):
        RsaKey(pem_of(small), "rsa-v1_5-sha256")
    with pytest.raises(WeakKeyError, match="weak exponent"):
        RsaKey(pem_of(three), "rsa-v1_5-sha256")
    with pytest.raises(WeakKeyError, match="P-256"):
        EcdsaKey(pem_of(other))
    with pytest.raises(WeakKeyError, match="no RSA public key"):
        RsaKey(pem_of(P256.public_key()), "rsa-v1_5-sha256")
    with pytest.raises(WeakKeyError, match="an RSA key is not for ed25519"):
        RsaKey(pem_of(RSA.public_key()), "ed25519")
    with pytest.raises(WeakKeyError, match="no Ed25519 public key"):
        verifying_key("ed25519", pem_of(P256.public_key()))
    with pytest.raises(WeakKeyError, match="no public key in PEM or DER"):
        verifying_key("ecdsa-p256-sha256", b"-----BEGIN NOTHING-----")
    with pytest.raises(WeakKeyError, match="no private key"):
        PrivateKey(private_pem(P256), "ed25519")
    with pytest.raises(WeakKeyError, match="no public keys"):
        verifying_key("hmac-sha256", b"")
    with pytest.raises(WeakKeyError, match="not for ed25519"):
        HmacKey(b"secret", "ed25519")
    with pytest.raises(WeakKeyError, match="empty"):
        HmacKey(b"")


def test_a_secret_is_as_long_as_the_scheme_says() -> None:
    """Ours has at least 32 bytes; a base64 secret is written in base64."""
    with pytest.raises(WeakKeyError, match="at least 32 bytes"):
        load_scheme("durwan").secret_key("s" * 31)
    assert load_scheme("durwan").secret_key("s" * 32).algorithm == "hmac-sha256"
    with pytest.raises(WeakKeyError, match="base64"):
        load_scheme("kraken-spot").secret_key("not base64!")
    with pytest.raises(WeakKeyError, match="base64"):
        load_scheme("kraken-spot").secret_key("YR==")
    with pytest.raises(WeakKeyError, match="no hmac-sha512"):
        load_scheme("durwan").secret_key("s" * 32, "hmac-sha512")


def test_a_key_shows_and_gives_nothing_of_itself() -> None:
    """Neither its representation nor a pickle holds the secret."""
    key = HmacKey(b"canary-canary-canary-canary-canary")
    assert repr(key) == "<HmacKey: hmac-sha256>"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)
    assert "canary" not in str(PrivateKey(private_pem(P256), "ecdsa-p256-sha256"))
    assert Ed25519Key(ed25519_public(1)).algorithm == "ed25519"
