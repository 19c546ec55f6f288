"""Ed25519 keys: which are taken, and from which files."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from durwan.credentials.ed25519 import (
    KeyFileError,
    SignaturesNotInstalledError,
    fault_of,
    new_private_key,
    pem_of,
    private_key_of,
    public_key_of,
    raw_public_key,
    verifies,
)
from tests.bundles import key, public

# Vectors of others, which lie beside the checkout where it has them.
CORPUS = Path(__file__).parents[4] / "shared" / "corpora" / "ed25519"
PRIME = 2**255 - 19


def corpus(name: str) -> list[dict[str, Any]]:
    """The vectors of a file, or the test is skipped."""
    if not (CORPUS / name).exists():
        pytest.skip(f"the corpus of Ed25519 vectors, {name}, is not here")
    found: list[dict[str, Any]] = json.loads((CORPUS / name).read_text())
    return found


def test_every_bad_key_of_the_corpus_is_refused() -> None:
    """The 14 keys of CCTV that are of small order or not canonical are, and no other is."""
    vectors = corpus("cctv_ed25519vectors.json")
    # "low_order_A" marks the keys of small order, canonical or not.
    bad = {each["key"] for each in vectors if "low_order_A" in (each["flags"] or ())}
    assert len(bad) == 14
    for each in vectors:
        assert (fault_of(bytes.fromhex(each["key"])) is not None) is (each["key"] in bad), each


def test_no_signature_verifies_under_a_bad_key_of_the_corpus() -> None:
    """What `cryptography` accepts of CCTV after the keys were looked at is 86 of its 914 vectors."""
    vectors = corpus("cctv_ed25519vectors.json")
    taken = 0
    for each in vectors:
        vector_key = bytes.fromhex(each["key"])
        if fault_of(vector_key) is None:
            taken += verifies(vector_key, bytes.fromhex(each["sig"]), each["msg"].encode())
    assert (len(vectors), taken) == (914, 86)


def test_the_speccheck_corpus() -> None:
    """Of the twelve cases, only 2 and 3 verify: their keys have a part of small order, and another part beside it."""
    taken = [
        number
        for number, each in enumerate(corpus("speccheck_cases.json"))
        if fault_of(bytes.fromhex(each["pub_key"])) is None
        and verifies(bytes.fromhex(each["pub_key"]), bytes.fromhex(each["signature"]), bytes.fromhex(each["message"]))
    ]
    assert taken == [2, 3]


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (0, "small order"),
        (1, "small order"),
        (PRIME - 1, "small order"),
        (PRIME, "small order"),
        (PRIME + 1, "small order"),
        (PRIME + 3, "not in canonical form"),
        (2, "no point of the curve"),
    ],
)
def test_what_is_no_key_is_said(number: int, fault: str) -> None:
    """A point that anybody can sign under, a second spelling and what is no point each have their sentence."""
    for sign in (0, 1 << 255):
        assert fault in str(fault_of((number | sign).to_bytes(32, "little")))


def test_a_key_has_32_bytes() -> None:
    """Anything else is no key."""
    assert "31 bytes" in str(fault_of(public(1)[:31]))
    assert "33 bytes" in str(fault_of(public(1) + b"\0"))
    assert fault_of(public(1)) is None


def test_a_signature_is_of_one_message_by_one_key() -> None:
    """Another message, another key or another signature does not verify."""
    signature = key(1).sign(b"message")
    assert verifies(public(1), signature, b"message")
    assert not verifies(public(1), signature, b"massage")
    assert not verifies(public(2), signature, b"message")
    assert not verifies(public(1), signature[:-1], b"message")
    assert not verifies(public(1), bytes(64), b"message")


def test_a_public_key_goes_through_its_file() -> None:
    """What is written is read, also with Windows' line ends; a private key is not taken for a public one."""
    assert public_key_of(pem_of(public(1))) == public(1)
    assert public_key_of(pem_of(public(1)).replace(b"\n", b"\r\n")) == public(1)
    _, private = new_private_key()
    with pytest.raises(KeyFileError, match="it is a private key"):
        public_key_of(private)


def test_a_private_key_goes_through_its_file() -> None:
    """A new key signs what its public half verifies, also after it was read from its file."""
    made, pem = new_private_key()
    again = private_key_of(pem)
    assert verifies(raw_public_key(made), again.sign(b"x"), b"x")
    with pytest.raises(KeyFileError, match="no private key"):
        private_key_of(pem_of(public(1)))


def _block(label: str, der: bytes) -> bytes:
    body = base64.b64encode(der).decode()
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()


SPKI = bytes.fromhex("302a300506032b6570032100")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no PEM file"),
        (b"\xff\xfe", "no PEM file"),
        (pem_of(public(1)) * 2, "no PEM file"),
        (b"x" * 20_000, "no PEM file"),
        (_block("PUBLIC KEY", SPKI + public(1)[:-1]), "31 bytes"),
        (_block("PUBLIC KEY", SPKI + public(1) + b"\0"), "33 bytes"),
        (_block("PUBLIC KEY", SPKI + bytes(32)), "small order"),
        (_block("PUBLIC KEY", b"0" + SPKI + public(1)), "no Ed25519 public key"),
        (_block("CERTIFICATE", SPKI + public(1)), "no Ed25519 public key"),
        (b"-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n", "damaged"),
    ],
)
def test_what_is_no_public_key_file_is_refused(content: bytes, message: str) -> None:
    """It is said what is wrong with a file."""
    with pytest.raises(KeyFileError, match=message):
        public_key_of(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_block("ENCRYPTED PRIVATE KEY", b"x"), "it is encrypted: decrypt it"),
        (_block("PRIVATE KEY", b"x"), "no Ed25519 private key"),
        (_block("EC PRIVATE KEY", b"x"), "no private key"),
        # X25519: agrees on keys, and signs nothing.
        (
            _block("PRIVATE KEY", bytes.fromhex("302e020100300506032b656e04220420") + bytes(32)),
            "no Ed25519 private key",
        ),
    ],
)
def test_what_is_no_private_key_file_is_refused(content: bytes, message: str) -> None:
    """It is said what is wrong with a file."""
    with pytest.raises(KeyFileError, match=message):
        private_key_of(content)


def test_the_missing_extra_names_its_command() -> None:
    """Whoever lacks the library reads how to get it."""
    assert "pip install 'durwan[sign]'" in str(SignaturesNotInstalledError())
