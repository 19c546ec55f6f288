"""Asking the issuer what a token is, and telling it that one is not to be accepted any more."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from threading import Timer
from typing import Any
from urllib.parse import parse_qs

import pytest

from durwan.credentials.tokens.claims import TokenRules
from durwan.credentials.tokens.introspection import ClientSecret, Introspection, InvalidIntrospectionError
from durwan.credentials.tokens.issuer_client import InvalidIssuerUrlError, IssuerClient, IssuerUnavailableError
from durwan.credentials.tokens.jwk import thumbprint_of
from durwan.credentials.tokens.revocation import IssuerRevocation
from tests.issuer_server import Handler, Issuer, document, issuer_server, silent
from tests.tokens import AUDIENCE, ISSUER, NOW, SECONDS, Revoked, accepted, code, ec_key, jwk, token

RULES = TokenRules(issuer=ISSUER, audience=AUDIENCE, required=frozenset({"sub"}))
ACTIVE: dict[str, Any] = {
    "active": True,
    "aud": AUDIENCE,
    "sub": "trader-9",
    "exp": SECONDS + 600,
    "scope": "orders.read",
    "client_id": "terminal",
}


class Bench:
    """An issuer on the loopback that answers questions, and a clock."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.now = NOW
        self.revoked = Revoked()
        self.client = IssuerClient(deadline=0.4, allow_loopback_http=True)
        self.secret = ClientSecret("gate way", "p:ss/wörd")
        self.says(**ACTIVE)
        self.asking = self.made()

    def made(self, **options: Any) -> Introspection:
        settings: dict[str, Any] = {
            "rules": RULES,
            "client": self.client,
            "credentials": self.secret,
            "clock": lambda: self.now,
            "revoked": self.revoked,
            **options,
        }
        return Introspection(
            f"{self.issuer.url}/introspect",
            **settings,
        )

    def says(self, **members: Any) -> None:
        self.issuer.answer = document(json.dumps(members).encode())

    def code(self, text: str = "opaque") -> str:
        return code(self.asking.verify(text))


@pytest.fixture
def bench() -> Iterator[Bench]:
    with issuer_server(silent) as issuer:
        bench = Bench(issuer)
        yield bench
        bench.client.close()


def test_an_active_token_is_accepted(bench: Bench) -> None:
    """What the issuer says is what the token says; the question is a form, under our own name and secret."""
    found = accepted(bench.asking.verify("opaque+/=="))
    assert found.context() == {
        "issuer": ISSUER,
        "subject": "trader-9",
        "kind": "bearer",
        "audience": [AUDIENCE],
        "scopes": ["orders.read"],
        "expires": NOW + 600_000,
    }
    method, path, headers, body = bench.issuer.asked[0]
    assert (method, path, headers["content-type"]) == ("POST", "/introspect", "application/x-www-form-urlencoded")
    assert parse_qs(body.decode()) == {"token": ["opaque+/=="], "token_type_hint": ["access_token"]}
    scheme, _, pair = headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair)) == ("Basic", b"gate+way:p%3Ass%2Fw%C3%B6rd")


@pytest.mark.parametrize(
    "members",
    [
        {"active": False},
        {"active": "true"},
        {"active": 1},
        {"active": [True]},
        {"active": None},
        {"aud": "other"},
        {"aud": None},
        {"iss": "https://other.example.com"},
        {"exp": None},
        {"exp": "9999999999"},
        {"scope": ["orders.read"]},
        {"sub": ["trader-9"]},
        {"nbf": SECONDS + 1},
        {"cnf": {"x5t#S256": "A" * 43}},
        {"exp": SECONDS + 90_000},
    ],
)
def test_an_answer_that_is_not_good_refuses(bench: Bench, members: dict[str, Any]) -> None:
    """Active means `true` itself, and everything else is held to the rules that a JWT is held to."""
    bench.says(**{**ACTIVE, **members})
    assert bench.code() == "token_invalid"


def test_claims_that_have_to_be_there_are_missed(bench: Bench) -> None:
    """An answer without audience, end or subject is none, and one without `active` is not either."""
    for name in ("aud", "exp", "sub", "active"):
        bench.says(**{key: value for key, value in ACTIVE.items() if key != name})
        assert bench.code(f"t-{name}") == "token_invalid"
    bench.says(**{**ACTIVE, "exp": SECONDS})
    assert bench.code() == "token_expired"


