"""Proofs of possession: the examples of RFC 9449, and everything that makes a proof none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from durwan.credentials.tokens.dpop import (
    DpopNonces,
    DpopVerifier,
    InvalidProofRulesError,
    Proof,
    check_binding,
    token_hash,
)
from durwan.credentials.tokens.jwk import thumbprint_of
from durwan.credentials.tokens.signatures import InvalidTokenKeyError
from tests.tokens import (
    CLAIMS,
    HEADER,
    NOW,
    SECONDS,
    Replays,
    accepted,
    code,
    compact,
    ec_key,
    ed_key,
    jwk,
    rsa_key,
    token,
    verifier,
)

# RFC 9449, sections 4.1 (at the token endpoint), 7.1 (at a resource) and 6.1 (the thumbprint of their key).
RFC_HEADER = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
)
RFC_AT_TOKEN_ENDPOINT = (
    RFC_HEADER + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva"
    "2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3"
    "Lg"
)
RFC_AT_RESOURCE = (
    RFC_HEADER
    + "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm"
    "90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9"
    ".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
RFC_ACCESS = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
RFC_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

METHOD = "POST"
URI = "https://api.example.com/v1/orders"
ACCESS = "opaque-token"
PROOF: dict[str, Any] = {"htm": METHOD, "htu": URI, "iat": SECONDS, "jti": "p-1", "ath": token_hash(ACCESS)}


def proof(*, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A proof with some claims changed; a claim that is `...` is left out."""
    private = ec_key() if key is None else key
    named = {ec_key(): "ES256", rsa_key(): "RS256"}.get(private, "EdDSA")
    members = {name: value for name, value in {**PROOF, **claims}.items() if value is not ...}
    return compact({"typ": "dpop+jwt", "alg": named, "jwk": jwk(private), **(header or {})}, members, private)


def judge(replays: Replays | None = None, **options: Any) -> DpopVerifier:
    settings: dict[str, Any] = {"clock": lambda: NOW, **options}
    return DpopVerifier(replays or Replays(), **settings)


def outcome(text: str, method: str = METHOD, uri: str = URI, given: str | None = ACCESS, **options: Any) -> str:
    found = judge(**options).verify(text, method=method, uri=uri, token=given)
    return "accepted" if isinstance(found, Proof) else found.code


def test_the_proofs_of_the_standard() -> None:
    """Both are accepted once, for their own request and time; their key has the thumbprint that is printed."""
    judging = judge(clock=lambda: 1_562_262_618_000)
    at_token = {"method": "POST", "uri": "https://server.example.com/token"}
    at_resource = {"method": "GET", "uri": "https://resource.example.org/protectedresource"}
    assert judging.verify(RFC_AT_TOKEN_ENDPOINT, **at_token) == Proof(RFC_THUMBPRINT)
    assert judging.verify(RFC_AT_RESOURCE, **at_resource, token=RFC_ACCESS) == Proof(RFC_THUMBPRINT)
    assert code(judging.verify(RFC_AT_RESOURCE, **at_resource, token=RFC_ACCESS)) == "nonce_replayed"
    assert token_hash(RFC_ACCESS) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_a_proof_is_accepted_once() -> None:
    """The second time, a proof is refused, and so is another one with its id and key; another key's is not."""
    replays = Replays()
    judging = judge(replays)

    def again(text: str) -> str:
        found = judging.verify(text, method=METHOD, uri=URI, token=ACCESS)
        return "accepted" if isinstance(found, Proof) else found.code

    assert [again(proof()), again(proof()), again(proof(iat=SECONDS - 1))] == [
        "accepted",
        "nonce_replayed",
        "nonce_replayed",
    ]
    assert again(proof(key=ed_key())) == "accepted"
    assert all(expires > NOW + 60_000 for expires in replays.seen.values())


@pytest.mark.parametrize(
    "claims",
    [
        {"htm": "GET"},
        {"htm": "post"},
        {"htm": ...},
        {"htm": ["POST"]},
        {"htu": "https://api.example.com/v1/order"},
        {"htu": "https://api.example.com/v1/orders/"},
        {"htu": "https://api.example.com/v1/%6frders"},
        {"htu": "http://api.example.com/v1/orders"},
        {"htu": "https://api.example.com:444/v1/orders"},
        {"htu": "https://api.example.com.test/v1/orders"},
        {"htu": URI.replace("//", "//u@")},
        {"htu": "/v1/orders"},
        {"htu": ...},
        {"htu": [URI]},
        {"ath": ...},
        {"ath": token_hash("other")},
        {"ath": token_hash(ACCESS) + "="},
        {"iat": ...},
        {"iat": str(SECONDS)},
        {"iat": float(SECONDS)},
        {"iat": True},
        {"iat": SECONDS - 61},
        {"iat": SECONDS + 6},
        {"iat": -1},
        {"iat": 10**18},
        {"jti": ...},
        {"jti": ""},
        {"jti": 1},
        {"jti": "x" * 257},
    ],
)
def test_a_proof_for_something_else_is_refused(claims: dict[str, Any]) -> None:
    """Another method, address, token or time, or no id, is no proof for this request; nothing is remembered of it."""
    replays = Replays()
    assert outcome(proof(**claims), replays=replays) == "proof_invalid"
    assert replays.seen == {}


def test_the_bounds_of_time_are_exact() -> None:
    """A proof is good up to the very millisecond of its greatest age, and of its greatest lead."""
    for now, expected in {
        NOW + 60_000: "accepted",
        NOW + 60_001: "proof_invalid",
        NOW - 5_000: "accepted",
        NOW - 5_001: "proof_invalid",
    }.items():
        assert outcome(proof(), clock=lambda now=now: now) == expected


