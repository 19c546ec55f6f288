"""No token, proof, key or secret shows in what anybody may come to see: answers, errors, texts of objects, logs."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durwan.credentials.tokens.base64url import encoded
from durwan.credentials.tokens.compact import read_compact
from durwan.credentials.tokens.dpop import DpopNonces, DpopVerifier
from durwan.credentials.tokens.introspection import ClientSecret, Introspection
from durwan.credentials.tokens.issuer_client import IssuerClient
from durwan.credentials.tokens.jwk import key_of_jwk
from durwan.credentials.tokens.jwt_verifier import JwtVerifier
from durwan.credentials.tokens.key_set import read_key_set
from durwan.credentials.tokens.opaque import Grant, OpaqueTokens
from durwan.credentials.tokens.remote_key_set import RemoteKeySet
from durwan.credentials.tokens.revocation import IssuerRevocation
from durwan.credentials.tokens.token_keys import HmacKey, public_key
from durwan.errors import DurwanError
from tests.issuer_server import Answering, document, issuer_server
from tests.tokens import (
    AUDIENCE,
    CLAIMS,
    HEADER,
    NOW,
    RULES,
    SECONDS,
    Records,
    Replays,
    compact,
    ec_key,
    jwk,
    token,
    verifier,
)

CANARY = "canary7f3bSecret0f32BytesOrEvenMore"
KEY = CANARY.encode()


def shows(text: str, *secrets: str) -> list[str]:
    """Which of the secrets, or the canary in any form, a text shows."""
    forms = [CANARY, KEY.hex(), encoded(KEY), *secrets]
    return [form for form in forms if form in text]


def all_texts(thing: object) -> str:
    return f"{thing!r} {thing!s} {thing}"


TOKENS: dict[str, Callable[[], str]] = {
    "good": lambda: token({**CLAIMS, "note": CANARY}, key=KEY),
    "expired": lambda: token({**CLAIMS, "exp": SECONDS, "note": CANARY}, key=KEY),
    "other issuer": lambda: token({**CLAIMS, "iss": CANARY}, key=KEY),
    "other audience": lambda: token({**CLAIMS, "aud": CANARY}, key=KEY),
    "odd scope": lambda: token({**CLAIMS, "scope": [CANARY]}, key=KEY),
    "odd id": lambda: token({**CLAIMS, "jti": [CANARY]}, key=KEY),
    "odd instant": lambda: token({**CLAIMS, "exp": CANARY}, key=KEY),
    "odd binding": lambda: token({**CLAIMS, "cnf": CANARY}, key=KEY),
    "odd header": lambda: token(header={**HEADER, "jwk": CANARY}, key=KEY),
    "odd type": lambda: token(header={**HEADER, "typ": CANARY}, key=KEY),
    "odd algorithm": lambda: token(header={**HEADER, "alg": CANARY}, key=KEY),
    "odd key id": lambda: token(header={**HEADER, "kid": CANARY}, key=KEY),
    "wrong signature": lambda: token({**CLAIMS, "note": CANARY}),
    "no json": lambda: compact(HEADER, KEY, KEY),
    "twice": lambda: compact(HEADER, f'{{"{CANARY}": 1, "{CANARY}": 2}}'.encode(), KEY),
    "no token": lambda: CANARY,
    "no base64": lambda: f"{CANARY}=.{CANARY}.{CANARY}",
    "long": lambda: CANARY * 1000,
}


@pytest.mark.parametrize("name", TOKENS)
def test_no_answer_shows_its_token(
    name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever is wrong with a token, as an access token, a proof, one of our own: neither answer nor log shows it."""
    caplog.set_level(logging.DEBUG)
    text = TOKENS[name]()
    own = OpaqueTokens(Records(), issuer="durwan", audience=AUDIENCE, hashing_secret=KEY, clock=lambda: NOW)
    answers = [
        verifier(HmacKey("HS256", KEY)).verify(text),
        DpopVerifier(Replays(), clock=lambda: NOW).verify(text, method="GET", uri="https://example.com/", token=text),
        own.verify(text),
        own.narrow(text, {CANARY}, lifetime=1),
    ]
    signature = text.rpartition(".")[2]
    found = " ".join(map(all_texts, answers)) + caplog.text + "".join(capfd.readouterr())
    assert shows(found, text, *([signature] if signature else [])) == []