@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "é", "a,b", "=a", "x" * 8193, "a\0"])
def test_a_text_that_is_no_token_is_not_asked_about(bench: Bench, text: str) -> None:
    """What cannot be a bearer token is refused without a question."""
    assert bench.code(text) == "token_malformed"
    assert bench.issuer.asked == []


def test_an_answer_is_remembered_for_its_time(bench: Bench) -> None:
    """Good or bad, it is asked for again when it is as old as it may be, to the very millisecond."""
    for text, expected in {"good": "accepted", "bad": "token_invalid"}.items():
        bench.issuer.asked.clear()
        bench.says(**{**ACTIVE, "active": text == "good"})
        began = bench.now
        for now, questions in {0: 1, 999: 1, 1000: 2, 1999: 2, 2000: 3}.items():
            bench.now = began + now
            assert bench.code(text) == expected
            assert len(bench.issuer.asked) == questions


def test_an_answer_is_not_remembered_beyond_the_tokens_end(bench: Bench) -> None:
    """Whatever is remembered, a token is none from its end on."""
    bench.says(**{**ACTIVE, "exp": SECONDS + 1})
    bench.asking = bench.made(max_age=60_000)
    assert bench.code() == "accepted"
    bench.now += 999
    assert bench.code() == "accepted"
    bench.now += 1
    assert bench.code() == "token_expired"
    assert len(bench.issuer.asked) == 1


def test_an_answer_of_the_future_is_not_remembered(bench: Bench) -> None:
    """Where the clock is set back, the issuer is asked again."""
    assert bench.code() == "accepted"
    bench.now -= 1
    assert bench.code() == "accepted"
    assert len(bench.issuer.asked) == 2


def test_a_revocation_is_not_masked(bench: Bench) -> None:
    """What we revoke is refused at once, though the issuer's answer is remembered; doubt refuses as well."""
    bench.asking = bench.made(max_age=60_000)
    found = accepted(bench.asking.verify("opaque"))
    bench.revoked.ids.add(found.revocation_ids[0])
    assert bench.code() == "token_revoked"
    bench.revoked.broken = True
    assert bench.code() == "state_unavailable"
    assert len(bench.issuer.asked) == 1


def test_another_signature_of_a_revoked_token_is_asked_about_and_refused(bench: Bench) -> None:
    """A token that is remembered speaks for no other with the same content; one revoked does."""
    first = token()
    other = f"{first.rpartition('.')[0]}.AAAA"
    bench.revoked.ids.add(accepted(bench.asking.verify(first)).revocation_ids[0])
    assert bench.code(other) == "token_revoked"
    assert len(bench.issuer.asked) == 2


def test_what_is_forgotten_is_asked_for_again(bench: Bench) -> None:
    """After the issuer revoked a token at our word, its old answer is not used."""
    assert bench.code() == "accepted"
    bench.asking.forget("opaque")
    bench.says(active=False)
    assert bench.code() == "token_invalid"


def test_made_up_tokens_do_not_drive_out_good_ones(bench: Bench) -> None:
    """The memory is bounded, and the bad answers have one of their own."""
    bench.asking = bench.made(most=10, max_age=60_000)
    assert bench.code() == "accepted"
    bench.says(active=False)
    assert {bench.code(f"made-up-{each}") for each in range(50)} == {"token_invalid"}
    assert bench.code() == "accepted"
    assert len(bench.issuer.asked) == 51


@pytest.mark.parametrize(
    "answer",
    [
        document(b"", 500),
        document(b"", 302, location="/introspect"),
        document(b"[]"),
        document(b'{"active": true, "active": true}'),
        document(b" " * 70_000),
        document(b'{"active": tru'),
        silent,
        document(json.dumps(ACTIVE).encode(), 201),
    ],
)
def test_an_outage_denies(bench: Bench, answer: Any) -> None:
    """No answer, or none that can be used, refuses; what is remembered serves on for its time."""
    assert bench.code("known") == "accepted"
    bench.issuer.answer = answer
    assert bench.code() == "issuer_unavailable"
    assert bench.code("known") == "accepted"


