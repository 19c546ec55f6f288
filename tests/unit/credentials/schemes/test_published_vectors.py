"""The examples that exchanges publish, each as a request that comes in."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from durwan.credentials.raw_request import RawRequest
from durwan.credentials.schemes.credential import StaticCredential
from durwan.credentials.schemes.encodings import to_base64
from durwan.credentials.schemes.keys import Ed25519Key
from durwan.credentials.schemes.loading import load_scheme, read_scheme
from durwan.credentials.schemes.scheme import Scheme, SignedParts
from tests.unit.credentials.schemes.signed import parts_of, vectors

FILE = "exchange_docs_vectors.json"


def http(method: str, target: str, headers: dict[str, str], body: str = "") -> RawRequest:
    pairs = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return RawRequest(method, target.encode(), pairs, body.encode(), "192.0.2.7", 0)


def message(**members: Any) -> RawRequest:
    content = json.dumps(members, ensure_ascii=False).encode()
    return RawRequest("GET", b"/ws", (), content, "192.0.2.7", 0)


BITMEX_NONCE = """{
  "scheme": "bitmex-nonce", "remarks": ["The scheme of old, with a rising nonce."],
  "algorithms": {"hmac-sha256": {"encoding": "hex"}},
  "places": {"key": {"header": "api-key"}, "signature": {"header": "api-signature"}, "nonce": {"header": "api-nonce"}},
  "signed": {"join": "", "pieces": ["method", "target", "nonce", "body"]},
  "nonce": {"rule": "rising", "below": "18446744073709551616"}
}"""
BITGO = """{
  "scheme": "bitgo-v3",
  "algorithms": {"hmac-sha256": {"encoding": "hex"}},
  "places": {"key": {"header": "X-Key"}, "signature": {"header": "HMAC"}, "timestamp": {"header": "Auth-Timestamp"}},
  "signed": {"join": "|", "pieces": ["method", "timestamp", {"text": "3.0"}, "target", "body"]},
  "timestamp": {
    "unit": "milliseconds", "past": {"milliseconds": 60000, "inclusive": true},
    "future": {"milliseconds": 60000, "inclusive": true}
  },
  "nonce": {"rule": "message"}
}"""


def case(  # noqa: PLR0911, PLR0915, C901 - some lines an exchange, to be read side by side
    vector: dict[str, Any],
) -> tuple[Scheme, RawRequest, int]:
    """The scheme of a vector, the request whose signature it is, and an instant at which it is accepted."""
    name: str = vector["id"]
    signature: str = vector["signature"]
    asked: dict[str, Any] = vector["request"] or {}
    text: str = vector.get("signed_message", "")
    target = asked.get("path", "") + (f"?{asked['query']}" if asked.get("query") else "")
    headers: dict[str, str] = asked.get("headers", {})
    body: str = asked.get("body", "")
    kind = name.partition("-")[0]
    match kind:
        case "binance" if asked.get("transport") == "ws":
            pairs = dict(pair.split("=", 1) for pair in text.split("&"))
            given = {**pairs, "timestamp": int(pairs["timestamp"]), "recvWindow": int(pairs["recvWindow"])}
            raw = message(id=1, method=asked["method"], params={**given, "signature": signature})
            return load_scheme("binance-websocket"), raw, 1_645_423_376_532
        case "binance":
            place = body + "&signature=" + signature if body else ""
            target = target if body else f"{target}&signature={signature}"
            raw = http("POST", target, {"X-MBX-APIKEY": "key", **headers}, place)
            return load_scheme("binance"), raw, 1_499_827_319_559
        case "kraken":
            return load_scheme("kraken-spot"), http("POST", target, {"API-Key": "k", "API-Sign": signature}, body), 0
        case "bitmex" if name.startswith("bitmex-nonce"):
            verb = "GET" if text.startswith("GET") else "POST"
            nonce = next(each for each in ("1429631577690", "1429631577995") if each in text)
            path, _, content = text.removeprefix(verb).partition(nonce)
            raw = http(verb, path, {"api-key": "k", "api-nonce": nonce, "api-signature": signature}, content)
            return read_scheme(BITMEX_NONCE), raw, 0
        case "bitmex":
            raw = http(asked["method"], target, {**headers, "api-signature": signature}, body)
            return load_scheme("bitmex"), raw, int(headers["api-expires"]) * 1000
        case "deribit" if asked.get("transport") == "ws":
            given = {each: asked[each] for each in ("client_id", "timestamp", "nonce", "data")}
            raw = message(jsonrpc="2.0", method="public/auth", params={**given, "signature": signature})
            return load_scheme("deribit-websocket"), raw, asked["timestamp"]
        case "deribit":
            return load_scheme("deribit"), http("GET", target, headers), 1_576_074_319_000
        case "gate":
            raw = http(asked["method"], target, {**headers, "SIGN": signature}, body)
            return load_scheme("gate"), raw, 1_541_993_715_000
        case "kucoin":
            # The documents print no passphrase of this example; ours is sent as they say that one is.
            code = to_base64(load_scheme("kucoin").secret_key(vector["secret"]).sign(b"phrase")).decode()
            extra = {"KC-API-SIGN": signature, "KC-API-KEY-VERSION": "2", "KC-API-PASSPHRASE": code}
            return load_scheme("kucoin"), http("POST", target, {**headers, **extra}, body), 1_547_015_186_532
        case "bitvavo" if name == "bitvavo-ws":
            raw = message(action="authenticate", key="k", signature=signature, timestamp=1_548_175_200_641)
            return load_scheme("bitvavo-websocket"), raw, 1_548_175_200_641
        case "bitvavo":
            at, verb, path = text[:13], "POST", "/v2/order"
            own = {"Bitvavo-Access-Key": "k", "Bitvavo-Access-Timestamp": at, "Bitvavo-Access-Signature": signature}
            return load_scheme("bitvavo"), http(verb, path, own, text.split(path)[1]), int(at)
        case "okx":
            own = {"OK-ACCESS-KEY": "k", "OK-ACCESS-SIGN": signature, "OK-ACCESS-PASSPHRASE": "phrase"}
            return load_scheme("okx"), http("GET", target, {**headers, **own}), 1_607_418_537_715
        case "bybit" if name == "bybit-ws":
            return (
                load_scheme("bybit-websocket"),
                message(op="auth", args=["k", 1_700_000_000_000, signature]),
                1_700_000_000_000,
            )
        case "bybit":
            own = {"X-BAPI-API-KEY": "test_api_key", "X-BAPI-TIMESTAMP": "1700000000000", "X-BAPI-RECV-WINDOW": "5000"}
            content = text.removeprefix("1700000000000test_api_key5000")
            target = "/v5/order" if content.startswith("{") else f"/v5/order?{content}"
            sent = content if content.startswith("{") else ""
            return (
                load_scheme("bybit"),
                http("POST", target, {**own, "X-BAPI-SIGN": signature}, sent),
                1_700_000_000_000,
            )
        case "bitgo":
            own = {"X-Key": "k", "HMAC": signature, "Auth-Timestamp": "1672531200000"}
            return read_scheme(BITGO), http("POST", "/api/test", own, "request-body"), 1_672_531_200_000
        case _:
            raise AssertionError(name)


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vectors(FILE)["vectors"]
    return [each for each in found if each["id"] != "binance-fix-logon-ed25519"]


def test_every_published_example_is_accepted_and_no_other_signature() -> None:
    """What is signed is byte for byte what the exchange's documents say, and one other bit of it is refused."""
    for vector in cases():
        scheme, raw, now = case(vector)
        parts = parts_of(scheme, raw)
        if "signed_message" in vector:
            assert parts.message == vector["signed_message"].encode(), vector["id"]
        key = scheme.secret_key(vector["secret"])
        credential = StaticCredential((key,), b"phrase")
        assert scheme.verify(parts, credential, now) is None, vector["id"]
        parts.message = bytes([parts.message[0] ^ 1]) + parts.message[1:]
        refusal = scheme.verify(parts, credential, now)
        assert refusal is not None
        assert refusal.code == "signature_invalid"


def test_all_examples_but_one_are_requests() -> None:
    """There are 24 examples; the logon by FIX is no HTTP, and is verified by its key alone."""
    found = vectors(FILE)["vectors"]
    assert (len(found), len(cases())) == (24, 23)
    logon = next(each for each in found if each["id"] == "binance-fix-logon-ed25519")
    key = Ed25519Key(bytes.fromhex(logon["public_key_raw_hex"]))
    assert key.verify(base64.b64decode(logon["signature"]), logon["signed_message"].encode())


@pytest.mark.parametrize("upper", [False, True])
def test_hexadecimal_of_binance_has_no_case(upper: bool) -> None:
    """Its documents say that HMAC signatures may be in upper case; Bybit's do not."""
    for name, expected in (("binance-rest-hmac-ascii", True), ("bybit-post", not upper)):
        vector = next(each for each in cases() if each["id"] == name)
        signature = vector["signature"].upper() if upper else vector["signature"]
        scheme, raw, now = case({**vector, "signature": signature})
        parts = scheme.parts(raw)
        credential = StaticCredential((scheme.secret_key(vector["secret"]),))
        accepted = isinstance(parts, SignedParts) and scheme.verify(parts, credential, now) is None
        assert accepted is expected
