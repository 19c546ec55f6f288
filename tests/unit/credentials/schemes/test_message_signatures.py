"""HTTP Message Signatures: the examples of RFC 9421, and what a signature has to cover."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.credentials.schemes.credential import StaticCredential
from durwan.credentials.schemes.keys import HmacKey, VerifyingKey, verifying_key
from durwan.credentials.schemes.loading import load_scheme, read_scheme
from durwan.credentials.schemes.profile import Algorithm
from tests.unit.credentials.schemes.signed import NOW, credential_of, outcome, parts_of, request, signed, vectors

# What the examples of the RFC cover differs, and some cover nothing: nothing is asked of them here.
LENIENT = """{
  "scheme": "rfc9421-examples",
  "algorithms": {
    "hmac-sha256": {"encoding": "base64"}, "ed25519": {"encoding": "base64"},
    "ecdsa-p256-sha256": {"encoding": "base64"}, "rsa-pss-sha512": {"encoding": "base64"}
  },
  "covers": {"always": [], "with_body": [], "tags": TAGS},
  "timestamp": {
    "unit": "seconds", "past": {"milliseconds": 1000, "inclusive": true},
    "future": {"milliseconds": 1000, "inclusive": true}
  },
  "nonce": {"rule": "message"}
}"""


def examples() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vectors("rfc9421_b2.json")["cases"]
    return found


def key_of_example(case: dict[str, Any]) -> VerifyingKey:
    keys = vectors("rfc9421_b2.json")["keys"]
    algorithm: Algorithm = case["alg"]
    match algorithm:
        case "hmac-sha256":
            return HmacKey(base64.b64decode(keys["test-shared-secret_b64"]))
        case "ed25519":
            return verifying_key(algorithm, keys["test-key-ed25519"]["public"].encode())
        case "ecdsa-p256-sha256":
            return verifying_key(algorithm, keys["test-key-ecc-p256_public"].encode())
        case _:
            return verifying_key("rsa-pss-sha512", keys["test-key-rsa-pss_public"].encode())


def request_of(case: dict[str, Any]) -> RawRequest:
    sent = vectors("rfc9421_b2.json")["test_request"]
    headers = [
        *sent["headers"],
        ("Signature-Input", f"{case['label']}={case['signature_input']}"),
        ("Signature", f"{case['label']}=:{case['signature_b64']}:"),
    ]
    pairs = tuple((name.encode(), value.encode()) for name, value in headers)
    return RawRequest(sent["method"], sent["target"].encode(), pairs, sent["body"].encode(), "192.0.2.7", 0)


def test_all_six_examples_of_the_rfc_verify() -> None:
    """B.2.1 to B.2.6: HMAC, Ed25519, ECDSA and RSA-PSS, over the signature base that the RFC prints."""
    cases = examples()
    assert len(cases) == 6
    for case in cases:
        key, signature = key_of_example(case), base64.b64decode(case["signature_b64"])
        assert key.verify(signature, case["signature_base"].encode()), case["id"]
        assert not key.verify(signature, case["signature_base"].encode() + b" "), case["id"]


def test_the_five_that_sign_requests_are_read_from_requests() -> None:
    """Their signature base is made of the request as the RFC prints both; B.2.4 signs a response, and is refused."""
    for case in examples():
        tag = '["header-example"]' if "tag=" in case["signature_input"] else "[]"
        scheme, raw = read_scheme(LENIENT.replace("TAGS", tag)), request_of(case)
        if case["id"] == "B.2.4":
            assert isinstance(scheme.parts(raw), Refusal)
            continue
        parts = parts_of(scheme, raw)
        assert parts.message == case["signature_base"].encode()
        credential = StaticCredential((key_of_example(case),))
        assert scheme.verify(parts, credential, 1_618_884_473_000) is None
        assert scheme.verify(parts, credential, 1_618_884_475_000) is not None


def test_our_profile_takes_none_of_them() -> None:
    """They cover too little of the request, so it could be changed on its way."""
    for case in examples():
        refusal = load_scheme("rfc9421").parts(request_of(case))
        assert isinstance(refusal, Refusal)


def with_header(raw: RawRequest, name: bytes, old: bytes, new: bytes) -> RawRequest:
    """The request with a text in one of its headers replaced by another."""
    lower = name.lower()
    assert any(each.lower() == lower and old in value for each, value in raw.headers), old
    return replace(
        raw,
        headers=tuple(
            (each, value.replace(old, new) if each.lower() == lower else value) for each, value in raw.headers
        ),
    )


SENT = request(target=b"/v1/orders?symbol=BTC", body=b'{"a":1}')


def test_a_signed_request_is_accepted_once_its_time_and_body_are_right() -> None:
    """Method, authority, path, query and body are covered, and a change of any of them is refused."""
    raw = signed("rfc9421", SENT)
    assert outcome("rfc9421", raw) == "accepted"
    assert outcome("rfc9421", replace(raw, method="PUT")) == "signature_invalid"
    assert outcome("rfc9421", replace(raw, target=b"/v1/orders?symbol=ETH")) == "signature_invalid"
    assert outcome("rfc9421", replace(raw, target=b"/v2/orders?symbol=BTC")) == "signature_invalid"
    assert outcome("rfc9421", replace(raw, body=b'{"a":2}')) == "signature_invalid"
    assert outcome("rfc9421", with_header(raw, b"host", b"api", b"apj")) == "signature_invalid"


def test_another_digest_than_that_of_the_body_is_refused() -> None:
    """The digest is covered, so it cannot be exchanged together with the body."""
    raw = signed("rfc9421", SENT)
    digest = base64.b64encode(hashlib.sha256(b'{"a":2}').digest())
    old = base64.b64encode(hashlib.sha256(SENT.body).digest())
    changed = with_header(replace(raw, body=b'{"a":2}'), b"content-digest", old, digest)
    assert outcome("rfc9421", changed) == "signature_invalid"


@pytest.mark.parametrize(
    ("header", "old", "new", "code"),
    [
        (b"signature-input", b'"@method" ', b"", "component_uncovered"),
        (b"signature-input", b'"content-digest"', b"", "credential_malformed"),
        (b"signature-input", b' "content-digest"', b"", "component_uncovered"),
        (b"signature-input", b'"@method"', b'"@method" "@method"', "field_repeated"),
        (b"signature-input", b'"@method"', b'"@method";req', "credential_malformed"),
        (b"signature-input", b'"@method"', b'"@method" "@status"', "field_missing"),
        (b"signature-input", b'"@method"', b'"@method" "x-not-sent"', "field_missing"),
        (b"signature-input", b'"@method"', b'"@method"  "@path"', "credential_malformed"),
        (b"signature-input", b";keyid", b";created=1;keyid", "field_repeated"),
        (b"signature-input", b";keyid", b';tag="other";keyid', "signature_malformed"),
        (b"signature-input", b";keyid", b';alg="rsa-pss-sha512";keyid', "signature_malformed"),
        (b"signature-input", b";keyid", b";unknown=1;keyid", "credential_malformed"),
        (b"signature-input", b";keyid", b";expires=1772442000;keyid", "timestamp_expired"),
        (b"signature-input", b"sig1=", b"sig2=", "signature_malformed"),
        (b"signature-input", b"sig1=", b"sig0=();created=1, sig1=", "credential_malformed"),
        (b"signature-input", b'nonce="', b'nonce="\xc3\xa9', "credential_malformed"),
        (b"signature", b"sig1=:", b"sig1=", "signature_malformed"),
        (b"signature", b"=:", b":", "signature_malformed"),
        (b"content-digest", b"sha-256", b"md5", "signature_malformed"),
    ],
)
def test_what_is_written_otherwise_is_refused(header: bytes, old: bytes, new: bytes, code: str) -> None:
    """One signature, in one spelling, that covers enough."""
    raw = signed("rfc9421", SENT, nonce="n" * 22)
    assert outcome("rfc9421", with_header(raw, header, old, new)) == code


def test_a_covered_header_is_sent_once() -> None:
    """Two of them could be joined by one reader and not by another."""
    raw = signed("rfc9421", SENT)
    again = replace(raw, headers=(*raw.headers, (b"Content-Digest", b"sha-256=:AAAA:")))
    assert outcome("rfc9421", again) == "field_repeated"


def test_algorithm_and_expiry_may_be_named() -> None:
    """An expiry ends at its second; the algorithm that is named has to be that of the key."""
    scheme = load_scheme("rfc9421")
    raw = with_header(
        signed("rfc9421", SENT), b"signature-input", b";keyid", b';alg="hmac-sha256";expires=1772442001;keyid'
    )
    parts = parts_of(scheme, raw)
    parts.signature = credential_of("rfc9421").keys[0].sign(parts.message)  # type: ignore[attr-defined] # an HMAC key
    assert scheme.verify(parts, credential_of("rfc9421"), NOW + 999) is None
    refusal = scheme.verify(parts, credential_of("rfc9421"), NOW + 1000)
    assert refusal is not None
    assert refusal.code == "timestamp_expired"
