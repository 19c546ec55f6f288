"""R23 to R26, R28 and R30: what is signed, over which bytes, when, and in which spelling."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.credentials.schemes.credential import StaticCredential
from durwan.credentials.schemes.encodings import any_case_hex_of, base64_of, base64url_of, hex_of
from durwan.credentials.schemes.keys import HmacKey
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.schemes.profile import Clock
from durwan.credentials.schemes.scheme import SignedParts
from durwan.credentials.schemes.signature_forms import SignatureForms
from tests.faults import timing
from tests.unit.credentials.schemes.signed import (
    NAMES,
    NOW,
    credential_of,
    key_of,
    outcome,
    parts_of,
    request,
    signed,
)

# ----------------------------------------------------------------------------------------- R23: no two are signed alike


def message(raw: RawRequest) -> bytes:
    return parts_of(load_scheme("durwan"), signed("durwan", raw, nonce="n" * 22)).message


def test_a_boundary_cannot_be_moved() -> None:
    """Neither between path and body, nor path and query, nor header and header."""
    assert message(request(target=b"/a", body=b"bc")) != message(request(target=b"/ab", body=b"c"))
    assert message(request(target=b"/a?b=1")) != message(request(target=b"/a", body=b"?b=1"))
    assert message(request(target=b"/a?")) != message(request(target=b"/a"))
    assert message(request("GET", b"/a")) != message(request("GET", b"/a", b"\0"))
    one = signed("durwan", request(headers=((b"a", b"1"), (b"b", b"2"))), nonce="n" * 22, signed_headers=["a", "b"])
    other = signed("durwan", request(headers=((b"a", b"1b2"), (b"b", b""))), nonce="n" * 22, signed_headers=["a", "b"])
    assert parts_of(load_scheme("durwan"), one).message != parts_of(load_scheme("durwan"), other).message


@pytest.mark.parametrize("name", NAMES)
def test_every_bit_that_a_scheme_signs_is_signed(name: str) -> None:
    """Another target, body or method than what was signed is refused, except for what the profile leaves out."""
    scheme, raw = load_scheme(name), signed(name)
    left = scheme.profile.not_signed
    if "path" not in left:
        assert outcome(name, replace(raw, target=raw.target.replace(b"/v1", b"/v2"))) != "accepted"
    if "body" not in left and raw.body:
        assert outcome(name, replace(raw, body=raw.body.replace(b"B", b"C"))) != "accepted"
    if "method" not in left:
        assert outcome(name, replace(raw, method="PUT")) != "accepted"
    if "query" not in left:
        assert outcome(name, replace(raw, target=raw.target + b"?added=1")) != "accepted"


# ------------------------------------------------------------------------- R24: what is verified is what will be used


@pytest.mark.parametrize("name", [each for each in NAMES if "query" not in load_scheme(each).profile.not_signed])
@pytest.mark.parametrize("query", [b"a=1&a=2", b"a=1&%61=2", b"a=1&a=2;b=3", b"a=1;a=2", b"a=1&b", b"&", b"a=1&&b=2"])
def test_a_query_that_readers_divide_differently_is_refused(name: str, query: bytes) -> None:
    """A name that comes twice, in whatever spelling, a semicolon, a name without a value: before any key is asked."""
    base = signed(name)
    mark = b"&" if b"?" in base.target else b"?"
    path, _, rest = base.target.partition(b"?")
    target = base.target + mark + query if not rest else path + b"?" + query + b"&" + rest
    refusal = load_scheme(name).parts(replace(base, target=target))
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400


@pytest.mark.parametrize("name", [each for each in NAMES if not each.endswith("websocket")])
def test_a_header_of_the_scheme_is_sent_once(name: str) -> None:
    """Twice, in capitals, or under a name that some servers take for it: refused."""
    raw = signed(name)
    own = [(header, value) for header, value in raw.headers if header not in (b"host", b"content-digest")]
    for header, value in own:
        names = {header, header.upper(), header.replace(b"-", b"_"), header.replace(b"-", b".").lower()}
        for again in names if b"-" in header else {header, header.upper()}:
            refusal = load_scheme(name).parts(replace(raw, headers=(*raw.headers, (again, value))))
            if header in (b"Signature-Input", b"Signature", b"Content-Digest") and b"-" not in again:
                continue
            assert isinstance(refusal, Refusal), again
            assert refusal.status == 400, again


def test_the_bytes_as_they_came_are_what_is_verified() -> None:
    """`%2F` is not `/`, and a body is not what a parser would write again."""
    raw = signed("durwan", request(target=b"/a%2Fb", body=b'{"a": 1}'))
    assert outcome("durwan", raw) == "accepted"
    assert outcome("durwan", replace(raw, target=b"/a/b")) == "signature_invalid"
    assert outcome("durwan", replace(raw, body=b'{"a":1}')) == "signature_invalid"


@pytest.mark.parametrize(
    "target", [b"a", b"", b"/a b", b"/a\n", b"/a#b", b'/"', b"/\xc3\xa9", b"/{", b"http://example.com/a", b"*"]
)
def test_a_target_has_only_the_characters_of_one(target: bytes) -> None:
    """So nobody has to repair it before it is looked at."""
    assert outcome("durwan", replace(signed("durwan"), target=target)) == "request_malformed"


# ----------------------------------------------------------------------------------------------------- R25: old and new


def clock_of(name: str) -> Clock:
    found = load_scheme(name).profile.clock
    assert found is not None
    return found


TIMED = [each for each in NAMES if load_scheme(each).profile.clock is not None]


@pytest.mark.parametrize("name", TIMED)
def test_the_window_ends_at_its_millisecond(name: str) -> None:
    """One before, at and after each end, inclusive or not as the profile says."""
    clock, raw = clock_of(name), signed(name)
    past, future = clock.past.microseconds // 1000, clock.future.microseconds // 1000
    assert outcome(name, raw, NOW) == "accepted"
    at_end = "accepted" if clock.past.inclusive else "timestamp_expired"
    assert [outcome(name, raw, NOW + past + each) for each in (0, 1)] == [at_end, "timestamp_expired"]
    if past:
        assert outcome(name, raw, NOW + past - 1) == "accepted"
    at_end = "accepted" if clock.future.inclusive else "timestamp_ahead"
    ahead = [outcome(name, raw, NOW - future + each) for each in (1, 0, -1)]
    assert ahead == ["accepted", at_end, "timestamp_ahead"]


def test_the_window_of_our_own_scheme_is_five_seconds() -> None:
    """-W-1, -W, 0, W and W+1 milliseconds."""
    raw = signed("durwan")
    assert [outcome("durwan", raw, NOW + each) for each in (-5001, -5000, 0, 5000, 5001)] == [
        "timestamp_ahead", "accepted", "accepted", "accepted", "timestamp_expired",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("window", "late", "expected"),
    [
        ("5000", 5000, "accepted"),
        ("5000", 5001, "timestamp_expired"),
        ("60000", 60_000, "accepted"),
        ("60000", 60_001, "timestamp_expired"),
        ("6000.346", 6000, "accepted"),
        ("6000.346", 6001, "timestamp_expired"),
        ("1", 1, "accepted"),
        ("1", 2, "timestamp_expired"),
    ],
)
def test_a_request_may_say_how_old_it_may_be(window: str, late: int, expected: str) -> None:
    """As Binance has it: in milliseconds with three decimals (scenarios AS-08, AS-09)."""
    raw = signed("binance", request(target=b"/api/v3/order?recvWindow=" + window.encode()))
    assert outcome("binance", raw, NOW + late) == expected


@pytest.mark.parametrize("window", ["60001", "6000.3461", "0", "-1", "+5000", "05000", "", "9" * 20, "5e3", "5000."])
def test_a_window_beyond_a_minute_is_refused(window: str) -> None:
    """And what is no window (scenario AS-10)."""
    raw = signed("binance", request(target=b"/api/v3/order?recvWindow=5000"))
    target = raw.target.replace(b"recvWindow=5000", b"recvWindow=" + window.encode())
    assert outcome("binance", replace(raw, target=target)) == "recv_window_out_of_range"


@pytest.mark.parametrize(
    "written",
    [b"+177244200000", b"1772442000", b"17724420000000", b"1.77e12", b"1772442000.00", b" 177244200000",
     b"1_77244200000", "١٧٧٢٤٤٢٠٠٠٠٠٠".encode(), b"-177244200000", b"", b"1772442000000 ", b"0x19c9f5e0b40"],
)  # fmt: skip
def test_a_timestamp_has_thirteen_digits(written: bytes) -> None:
    """No sign, space, point, exponent, underscore or other digits."""
    raw = signed("durwan")
    headers = tuple((name, written if name == b"durwan-timestamp" else value) for name, value in raw.headers)
    assert outcome("durwan", replace(raw, headers=headers)) == "timestamp_malformed"


@pytest.mark.parametrize("late", [-600_000, 600_000])
def test_a_clock_that_steps_lets_nothing_through(late: int) -> None:
    """Ten minutes either way, and back."""
    raw = signed("durwan")
    assert outcome("durwan", raw, NOW + late).startswith("timestamp_")
    assert outcome("durwan", raw) == "accepted"


# ------------------------------------------------------------------------------------------ R26: nothing is to be found


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_key_and_a_wrong_signature_read_the_same(name: str) -> None:
    """Also a wrong passphrase, and a key of another algorithm: the same refusal, in every field."""
    scheme, raw = load_scheme(name), signed(name)
    parts = parts_of(scheme, raw)
    other = HmacKey(b"another secret", key_of(name).algorithm)
    unlike = HmacKey(b"another secret", "hmac-sha384" if name != "bitfinex" else "hmac-sha256")
    refusals = [
        scheme.verify(parts, None, NOW),
        scheme.verify(parts, StaticCredential((other,), b"correct horse"), NOW),
        scheme.verify(parts, StaticCredential((unlike,), b"correct horse"), NOW),
        scheme.verify(parts, StaticCredential(()), NOW),
    ]
    if scheme.profile.passphrase is not None:
        refusals += [
            scheme.verify(parts, StaticCredential((key_of(name),), b"wrong"), NOW),
            scheme.verify(parts, StaticCredential((key_of(name),), None), NOW),
            scheme.verify(parts, StaticCredential((key_of(name),), b""), NOW),
        ]
    assert {refusal and (refusal.code, refusal.status, refusal.reason) for refusal in refusals} == {
        ("signature_invalid", 401, "the key or the signature is not valid")
    }


def test_nobodys_key_signs_for_nobody() -> None:
    """What stands in for an unknown key accepts nothing, not even what it would have signed itself."""
    scheme, raw = load_scheme("durwan"), signed("durwan")
    parts = parts_of(scheme, raw)
    nobody = parts.kind.nobody.keys[0]
    assert isinstance(nobody, HmacKey)
    parts.signature = nobody.sign(parts.message)
    assert scheme.verify(parts, None, NOW) is not None
    assert scheme.verify(parts, StaticCredential((HmacKey(b"x", "hmac-sha512"),)), NOW) is not None


def test_a_signature_that_is_no_text_of_one_raises_nothing() -> None:
    """Letters beyond ASCII, which `compare_digest` would not take as text, are refused."""
    raw = signed("durwan")
    headers = tuple((name, b"\xe9" * 64 if name == b"durwan-signature" else value) for name, value in raw.headers)
    assert outcome("durwan", replace(raw, headers=headers)) == "signature_malformed"


def test_timing_is_measured() -> None:
    """F18, in short: the program takes its samples of each kind of refusal. Its verdict is for a quiet machine."""
    found = timing.measure(samples=200)
    assert found.samples == 200
    assert all(each > 0 for each in found.medians.values())
    assert set(found.welch) == {"bad signature, second key", "unknown key", "key of another algorithm"}


def test_two_keys_are_in_force_while_one_is_replaced() -> None:
    """The old and the new both work, and no third."""
    scheme, raw = load_scheme("durwan"), signed("durwan")
    parts = parts_of(scheme, raw)
    old, new = key_of("durwan"), HmacKey(b"n" * 32)
    assert scheme.verify(parts, StaticCredential((new, old)), NOW) is None
    assert scheme.verify(parts, StaticCredential((old, new)), NOW) is None
    assert scheme.verify(parts, StaticCredential((new,)), NOW) is not None


# -------------------------------------------------------------------------------------------------- R28: one spelling


@pytest.mark.parametrize(
    ("decode", "right", "wrong"),
    [
        (hex_of, b"dead00", [b"DEAD00", b"dEad00", b" dead00", b"de ad00", b"dead0", b"dead00\n", b"0xdead"]),
        (any_case_hex_of, b"DEad00", [b"DE ad\n00", b"dead0", b"deadOO"]),
        (base64_of, b"YQ==", [b"YR==", b"YQ=", b"YQ", b"YQ===", b"YQ==\n", b"Y Q==", b"YW!!\n Jj*", b"_Q=="]),
        (base64url_of, b"_-E", [b"_-F", b"_-E=", b"/-E", b"_+E", b"_-E\n", b" _-E", b"_-E==", b"A"]),
    ],
)  # fmt: skip
def test_a_text_has_one_spelling(decode: object, right: bytes, wrong: list[bytes]) -> None:
    """Alphabet, padding, white space, case and the bits beyond the last byte."""
    assert callable(decode)
    assert decode(right) is not None
    assert [decode(each) for each in wrong] == [None] * len(wrong)


@pytest.mark.parametrize("name", [each for each in NAMES if each != "rfc9421"])
def test_a_signature_has_its_exact_length(name: str) -> None:
    """One character more or less, or none, is refused before anything is computed."""
    scheme, raw = load_scheme(name), signed(name)
    right = parts_of(scheme, raw).signature
    text = SignatureForms(scheme.profile.algorithms).write(key_of(name).algorithm, right)
    quoted = quote(text, safe="").encode() if name == "binance" else text
    for spoilt in (text[:-1], text + b"0", b"", text * 3, b"!" + text[1:]):
        assert outcome(name, _replaced(raw, quoted, spoilt)) == "signature_malformed", spoilt


def _replaced(raw: RawRequest, old: bytes, new: bytes) -> RawRequest:
    return replace(
        raw,
        target=raw.target.replace(old, new),
        headers=tuple((name, value.replace(old, new)) for name, value in raw.headers),
        body=raw.body.replace(old, new),
    )


# ------------------------------------------------------------------------------------ R30: one key, one algorithm


def test_a_key_is_for_its_algorithm_alone() -> None:
    """A signature of another algorithm that the scheme has is not looked at with it."""
    scheme, raw = load_scheme("durwan"), signed("durwan")
    headers = tuple((name, b"00" * 64 if name == b"durwan-signature" else value) for name, value in raw.headers)
    parts = scheme.parts(replace(raw, headers=headers))
    assert isinstance(parts, SignedParts)
    assert parts.kind.algorithms == ("ed25519",)
    assert scheme.verify(parts, credential_of("durwan"), NOW) is not None
