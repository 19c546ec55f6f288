"""What a client is told."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from durwan.credentials.identity import Identity
from durwan.credentials.refusals import CODES, Refusal, refuse
from durwan.gateways.answer import About, Answer, Answers
from durwan.gateways.profiles import COARSE, EXACT, OPAQUE, PROFILES, Shown, StatusProfile
from durwan.gateways.upstream import NAMES, identity_headers, is_identity_header, without_identity
from durwan.model.decision import Decision, Outcome, Remedy
from durwan.program.nodes import TRUE
from durwan.program.program import Body, Limit

NOBODY = About()


def decision(**fields: Any) -> Decision:
    plain: dict[str, Any] = {"effect": "deny", "rule": "r", "status": 403, "code": "scope_missing", "reason": "no"}
    return Outcome(**(plain | fields)).until(None)


def header(answer: Answer, name: bytes) -> list[bytes]:
    return [value for each, value in answer.headers if each == name]


def problem(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


def limit() -> Limit:
    return Limit(
        name="order_rate", actions=("a",), body=Body(when=TRUE), order=0, count=Decimal(50), period=10_000, cost=TRUE,
        per=("key.id",), status=429, code="rate_limited", reason="slow down",
    )  # fmt: skip


def test_a_refusal_is_a_problem() -> None:
    """RFC 9457: the body says what is wrong, by which code, and which decision to ask support about."""
    answer = Answers().refused("d1", refuse("ip_not_allowed"), NOBODY)
    assert (answer.allowed, answer.status, answer.code) == (False, 403, "ip_not_allowed")
    assert header(answer, b"content-type") == [b"application/problem+json"]
    assert header(answer, b"cache-control") == [b"no-store"]
    assert problem(answer) == {
        "type": "about:blank", "title": "Forbidden", "status": 403, "code": "ip_not_allowed", "decision_id": "d1",
        "detail": "the credential may not be used from this address",
    }  # fmt: skip


def test_codes_may_have_pages() -> None:
    """The type of a problem is the address of the page of its code."""
    answers = Answers(problems="https://api.example.com/problems/")
    assert problem(answers.refused("d", refuse("route_unknown"), NOBODY))["type"].endswith("/problems/route_unknown")


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
@pytest.mark.parametrize("code", CODES)
def test_every_code_has_an_answer_in_every_profile(code: str, profile: StatusProfile) -> None:
    """The exact code is kept for the operator; a client sees an error and a code; 401 says what to show."""
    answer = Answers(profile=profile).refused("d", refuse(code), NOBODY)
    assert answer.code == code
    assert 400 <= answer.status < 600
    assert problem(answer)["status"] == answer.status
    named = code in {"scope_missing", "token_malformed"}
    assert bool(header(answer, b"www-authenticate")) == (answer.status == 401 or named)


def test_a_coarse_profile_tells_no_reasons_apart() -> None:
    """Whoever tries keys sees one answer for all that fails with a status."""
    seen = {
        (answer.status, problem(answer)["code"], problem(answer)["detail"], answer.headers[3:])
        for code in ("signature_invalid", "credential_revoked", "timestamp_expired", "session_invalid")
        for answer in [Answers(profile=COARSE).refused("d", refuse(code), NOBODY)]
    }
    assert len(seen) == 1


def test_an_opaque_profile_does_not_tell_whether_a_key_is_known() -> None:
    """403 is 401, with the same code, the same text and the same challenge."""
    known = Answers(profile=OPAQUE).refused("d", decision(code="ip_not_allowed"), NOBODY)
    unknown = Answers(profile=OPAQUE).refused("d", refuse("signature_invalid"), NOBODY)
    assert (known.status, known.body, known.headers) == (unknown.status, unknown.body, unknown.headers)


def test_a_profile_may_name_single_codes() -> None:
    """What is said of a code goes before what is said of its status."""
    profile = StatusProfile(name="venue", codes={"ip_not_allowed": Shown(401, "-2015")}, statuses=COARSE.statuses)
    assert profile.shown(403, "ip_not_allowed", "why") == (401, "-2015", "why")
    assert profile.shown(403, "scope_missing", "why")[1] == "forbidden"
    assert EXACT.shown(403, "scope_missing", "why") == (403, "scope_missing", "why")


def test_nobody_is_told_of_an_error_who_showed_nothing() -> None:
    """RFC 6750, section 3.1: without a credential there is a challenge, and no error."""
    answer = Answers(realm="orders").refused("d", refuse("credential_missing"), NOBODY)
    assert header(answer, b"www-authenticate") == [b'Bearer realm="orders"']


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("token_expired", b'error="invalid_token"'),
        ("token_malformed", b'error="invalid_request"'),
        ("scope_missing", b'error="insufficient_scope"'),
    ],
)
def test_why_a_token_does_not_do(code: str, error: bytes) -> None:
    """RFC 6750 has a word for each."""
    answer = Answers().refused("d", refuse(code), NOBODY)
    assert header(answer, b"www-authenticate") == [b'Bearer realm="api", ' + error]


def test_a_proof_is_asked_for_in_its_own_scheme() -> None:
    """RFC 9449: the errors of proofs stand with DPoP alone."""
    answer = Answers(schemes=("Bearer", "DPoP")).refused("d", refuse("proof_nonce_required"), NOBODY)
    assert header(answer, b"www-authenticate") == [b'Bearer realm="api"', b'DPoP realm="api", error="use_dpop_nonce"']


def test_a_second_factor_is_asked_for() -> None:
    """RFC 9470: which authentication is needed, and how old it may be: the shortest of what is asked."""
    remedies = (Remedy(kind="mfa", within=300_000), Remedy(kind="mfa", within=60_000), Remedy(kind="login"))
    why = decision(effect="challenge", status=401, code="mfa_required", remedies=remedies)
    answer = Answers().refused("d", why, NOBODY)
    assert header(answer, b"www-authenticate") == [
        b'Bearer realm="api", error="insufficient_user_authentication", acr_values="mfa", max_age="60"'
    ]
    assert problem(answer)["remedies"] == [remedy.as_dict() for remedy in remedies]


def test_a_profile_may_keep_remedies_to_itself() -> None:
    """Then neither body nor challenge tells of them."""
    why = decision(effect="challenge", status=401, code="mfa_required", remedies=(Remedy(kind="mfa", within=1000),))
    answer = Answers(profile=OPAQUE).refused("d", why, NOBODY)
    assert b"mfa" not in answer.body + b"".join(header(answer, b"www-authenticate"))


def test_a_used_up_limit_says_when_and_which() -> None:
    """`Retry-After` is whole seconds, rounded up; the RateLimit fields name the limit."""
    why = decision(rule="order_rate", status=429, code="rate_limited", retry_after=1.2)
    answer = Answers().refused("d", why, NOBODY, limit=limit())
    assert header(answer, b"retry-after") == [b"2"]
    assert header(answer, b"ratelimit-policy") == [b'"order_rate";q=50;w=10']
    assert header(answer, b"ratelimit") == [b'"order_rate";r=0;t=2']
    assert problem(answer)["violated-policies"] == ["order_rate"]
    assert problem(answer)["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"


def test_waiting_is_never_no_time() -> None:
    """A client that is told to wait waits at least a second; one that is not told has no header."""
    assert header(Answers().refused("d", refuse("rate_limited", retry_after=0.0), NOBODY), b"retry-after") == [b"1"]
    assert header(Answers().refused("d", refuse("rate_limited"), NOBODY), b"retry-after") == []


def test_methods_that_there_are() -> None:
    """RFC 9110: 405 comes with `Allow`."""
    refusal = Refusal("method_not_allowed", 405, "no", methods=("GET", "POST"))
    assert header(Answers().refused("d", refusal, NOBODY), b"allow") == [b"GET, POST"]


@pytest.mark.parametrize("realm", ['a"b', "a\\b", "a\r\nb", "ä"])
def test_a_realm_that_cannot_stand_in_a_header(realm: str) -> None:
    """It is refused when the gateway starts, not escaped when somebody is refused."""
    with pytest.raises(ValueError, match="printable ASCII"):
        Answers(realm=realm)


@pytest.mark.parametrize("name", [b"X-Durwan-Key", b"x_durwan_key", b"X.Durwan-Session", b"x-durwan-anything"])
def test_identity_headers_in_every_form(name: bytes) -> None:
    """What a client sends by such a name is taken out, in any case and with underscores and dots for hyphens."""
    assert is_identity_header(name)
    assert without_identity(((name, b"forged"), (b"accept", b"*/*"))) == ((b"accept", b"*/*"),)


def test_every_identity_header_is_always_set() -> None:
    """Also those with nothing to say; what is not printable is encoded."""
    found = identity_headers(
        Identity(address="2001:db8::1", key="desk\r\n7 %é"),
        "orders.create",
        "d1",
        decision(obligations={"max": Decimal("1.5")}),
    )
    assert tuple(name for name, _ in found) == NAMES
    said = dict(found)
    assert said[b"x-durwan-key"] == b"desk%0D%0A7%20%25%C3%A9"
    assert said[b"x-durwan-subject"] == b""
    assert said[b"x-durwan-obligations"] == b'{"max":"1.5"}'
    assert said[b"x-durwan-address"] == b"2001:db8::1"
