"""A token has one form, and nothing but its issuer makes one: every change of a good one is refused."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from durwan.credentials.tokens import base64url
from durwan.credentials.tokens.strict_json import NotStrictJsonError, read_object
from durwan.credentials.tokens.token_keys import public_key
from tests.tokens import CLAIMS, HEADER, SECRET, code, compact, ed_key, pem, token, verifier

GOOD = {"HS256": token(), "EdDSA": token(header={**HEADER, "alg": "EdDSA"}, key=ed_key())}
JUDGES = {"HS256": verifier(), "EdDSA": verifier(public_key(pem(ed_key()), "EdDSA"))}
REFUSED = {"token_malformed", "token_invalid"}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.sampled_from(sorted(GOOD)), st.data())
@settings(max_examples=1500, deadline=None)
def test_every_change_of_one_character_is_refused(alg: str, data: st.DataObject) -> None:
    """Whichever character of a token becomes another, is left out, or gets another one before it."""
    text = GOOD[alg]
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.sampled_from(ALPHABET + ".=+/ \n\0é"))
    kept = data.draw(st.integers(0, 1))
    changed = text[:place] + character + text[place + 1 - kept :]
    shorter = text[:place] + text[place + 1 :]
    if changed != text:
        assert code(JUDGES[alg].verify(changed)) in REFUSED
    assert code(JUDGES[alg].verify(shorter)) in REFUSED


def test_every_change_of_one_bit_is_refused() -> None:
    """All of them, of the token's bytes as they come."""
    for alg, text in GOOD.items():
        raw = text.encode()
        for place in range(len(raw)):
            for bit in range(8):
                changed = raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]
                assert code(JUDGES[alg].verify(changed)) in REFUSED


@given(st.binary(max_size=300) | st.text(max_size=300))
@settings(max_examples=1000, deadline=None)
def test_no_text_is_a_token_by_chance(text: bytes | str) -> None:
    """Whatever comes is refused, and raises nothing."""
    assert code(JUDGES["HS256"].verify(text)) in REFUSED


@given(st.binary(max_size=60), st.binary(max_size=60))
@settings(max_examples=1000, deadline=None)
def test_no_content_is_a_token_by_chance(header: bytes, payload: bytes) -> None:
    """Whatever is signed by the right key without being a header and claims is refused, and raises nothing."""
    assert code(JUDGES["HS256"].verify(compact(header, payload))) in REFUSED
    assert code(JUDGES["HS256"].verify(compact(json.dumps(HEADER).encode(), payload))) in REFUSED


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "sub", "client_id", "jti", "scope", "cnf"]), VALUES)
@settings(max_examples=1500, deadline=None)
def test_no_claim_raises(name: str, value: Any) -> None:
    """Whatever a claim holds, there is an answer."""
    assert code(JUDGES["HS256"].verify(token({**CLAIMS, name: value}, HEADER, SECRET))) != "None"


@given(st.binary(max_size=200))
@settings(max_examples=1000, deadline=None)
def test_bytes_and_forms_belong_together(raw: bytes) -> None:
    """Every sequence of bytes has one form, which reads as it; what reads at all is the form of what it reads as."""
    form = base64url.encoded(raw)
    assert base64url.decoded(form) == raw
    try:
        found = base64url.decoded(raw)
    except ValueError:
        return
    assert base64url.encoded(found).encode() == raw


@given(VALUES)
@settings(max_examples=800, deadline=None)
def test_strict_json_reads_what_json_reads_or_nothing(value: Any) -> None:
    """What is read means what the library reads; it reads more."""
    raw = json.dumps({"value": value}, allow_nan=True).encode()
    try:
        found = read_object(raw)
    except NotStrictJsonError:
        return
    assert found == json.loads(raw)
