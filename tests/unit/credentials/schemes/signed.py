"""Signed requests of every scheme, for the tests of them all."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes.credential import StaticCredential
from durwan.credentials.schemes.encodings import to_base64
from durwan.credentials.schemes.keys import HmacKey
from durwan.credentials.schemes.loading import load_scheme, scheme_names
from durwan.credentials.schemes.scheme import Scheme, SignedParts

# Vectors of others, which lie beside the checkout where it has them.
VECTORS = Path(__file__).parents[5] / "shared" / "vectors"
NOW = 1_772_442_000_000
PASSPHRASE = b"correct horse"
NAMES = scheme_names()


def vectors(name: str) -> dict[str, Any]:
    """The vectors of a file, or the test is skipped."""
    if not (VECTORS / name).exists():
        pytest.skip(f"the published vectors, {name}, are not here")
    found: dict[str, Any] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return found


def request(
    method: str = "POST",
    target: bytes = b"/v1/orders",
    body: bytes = b"",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> RawRequest:
    """A request that is not signed."""
    return RawRequest(method, target, ((b"host", b"api.example.com"), *headers), body, "192.0.2.7", NOW)


@cache
def key_of(name: str) -> HmacKey:
    """A key of a scheme."""
    scheme = load_scheme(name)
    secret = "s" * 48 if scheme.profile.secret == "utf-8" else to_base64(b"s" * 48).decode()  # noqa: S105 - of no account
    return scheme.secret_key(secret)


def credential_of(name: str) -> StaticCredential:
    """What verifies the requests of that key."""
    return StaticCredential((key_of(name),), PASSPHRASE)


def usual(name: str) -> RawRequest:
    """A request such as the scheme is for, with a body where it may have one."""
    covered = load_scheme(name).profile
    if name == "binance":
        return request(target=b"/v1/orders?symbol=BTCUSDT&side=BUY")
    if name == "kraken-spot":
        return request(body=b"pair=XBTUSD&type=buy")
    if any(place.kind == "message" for places in covered.places.values() for place in places):
        return request("GET", b"/ws", b'{"id":7}')
    return request(body=b'{"symbol":"BTC-PERP"}')


def signed(name: str, raw: RawRequest | None = None, **wishes: Any) -> RawRequest:
    """That request, or another, signed."""
    return load_scheme(name).sign(raw or usual(name), "desk-7", key_of(name), passphrase=PASSPHRASE, **wishes)


def parts_of(scheme: Scheme, raw: RawRequest) -> SignedParts:
    """The parts of a request that is not refused."""
    parts = scheme.parts(raw)
    assert isinstance(parts, SignedParts), parts
    return parts


def outcome(name: str, raw: RawRequest, now: int = NOW) -> str:
    """The code by which a request is refused, or `accepted`."""
    scheme = load_scheme(name)
    parts = scheme.parts(raw)
    refusal = scheme.verify(parts, credential_of(name), now) if isinstance(parts, SignedParts) else parts
    return "accepted" if refusal is None else refusal.code