def test_addresses_that_are_the_same_are_the_same() -> None:
    """The case of scheme and host, the usual port, and what follows ? or # make no difference."""
    for same in (
        "HTTPS://API.example.com/v1/orders",
        "https://api.example.com:443/v1/orders",
        f"{URI}?a=1",
        f"{URI}#x",
    ):
        assert outcome(proof(htu=same)) == "accepted"
        assert outcome(proof(), uri=same) == "accepted"
    assert outcome(proof(htu="https://api.example.com"), uri="https://api.example.com/") == "accepted"


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": "at+jwt"},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"kid": "k1"},
        {"crit": ["exp"]},
        {"jku": "https://example.com/"},
        {"jwk": None},
        {"jwk": "x"},
        {"jwk": {}},
        {"jwk": jwk(ec_key(), d="AAAA")},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jwk": jwk(ed_key())},
        {"jwk": jwk(ec_key(), alg="ES384")},
    ],
)
def test_a_proof_of_another_kind_is_refused(header: dict[str, Any]) -> None:
    """The type, the algorithm and the key of a proof have to be those of a proof."""
    assert outcome(proof(header=header)) == "proof_invalid"


def test_a_proof_signed_by_another_key_is_refused() -> None:
    """What the key of the header has not signed is no proof, and what is no token at all is none either."""
    assert (
        outcome(compact({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk(ed_key())}, PROOF, ec_key())) == "proof_invalid"
    )
    for text in ("", "..", "a.b.c", proof() + "=", "x" * 9000, "é.é.é"):
        assert outcome(text) == "proof_invalid"
    assert (
        outcome(compact({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(ec_key())}, b"[]", ec_key())) == "proof_invalid"
    )


def test_algorithms_are_those_that_are_asked_for() -> None:
    """A proof by an algorithm that is not configured is refused; one for secrets cannot be configured."""
    assert outcome(proof(key=rsa_key())) == "proof_invalid"
    assert outcome(proof(key=rsa_key()), algorithms={"RS256"}) == "accepted"
    with pytest.raises(InvalidTokenKeyError):
        judge(algorithms={"HS256"})
    wrong: list[dict[str, Any]] = [{"max_age": 0}, {"max_age": 300_001}, {"leeway": 30_001}, {"leeway": -1}]
    for options in wrong:
        with pytest.raises(InvalidProofRulesError):
            judge(**options)


def test_a_proof_at_a_token_endpoint_is_for_no_token() -> None:
    """Where no token comes with it, a proof that names one is for another request."""
    assert outcome(proof(ath=...), given=None) == "accepted"
    assert outcome(proof(), given=None) == "proof_invalid"


def test_nonces_serve_for_this_period_and_the_next() -> None:
    """A proof needs the nonce that was given; which one, another process with the same secret knows as well."""
    now = [NOW]
    nonces = DpopNonces(b"n" * 32, clock=lambda: now[0])
    given = DpopNonces(b"n" * 32, clock=lambda: now[0]).fresh()
    assert outcome(proof(), nonces=nonces) == "proof_nonce_required"
    for wrong in ("", "x", given + "x", 1, None, "é", DpopNonces(b"m" * 32, clock=lambda: now[0]).fresh()):
        assert outcome(proof(nonce=wrong), nonces=nonces) == "proof_nonce_required"
    assert outcome(proof(nonce=given), nonces=nonces) == "accepted"
    now[0] += 60_000
    assert outcome(proof(nonce=given), nonces=nonces) == "accepted"
    now[0] += 60_000
    assert outcome(proof(nonce=given), nonces=nonces) == "proof_nonce_required"
    for secret, period in ((b"n" * 31, 1), (b"n" * 32, 0)):
        with pytest.raises(InvalidProofRulesError):
            DpopNonces(secret, clock=lambda: NOW, period=period)


def test_a_store_that_fails_denies() -> None:
    """A proof whose first use cannot be shown is refused."""
    replays = Replays()
    replays.broken = True
    assert outcome(proof(), replays=replays) == "state_unavailable"


def test_token_and_proof_belong_together() -> None:
    """A bound token needs the proof of its own key; a proof with a token that is bound to nothing is refused."""
    mine, other = thumbprint_of(jwk(ec_key())), thumbprint_of(jwk(ed_key()))
    bound = accepted(verifier().verify(token({**CLAIMS, "cnf": {"jkt": mine}})))
    bearer = accepted(verifier().verify(token()))
    assert (bound.kind, bearer.kind) == ("dpop", "bearer")
    assert check_binding(bound, Proof(mine)) is None
    assert check_binding(bearer, None) is None
    for pair in ((bound, None), (bound, Proof(other)), (bearer, Proof(mine))):
        assert code(check_binding(*pair)) == "proof_invalid"


@pytest.mark.parametrize(
    "confirmation",
    [{}, None, "x", {"jkt": "x"}, {"jkt": 1}, {"jkt": "A" * 43, "x5t#S256": "A" * 43}, {"x5t#S256": "A" * 43}],
)
def test_a_binding_that_cannot_be_checked_is_refused(confirmation: object) -> None:
    """A token that is bound in another way, or in two, is not taken for one that is bound to nothing."""
    assert code(verifier().verify(token({**CLAIMS, "cnf": confirmation}, HEADER))) == "token_invalid"


def test_a_proof_says_nothing_of_itself() -> None:
    """A nonce secret shows in no text."""
    assert "nnn" not in repr(DpopNonces(b"n" * 32, clock=lambda: NOW))
    assert json.dumps(PROOF)
