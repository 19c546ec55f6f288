"""Profiles: a scheme is a file, and a mistake in one names its line and what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from durwan.credentials.schemes.credential import StaticCredential
from durwan.credentials.schemes.keys import HmacKey
from durwan.credentials.schemes.loading import load_scheme, read_scheme, scheme_names
from durwan.credentials.schemes.profile_node import ProfileError
from durwan.credentials.schemes.scheme import UnsignableError
from tests.unit.credentials.schemes.signed import NAMES, NOW, outcome, parts_of, request, signed

NEW_EXCHANGE = """{
  "scheme": "example-exchange",
  "remarks": ["An exchange that nobody has written code for."],
  "algorithms": {"hmac-sha384": {"encoding": "hex", "case": "lower"}},
  "secret": {"decoding": "utf-8", "least_bytes": 16},
  "places": {
    "key": {"header": "X-Example-Key"},
    "signature": {"header": "X-Example-Signature"},
    "timestamp": {"query": "ts"}
  },
  "signed": {"join": "&", "pieces": [
    "method", "path", "query", {"hash": "sha384", "form": "hex", "pieces": ["body"]}, "timestamp"
  ]},
  "timestamp": {
    "unit": "milliseconds",
    "past": {"milliseconds": 2000, "inclusive": false},
    "future": {"milliseconds": 0, "inclusive": true}
  },
  "nonce": {"rule": "message"}
}"""


def test_a_new_exchange_is_a_file() -> None:
    """A scheme that is read from a text signs and verifies, with its own window."""
    scheme = read_scheme(NEW_EXCHANGE)
    key = scheme.secret_key("0123456789abcdef")
    raw = scheme.sign(request(body=b"anything"), "k1", key)
    parts = parts_of(scheme, raw)
    assert parts.message.startswith(b"POST&/v1/orders&ts=1772442000000&")
    credential = StaticCredential((key,))
    outcomes = [scheme.verify(parts, credential, NOW + each) for each in (-1, 0, 1999, 2000)]
    assert [each and each.code for each in outcomes] == ["timestamp_ahead", None, None, "timestamp_expired"]


def test_these_schemes_come_with_durwan() -> None:
    """Each that the issue names, and the WebSocket logins of some."""
    assert set(scheme_names()) >= {
        "binance", "binance-websocket", "bitfinex", "bitget", "bitmex", "bitvavo", "bybit", "coinbase-exchange",
        "deribit", "deribit-websocket", "durwan", "gate", "kraken-futures", "kraken-spot", "kucoin", "okx", "rfc9421",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_is_signed_by_a_profile_is_accepted_by_it(name: str) -> None:
    """And says what it is, with where the scheme is described."""
    assert outcome(name, signed(name)) == "accepted"
    assert repr(load_scheme(name)) == f"<Scheme: {name}>"
    assert load_scheme(name).profile.remarks


def changed(**fields: Any) -> str:
    """The profile of the new exchange with some fields replaced, or taken away by None."""
    profile = {**json.loads(NEW_EXCHANGE), **fields}
    return json.dumps({name: value for name, value in profile.items() if value is not None}, indent=1)


PLACES = json.loads(NEW_EXCHANGE)["places"]
SHA1 = "sha1"
CLOCK = json.loads(NEW_EXCHANGE)["timestamp"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "profile:1:2: "),
        ('{"scheme": "a", "scheme": "b"}', "twice|already|given"),
        (changed(schema="x"), r"profile:\d+:\d+: schema is not known: did you mean `scheme`\?"),
        (changed(scheme=None), "the profile lacks `scheme`"),
        (changed(scheme=1), "scheme has to be text"),
        (changed(algorithms={}), "algorithms names at least one algorithm"),
        (changed(algorithms={"hmac-md5": {"encoding": "hex"}}), "hmac-md5 is no algorithm: there are hmac-sha256"),
        (
            changed(algorithms={"hmac-sha256": {"encoding": "base32"}}),
            "encoding has to be one of hex, base64, base64url",
        ),
        (changed(algorithms={"hmac-sha256": {"encoding": "base64", "case": "any"}}), "case is for hexadecimal alone"),
        (
            changed(algorithms={"hmac-sha512": {"encoding": "hex"}, "ed25519": {"encoding": "base64"}}),
            "look alike different forms: hmac-sha512 and ed25519",
        ),
        (changed(secret={"decoding": "hex", "least_bytes": 1}), "secret.decoding has to be one of utf-8, base64"),
        (
            changed(secret={"decoding": "utf-8", "least_bytes": 0}),
            "least_bytes has to be a whole number from 1 to 1024",
        ),
        (changed(places={**PLACES, "token": {"header": "x"}}), "places.token is not known"),
        (changed(places={**PLACES, "key": {"cookie": "x"}}), "cookie is not known"),
        (changed(places={**PLACES, "key": {}}), "places.key is one of header, query"),
        (changed(places={**PLACES, "key": {"header": "X Key"}}), "ASCII without spaces"),
        (changed(places={**PLACES, "key": {"message": []}}), "has to be a path"),
        (changed(places={"key": PLACES["key"], "signature": PLACES["signature"]}), "needs a place for `timestamp`"),
        (changed(places={**PLACES, "nonce": {"header": "n"}}), "has no use for a place for `nonce`"),
        (changed(places={**PLACES, "key": {"authorization": "id"}}), "needs `authorization_word`"),
        (changed(places={**PLACES, "signature": [{"header": "s"}, {"query": "s"}]}), "either a parameter or not"),
        (changed(signed=None), "either `signed`, the pieces that are signed, or `covers`"),
        (changed(signed={"join": "", "pieces": []}), "pieces has to name what is signed"),
        (changed(signed={"join": "", "pieces": ["verb"]}), r"pieces\[0\] has to be one of method, path"),
        (changed(signed={"join": "", "pieces": [{"md5": "body"}]}), r"pieces\[0\] has to be a field"),
        (changed(signed={"join": "", "pieces": [{"text": "a", "of": 1}]}), "of is not known"),
        (changed(signed={"join": "", "pieces": ["method", "path", "body"]}), "tells of the query nowhere: name it in"),
        (changed(not_signed=["method"]), "tells of the method signed and not_signed"),
        (changed(not_signed=["trailer"]), "what is no part of a request"),
        (
            changed(must_be_empty=["path"], signed={"join": "", "pieces": ["method", "target", "body"]}),
            "tells of the path",
        ),
        (
            changed(timestamp=None, places={k: v for k, v in PLACES.items() if k != "timestamp"}),
            "neither `timestamp` nor",
        ),
        (changed(timestamp={**CLOCK, "unit": "days"}), "timestamp.unit has to be one of seconds"),
        (changed(timestamp={**CLOCK, "past": {"milliseconds": 60001, "inclusive": True}}), "from 0 to 60000"),
        (changed(timestamp={**CLOCK, "past": {"milliseconds": True, "inclusive": True}}), "a whole number"),
        (changed(timestamp={**CLOCK, "past": {"milliseconds": 5, "inclusive": 1}}), "has to be true or false"),
        (changed(timestamp={**CLOCK, "future": {"milliseconds": 0, "inclusive": False}}), "lets nothing through"),
        (changed(nonce={"rule": "never"}), "nonce.rule has to be one of once, rising, message"),
        (changed(nonce={"rule": "rising", "below": "0"}), "below is a whole number"),
        (changed(nonce={"rule": "rising", "below": 5}), "below has to be text"),
        (changed(nonce={"rule": "once", "least": 9, "most": 8, "characters": "base64url"}), "from 1 to 8"),
        (changed(passphrase=SHA1), "passphrase has to be one of plain, hmac"),
        (changed(body="xml"), "body has to be one of json"),
        (changed(remarks="text"), "remarks has to be a list"),
        ("[]", "the profile has to be a mapping"),
    ],
)
def test_a_mistake_in_a_profile_is_explained(text: str, message: str) -> None:
    """With its line, and with what to write instead."""
    with pytest.raises(ProfileError, match=message):
        read_scheme(text)


RFC: dict[str, Any] = {
    "scheme": "x",
    "algorithms": {"ed25519": {"encoding": "base64"}},
    "covers": {"always": [], "with_body": []},
    "timestamp": {**CLOCK, "unit": "seconds"},
    "nonce": {"rule": "message"},
}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"timestamp": CLOCK}, "in seconds: RFC 9421 has no other"),
        ({"nonce": {"rule": "rising", "below": "9"}}, "no place for"),
        ({"algorithms": {"ed25519": {"encoding": "hex"}}}, "in base64 here"),
        ({"signed": {"join": "", "pieces": ["body"]}}, "either `signed`"),
    ],
)
def test_a_mistake_in_a_profile_of_message_signatures_is_explained(fields: dict[str, Any], message: str) -> None:
    """What RFC 9421 fixes cannot be said otherwise."""
    read_scheme(json.dumps(RFC))
    with pytest.raises(ProfileError, match=message):
        read_scheme(json.dumps({**RFC, **fields}))


def test_a_scheme_that_is_not_there_is_told() -> None:
    """With those that are."""
    with pytest.raises(ProfileError, match=r"there is no scheme 'binanse': there are binance"):
        load_scheme("binanse")
    with pytest.raises(ProfileError, match="there is no scheme"):
        load_scheme("../profile")


def test_what_cannot_be_signed_is_told() -> None:
    """A key for another algorithm, or a request that the scheme would refuse."""
    with pytest.raises(UnsignableError, match="has no hmac-sha512"):
        load_scheme("durwan").sign(request(), "k", HmacKey(b"s" * 32, "hmac-sha512"))
    with pytest.raises(UnsignableError, match="cannot be signed: the scheme does not sign the query"):
        load_scheme("bitfinex").sign(request(target=b"/a?b=1"), "k", HmacKey(b"s" * 32, "hmac-sha384"))
