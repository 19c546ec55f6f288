"""The parser that is written for a profile answers as the careful way does, whatever comes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.credentials.schemes.joined import JoinedScheme
from durwan.credentials.schemes.loading import load_scheme
from durwan.credentials.schemes.scheme import Scheme, SignedParts
from tests.unit.credentials.schemes.signed import NAMES, request, signed, usual

WRITTEN = [name for name in NAMES if isinstance(load_scheme(name), JoinedScheme) and "parts" in vars(load_scheme(name))]


def careful(scheme: Scheme, raw: RawRequest) -> SignedParts | Refusal:
    return type(scheme).parts(scheme, raw)


def test_a_parser_is_written_for_what_most_gateways_use() -> None:
    """Those with their parts in headers, or in query and form; the others are read the careful way alone."""
    assert WRITTEN == [
        "binance", "bitfinex", "bitget", "bitmex", "bitvavo", "bybit", "coinbase-exchange", "durwan", "gate",
        "kraken-futures", "kucoin", "okx",
    ]  # fmt: skip


Change = Callable[[RawRequest, Random], RawRequest]
ODD = (
    b"%",
    b"%41",
    b"+",
    b";",
    b"&",
    b"=",
    b"?",
    b"_",
    b".",
    b"A",
    b"0",
    b" ",
    b"\n",
    b"\x00",
    b"\xe9",
    b"#",
    b'"',
    b"/",
)


def _anywhere(text: bytes, random: Random) -> bytes:
    """A text with something taken away, put in, or written twice."""
    at, end = sorted((random.randint(0, len(text)), random.randint(0, len(text))))
    return random.choice((
        text[:at] + random.choice(ODD) + text[at:],
        text[:at] + text[at + 1 :],
        text[:at] + text[at:end] * 2 + text[end:],
        text.upper(),
        b"",
        text + b"&" + text,
        text[:at],
    ))  # fmt: skip


def in_target(raw: RawRequest, random: Random) -> RawRequest:
    return replace(raw, target=_anywhere(raw.target, random))


def in_body(raw: RawRequest, random: Random) -> RawRequest:
    return replace(raw, body=_anywhere(raw.body or b"a=1&b=2", random))


def in_value(raw: RawRequest, random: Random) -> RawRequest:
    at = random.randrange(len(raw.headers))
    name, value = raw.headers[at]
    return replace(raw, headers=(*raw.headers[:at], (name, _anywhere(value, random)), *raw.headers[at + 1 :]))


def in_name(raw: RawRequest, random: Random) -> RawRequest:
    at = random.randrange(len(raw.headers))
    name, value = raw.headers[at]
    return replace(raw, headers=(*raw.headers[:at], (_anywhere(name, random), value), *raw.headers[at + 1 :]))


def another_header(raw: RawRequest, random: Random) -> RawRequest:
    name, value = random.choice(raw.headers)
    spelt = random.choice((name, name.upper(), name.replace(b"-", b"_"), name.replace(b"-", b"."), b"accept"))
    return replace(raw, headers=(*raw.headers, (spelt, value)))


def no_header(raw: RawRequest, random: Random) -> RawRequest:
    at = random.randrange(len(raw.headers))
    return replace(raw, headers=raw.headers[:at] + raw.headers[at + 1 :]) if at or len(raw.headers) > 1 else raw


def method(raw: RawRequest, random: Random) -> RawRequest:
    return replace(raw, method=random.choice(("GET", "get", "TRACE", "HEAD", "DELETE", "")))


def nothing(raw: RawRequest, _: Random) -> RawRequest:
    return raw


CHANGES: tuple[Change, ...] = (
    in_target, in_body, in_value, in_value, in_name, another_header, no_header, method, nothing,
)  # fmt: skip


def lower(raw: RawRequest) -> RawRequest:
    """With the names of headers as servers give them: else nothing would be regular."""
    return replace(raw, headers=tuple((name.lower(), value) for name, value in raw.headers))


def bases(name: str) -> list[RawRequest]:
    """Signed requests: with a query, with a body, with both, with neither."""
    profile = load_scheme(name).profile
    found = [usual(name)]
    if "query" not in profile.must_be_empty:
        found += [request("GET", b"/v1/orders?symbol=BTC&limit=5&x="), request("DELETE", b"/v1/orders")]
    windowed = [signed(name, each, window=3000) for each in found] if profile.window else []
    return [lower(each) for each in (*(signed(name, each) for each in found), *windowed)]


@pytest.mark.parametrize("name", WRITTEN)
def test_both_ways_answer_alike(name: str) -> None:
    """Over regular requests and thousands that are spoilt: the same parts, or the same refusal."""
    scheme = load_scheme(name)
    random = Random(name)
    accepted = refused = 0
    for base in bases(name):
        for _ in range(600):
            raw = base
            for _ in range(random.choice((1, 1, 1, 2, 3))):
                raw = random.choice(CHANGES)(raw, random)
            expected = careful(scheme, raw)
            assert scheme.parts(raw) == expected, raw
            accepted += isinstance(expected, SignedParts)
            refused += isinstance(expected, Refusal)
    assert min(accepted, refused) > 100, (accepted, refused)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_comes_in_raises(name: str) -> None:
    """Whatever is spoilt in a request, its parts or a refusal come out, and the latter has a status of a client's."""
    scheme, random = load_scheme(name), Random(name)
    base = lower(signed(name))
    for _ in range(1_500):
        raw = base
        for _ in range(random.choice((1, 2, 4))):
            raw = random.choice((*CHANGES, noise))(raw, random)
        parts = scheme.parts(raw)
        refusal = scheme.verify(parts, None, 0) if isinstance(parts, SignedParts) else parts
        assert refusal is not None
        assert refusal.status in {400, 401}


def noise(raw: RawRequest, random: Random) -> RawRequest:
    """Any bytes as a body, and a method that is no text."""
    body = random.choice(
        (random.randbytes(40), b"[" * 5_000, b'{"params":' * 100, b'{"params":[1]}', b"null", b'"\\ud800"')
    )
    return replace(raw, body=body, method=random.choice(("\udce9", raw.method)))


@pytest.mark.parametrize("name", WRITTEN)
def test_a_regular_request_never_comes_to_the_careful_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a gateway would pay for both."""
    raws = bases(name)
    scheme = load_scheme(name)

    def fail(_: object) -> None:
        pytest.fail("the request was read the careful way")

    monkeypatch.setitem(vars(scheme)["parts"].__globals__, "careful", fail)
    for raw in raws:
        assert isinstance(scheme.parts(raw), SignedParts)