def test_an_outage_holds_up_one_request_at_a_time(bench: Bench) -> None:
    """After a failure, nobody asks for half a second; then one finds out whether the issuer is back."""
    bench.issuer.answer = silent
    assert bench.code() == "issuer_unavailable"
    began = time.monotonic()
    assert {bench.code(f"t-{each}") for each in range(100)} == {"issuer_unavailable"}
    assert time.monotonic() - began < 0.3
    assert len(bench.issuer.asked) == 1
    bench.now += 500
    bench.says(**ACTIVE)
    assert bench.code() == "accepted"
    assert len(bench.issuer.asked) == 2


def test_an_event_loop_is_not_held_up(bench: Bench) -> None:
    """Many tokens are asked about at once."""

    def slowly(handler: Handler) -> None:
        time.sleep(0.1)
        document(json.dumps(ACTIVE).encode())(handler)

    async def run() -> list[str]:
        bench.issuer.answer = slowly
        return [
            code(each) for each in await asyncio.gather(*(bench.asking.verify_async(f"t-{each}") for each in range(8)))
        ]

    began = time.monotonic()
    assert asyncio.run(run()) == ["accepted"] * 8
    assert time.monotonic() - began < 0.4
    bench.issuer.answer = silent
    assert code(asyncio.run(bench.asking.verify_async("other"))) == "issuer_unavailable"
    assert code(asyncio.run(bench.asking.verify_async("a b"))) == "token_malformed"


def test_wrong_settings_are_refused(bench: Bench) -> None:
    """Numbers out of bounds, and addresses without TLS."""
    for options in ({"max_age": 60_001}, {"max_age": -1}, {"pause": -1}, {"most": 0}):
        with pytest.raises(InvalidIntrospectionError):
            bench.made(**options)
    with pytest.raises(InvalidIssuerUrlError):
        IssuerRevocation("http://issuer.example.com/", client=bench.client, credentials=bench.secret)


def test_a_token_bound_to_a_key_says_so(bench: Bench) -> None:
    """The issuer's word on the key that a token is bound to is kept."""
    bench.says(**{**ACTIVE, "cnf": {"jkt": thumbprint_of(jwk(ec_key()))}, "token_type": "DPoP"})
    assert accepted(bench.asking.verify("opaque")).kind == "dpop"


def test_a_token_is_revoked_at_its_issuer(bench: Bench) -> None:
    """It is told by a form, under our own name and secret, and only its own yes is one."""
    revoking = IssuerRevocation(f"{bench.issuer.url}/revoke", client=bench.client, credentials=bench.secret)
    bench.issuer.answer = document(b"")
    revoking.revoke("opaque")
    asyncio.run(revoking.revoke_async("refresh", hint="refresh_token"))
    method, path, headers, body = bench.issuer.asked[0]
    assert (method, path) == ("POST", "/revoke")
    assert headers["authorization"].startswith("Basic ")
    assert parse_qs(body.decode()) == {"token": ["opaque"], "token_type_hint": ["access_token"]}
    assert parse_qs(bench.issuer.asked[1][3].decode())["token_type_hint"] == ["refresh_token"]
    for answer in (
        document(b"", 503),
        document(b'{"error": "unsupported_token_type"}', 400),
        document(b"", 302),
        silent,
    ):
        bench.issuer.answer = answer
        with pytest.raises(IssuerUnavailableError):
            revoking.revoke("opaque")
    with pytest.raises(ValueError, match="hint"):
        revoking.revoke("opaque", hint="id_token")


def test_a_client_that_is_closed_meanwhile_denies(bench: Bench) -> None:
    """Whoever waits when the client is closed is refused, with and without an event loop; none of them hangs."""
    bench.issuer.answer = silent
    closing = Timer(0.1, bench.client.close)
    closing.start()
    assert bench.code() == "issuer_unavailable"
    closing.join()
    bench.now += 500

    async def run() -> str:
        asyncio.get_running_loop().call_later(0.1, bench.client.close)
        return code(await bench.asking.verify_async("opaque"))

    assert asyncio.run(run()) == "issuer_unavailable"


def test_a_caller_that_is_cancelled_is_cancelled(bench: Bench) -> None:
    """That somebody gives up waiting is no answer of the issuer's."""

    async def run() -> None:
        bench.issuer.answer = silent
        waiting = asyncio.ensure_future(bench.asking.verify_async("opaque"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(run())