def _things() -> Iterator[object]:
    """Everything that holds a secret, or a token."""
    yield HmacKey("HS256", KEY)
    yield public_key_of_canary()
    yield read_compact(token({**CLAIMS, "note": CANARY}, key=KEY))
    yield verifier(HmacKey("HS256", KEY))
    yield verifier(HmacKey("HS256", KEY)).verify(token({**CLAIMS, "sub": CANARY, "jti": CANARY}, key=KEY))
    yield ClientSecret("gateway", CANARY)
    yield DpopNonces(KEY, clock=lambda: NOW)
    client = IssuerClient()
    secret = ClientSecret("gateway", CANARY)
    yield IssuerRevocation(f"https://example.com/?{CANARY}", client=client, credentials=secret)
    yield RemoteKeySet(f"https://example.com/?{CANARY}", client=client, algorithms={"ES256"})
    yield Introspection("https://example.com/", RULES, client=client, credentials=secret, clock=lambda: NOW)
    own = OpaqueTokens(Records(), issuer="durwan", audience=AUDIENCE, hashing_secret=KEY, clock=lambda: NOW)
    yield own
    issued = own.issue(Grant(subject="s", scopes=frozenset(), lifetime=1))
    assert issued.text not in all_texts(issued)
    yield issued


def public_key_of_canary() -> object:
    return key_of_jwk(jwk(ec_key()), "ES256")


def test_no_text_of_an_object_shows_its_secret() -> None:
    """Neither `repr` nor `str` of anything here shows what it holds."""
    for thing in _things():
        assert shows(all_texts(thing)) == [], type(thing)


def test_a_secret_is_not_pickled() -> None:
    """A key that is shared does not leave its process by accident."""
    with pytest.raises(TypeError, match="copied"):
        pickle.dumps(HmacKey("HS256", KEY))


def _errors() -> Iterator[Callable[[], object]]:
    """Wrong configuration, of every kind, with the canary in it."""
    yield lambda: HmacKey("HS256", KEY[:20])
    yield lambda: HmacKey("HS256", json.dumps({"k": CANARY}).encode())
    yield lambda: HmacKey("HS256", KEY, f"{CANARY}!")
    yield lambda: public_key(KEY, "ES256")
    yield lambda: public_key(b"-----BEGIN PRIVATE KEY-----" + KEY, "ES256")
    yield lambda: key_of_jwk({"kty": "EC", "d": CANARY}, "ES256")
    yield lambda: key_of_jwk({"kty": CANARY}, "ES256")
    yield lambda: key_of_jwk({"kty": "EC", "crv": "P-256", "x": CANARY, "y": CANARY}, "ES256")
    yield lambda: read_key_set(KEY, {"ES256"})
    yield lambda: read_key_set(json.dumps({"keys": [{"kid": CANARY, "k": CANARY}]}).encode(), {"ES256"})
    yield lambda: DpopNonces(KEY[:20], clock=lambda: NOW)
    yield lambda: IssuerClient().check_url(f"https://{'user'}:{CANARY}@example.com/")
    yield lambda: IssuerClient().check_url(f"http://example.com/?{CANARY}")


def test_no_error_shows_its_secret() -> None:
    """Neither the text nor the traceback of an error, nor those it came from, shows what was wrong."""
    count = 0
    for attempt in _errors():
        count += 1
        with pytest.raises(DurwanError) as caught:
            attempt()
        error = caught.value
        text = all_texts(error) + "".join(traceback.format_exception(error))
        while error.__cause__ is not None:
            error = error.__cause__  # type: ignore[assignment]
            text += all_texts(error)
        assert shows(text) == []
    assert count == 13


@pytest.mark.parametrize("answer", [document(KEY), document(KEY, 500), document(b'{"active": "' + KEY + b'"}')])
def test_an_exchange_shows_nothing(answer: Answering, caplog: pytest.LogCaptureFixture) -> None:
    """Asking an issuer logs neither the token, nor our secret, nor the answer; nor do the libraries below."""
    caplog.set_level(logging.DEBUG)
    client = IssuerClient(deadline=1, allow_loopback_http=True)
    secret = ClientSecret("gateway", CANARY)
    found: list[Any] = []
    with issuer_server(answer) as issuer:
        asking = Introspection(f"{issuer.url}/i", RULES, client=client, credentials=secret, clock=lambda: NOW)
        found.append(asking.verify(CANARY))
        keys = RemoteKeySet(f"{issuer.url}/keys", client=client, algorithms={"ES256"})
        found.append(verifier_of(keys).verify(token(header={**HEADER, "alg": "ES256", "kid": "k"}, key=ec_key())))
        found.append(keys.fault)
        try:
            IssuerRevocation(f"{issuer.url}/r", client=client, credentials=secret).revoke(CANARY)
        except DurwanError as error:
            found += [error, *traceback.format_exception(error)]
        client.close()
    basic = next(headers["authorization"] for _, _, headers, _ in issuer.asked if "authorization" in headers)
    assert shows(" ".join(map(all_texts, found)) + caplog.text, basic.partition(" ")[2]) == []


def verifier_of(keys: RemoteKeySet) -> Any:
    return JwtVerifier(RULES, keys, clock=lambda: NOW)
