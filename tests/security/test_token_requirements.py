"""R31 to R36: tokens whose algorithm, key, claims, extensions or form are not what they have to be are refused."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from durwan.credentials.tokens.base64url import decoded, encoded
from durwan.credentials.tokens.claims import InvalidTokenRulesError, TokenRules
from durwan.credentials.tokens.compact import MOST_BYTES
from durwan.credentials.tokens.issuer_client import InvalidIssuerUrlError, IssuerClient
from durwan.credentials.tokens.jwk import key_of_jwk
from durwan.credentials.tokens.jwt_verifier import JwtVerifier
from durwan.credentials.tokens.key_set import TokenKeySet, read_key_set
from durwan.credentials.tokens.remote_key_set import LEAST_PAUSE, RemoteKeySet
from durwan.credentials.tokens.signatures import InvalidTokenKeyError
from durwan.credentials.tokens.token_keys import HmacKey, public_key
from tests.issuer_server import document, dripping_body, dripping_headers, endless_body, issuer_server, silent
from tests.tokens import (
    AUDIENCE,
    CLAIMS,
    HEADER,
    ISSUER,
    NOW,
    RULES,
    SECONDS,
    SECRET,
    Revoked,
    accepted,
    code,
    compact,
    der,
    ec_key,
    ed_key,
    jwk,
    key_set,
    pem,
    rsa_key,
    shared,
    ssh,
    token,
    verifier,
)


def test_the_token_that_is_spoilt_below_is_accepted() -> None:
    """What the tests of this file change is good before they change it."""
    assert accepted(verifier().verify(token())).subject == "trader-9"


def test_every_token_of_the_corpus_is_refused() -> None:
    """Each one that has to be refused is, and the one that may be accepted is."""
    found = shared("corpora/jwt_negative.json")
    rules = TokenRules(
        issuer=found["issuer"],
        audience=found["audience"],
        types=frozenset({"JWT", None}),
        required=frozenset(),
        longest=10**15,
    )
    judge = verifier(HmacKey(found["alg"], found["key_ascii"].encode()), rules=rules)
    outcomes = {each["name"]: code(judge.verify(each["token"])) for each in found["cases"]}
    good = {each["name"] for each in found["cases"] if not each["expected"].startswith("reject")}
    assert good == {"aud list with extra"}
    assert {name for name, outcome in outcomes.items() if outcome == "accepted"} == good
    assert len(outcomes) >= 29


# ------------------------------------------------------------------------------------------------- R31: the algorithm


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "", "hs256", "HS256 ", "HS384", "RS256", "ES256", ["HS256"], None, 1]
)
def test_an_algorithm_that_is_not_the_keys_own_is_refused(alg: object) -> None:
    """The algorithm of the header is the key's own, byte for byte, or the token is none, however it is signed."""
    assert code(verifier().verify(compact({**HEADER, "alg": alg}, CLAIMS))) == "token_invalid"


def test_a_token_without_signature_is_refused() -> None:
    """Neither no signature nor an empty one makes a token."""
    signed = token(header={**HEADER, "alg": "none"}).rpartition(".")[0]
    assert {code(verifier().verify(each)) for each in (signed, f"{signed}.", f"{signed}..")} == {"token_malformed"}


def test_a_public_key_is_no_secret() -> None:
    """A token signed with the public key's own text as the secret is refused, whichever text that is."""
    judge = verifier(public_key(pem(rsa_key()), "RS256"))
    assert code(judge.verify(token(header={**HEADER, "alg": "RS256"}, key=rsa_key()))) == "accepted"
    for form in _forms_of_public_keys().values():
        assert code(judge.verify(token(key=form))) == "token_invalid"


def test_a_key_is_for_one_algorithm() -> None:
    """A key verifies what is signed by its own algorithm, and nothing that is signed by another of the same kind."""
    judge = verifier(key_of_jwk(jwk(rsa_key()), "PS256"))
    assert code(judge.verify(token(header={**HEADER, "alg": "RS256"}, key=rsa_key()))) == "token_invalid"
    assert code(judge.verify(token(header={**HEADER, "alg": "PS256"}, key=rsa_key()))) == "token_invalid"


@pytest.mark.parametrize(
    ("alg", "make"),
    [
        ("ES256", lambda: pem(rsa_key())),
        ("RS256", lambda: pem(ec_key())),
        ("EdDSA", lambda: pem(ec_key())),
        ("ES384", lambda: pem(ec_key())),
        ("HS256", lambda: pem(ec_key())),
        ("none", lambda: pem(ec_key())),
    ],
)
def test_a_key_of_another_kind_is_refused_where_it_is_loaded(alg: str, make: Any) -> None:
    """An algorithm takes keys of its own kind and curve alone."""
    with pytest.raises(InvalidTokenKeyError):
        public_key(make(), alg)


def test_weak_keys_are_refused_where_they_are_loaded() -> None:
    """An RSA key of 1024 bits, or with the exponent 3, and an Ed25519 key of small order verify nothing."""
    small = {"kty": "OKP", "crv": "Ed25519", "x": encoded((1).to_bytes(32, "little"))}
    with pytest.raises(InvalidTokenKeyError, match="small order"):
        key_of_jwk(small, "EdDSA")
    with pytest.raises(InvalidTokenKeyError, match="exponent"):
        key_of_jwk({**jwk(rsa_key()), "e": "Aw"}, "RS256")
    with pytest.raises(InvalidTokenKeyError, match="2048"):
        key_of_jwk({**jwk(rsa_key()), "n": encoded(b"\xff" * 128)}, "RS256")


# -------------------------------------------------------------------------------------------- R32: where keys come from


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"])
def test_a_token_that_brings_a_key_is_refused(name: str) -> None:
    """No token says by which key it wants to be verified, and no configuration lets it."""
    values = {"jwk": jwk(ec_key()), "x5c": ["AAAA"]}
    assert (
        code(verifier().verify(token(header={**HEADER, name: values.get(name, "https://example.com/")})))
        == "token_invalid"
    )
    with pytest.raises(InvalidTokenRulesError):
        TokenRules(issuer=ISSUER, audience=AUDIENCE, headers=frozenset({name}))


@pytest.mark.parametrize(
    "kid",
    ["", "a" * 65, "../../dev/null", "x' UNION SELECT 'k", "a b", "k1\n", "k1\0", "ключ", None, 1, ["k1"], "K1", "k"],
)
def test_a_key_id_of_another_form_or_case_names_no_key(kid: object) -> None:
    """A key is found by its exact id, and an id has 1 to 64 plain characters."""
    judge = verifier(HmacKey("HS256", SECRET, "k1"), HmacKey("HS256", SECRET, "k2"))
    assert code(judge.verify(token(header={**HEADER, "kid": "k1"}))) == "accepted"
    assert code(judge.verify(token(header={**HEADER, "kid": kid}))) == "token_invalid"
    assert code(judge.verify(token())) == "token_invalid"


def test_two_keys_of_one_id_refuse_the_set() -> None:
    """A set in which an id stands twice is none: which of the two is meant, nobody can say."""
    with pytest.raises(InvalidTokenKeyError, match="same id"):
        TokenKeySet([HmacKey("HS256", SECRET, "k1"), HmacKey("HS256", SECRET[::-1], "k1")])
    with pytest.raises(InvalidTokenKeyError, match="same id"):
        read_key_set(key_set(jwk(ec_key(), kid="k1"), jwk(rsa_key(), kid="k1", use="enc")), {"ES256"})


def test_a_published_set_is_bounded_and_public() -> None:
    """More than 32 keys, or one that is secret, refuse the set."""
    with pytest.raises(InvalidTokenKeyError, match="32"):
        read_key_set(key_set(*(jwk(ec_key(), kid=f"k{each}") for each in range(33))), {"ES256"})
    assert len(read_key_set(key_set(*(jwk(ec_key(), kid=f"k{each}") for each in range(32))), {"ES256"})) == 32
    for secret in ({"d": "AAAA"}, {"kty": "oct", "k": "AAAA"}):
        with pytest.raises(InvalidTokenKeyError, match="secret"):
            read_key_set(key_set(jwk(ec_key(), kid="k1"), {**jwk(ec_key(), kid="k2"), **secret}), {"ES256"})


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example.com/keys",
        "http://127.0.0.1/keys",
        "ftp://issuer.example.com/",
        "file:///keys",
        "//x/keys",
        "https://",
        f"https://{'user'}@issuer.example.com/",
        f"https://{'u'}:p@issuer.example.com/",
        "https://issuer.example.com/#x",
        "https://issuer.example.com/a b",
        "https://issuer.example.com:99999/",
        "https://[::1",
        "",
    ],
)
def test_keys_are_fetched_over_tls_alone(url: str) -> None:
    """Neither without TLS nor with a name or a password in the address."""
    with pytest.raises(InvalidIssuerUrlError):
        RemoteKeySet(url, client=IssuerClient(), algorithms={"ES256"})


# What an issuer does wrong, and how long it may take us to find out, in seconds.
_BAD_ISSUERS = {
    "redirect": (document(b"", 302, location="/keys"), 1.0),
    "500": (document(b"{}", 500), 1.0),
    "ten megabytes": (endless_body, 1.0),
    "more than 64 KiB": (document(b" " * 65_537), 1.0),
    "slow body": (dripping_body, 1.0),
    "slow headers": (dripping_headers, 1.0),
    "no answer": (silent, 1.0),
    "no JSON": (document(b"<html>"), 1.0),
    "packed": (document(b"{}", content_encoding="gzip"), 1.0),
}


@pytest.mark.parametrize("fault", _BAD_ISSUERS)
def test_an_issuer_that_answers_badly_costs_little_and_changes_nothing(fault: str) -> None:
    """No redirect is followed, nothing long or slow is waited for, and the keys that were known still serve."""
    answer, most = _BAD_ISSUERS[fault]
    good = document(key_set(jwk(ec_key(), kid="k1")))
    now = [0]
    client = IssuerClient(deadline=0.4, allow_loopback_http=True)
    with issuer_server(good) as issuer:
        keys = RemoteKeySet(f"{issuer.url}/keys", client=client, algorithms={"ES256"}, clock=lambda: now[0])
        assert keys.find("k1") is not None
        issuer.answer = answer
        now[0] += LEAST_PAUSE
        began = time.monotonic()
        judge = _remote(keys)
        assert code(judge.verify(_signed("k2"))) == "keys_unavailable"
        assert time.monotonic() - began < most
        assert code(judge.verify(_signed("k1"))) == "accepted"
        assert (keys.fetches, len(issuer.asked)) == (2, 2)
        assert keys.fault is not None
        client.close()


def test_a_storm_of_unknown_ids_costs_two_fetches() -> None:
    """1,000 tokens whose key nobody knows ask the issuer once, beside the fetch that was there before."""
    client = IssuerClient(allow_loopback_http=True)
    with issuer_server(document(key_set(jwk(ec_key(), kid="k1")))) as issuer:
        now = [0]
        keys = RemoteKeySet(f"{issuer.url}/keys", client=client, algorithms={"ES256"}, clock=lambda: now[0])
        judge = _remote(keys)
        assert code(judge.verify(_signed("k1"))) == "accepted"
        now[0] += LEAST_PAUSE
        outcomes = {code(judge.verify(_signed(f"made-up-{each}"))) for each in range(1000)}
        assert outcomes == {"token_invalid"}
        assert len(issuer.asked) == 2
        client.close()


def _remote(keys: RemoteKeySet) -> JwtVerifier:
    return JwtVerifier(RULES, keys, clock=lambda: NOW)


def _signed(kid: str) -> str:
    return token(header={**HEADER, "alg": "ES256", "kid": kid}, key=ec_key())


# ---------------------------------------------------------------------------------------------------------- R33: claims

_INSTANTS_THAT_ARE_NONE: list[object] = [
    "9999999999",
    " 99999_99999 ",
    "٩٩٩٩٩٩٩٩٩٩",
    True,
    None,
    [SECONDS + 600],
    {},
    float(SECONDS + 600),
    1e20,
    -1,
    253_402_300_800,
]


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", _INSTANTS_THAT_ARE_NONE)
def test_an_instant_is_a_whole_number_in_range(name: str, value: object) -> None:
    """Nothing that merely can be read as an instant is one."""
    assert code(verifier().verify(token({**CLAIMS, name: value}))) == "token_invalid"


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e309", "NaN", "Infinity", "-Infinity", "0x7fffffff"])
def test_a_number_that_cannot_be_held_is_refused(number: str) -> None:
    """What JSON does not know, or no reader can hold exactly, ends the reading."""
    payload = json.dumps({**CLAIMS, "exp": 1}).replace('"exp": 1', f'"exp": {number}').encode()
    assert code(verifier().verify(compact(HEADER, payload))) == "token_malformed"


def test_the_bounds_of_time_are_exact() -> None:
    """A token is good until the millisecond before `exp`, from the very one of `nbf` and `iat`; leeway moves both."""
    now = [0]
    for leeway in (0, 30_000):
        rules = TokenRules(issuer=ISSUER, audience=AUDIENCE, leeway=leeway)
        judge = verifier(rules=rules, clock=lambda: now[0])
        signed = token({**CLAIMS, "nbf": SECONDS - 60})
        for instant, expected in {
            NOW + 600_000 + leeway - 1: "accepted",
            NOW + 600_000 + leeway: "token_expired",
            NOW - 60_000 - leeway: "accepted",
            NOW - 60_000 - leeway - 1: "token_invalid",
        }.items():
            now[0] = instant
            assert code(judge.verify(signed)) == expected
    with pytest.raises(InvalidTokenRulesError):
        TokenRules(issuer=ISSUER, audience=AUDIENCE, leeway=30_001)


def test_a_token_that_lives_too_long_is_refused() -> None:
    """The life of a token is counted from when it was issued or, where it does not say that, from now on."""
    rules = TokenRules(issuer=ISSUER, audience=AUDIENCE, longest=660_000, required=frozenset())
    judge = verifier(rules=rules)
    without = {name: value for name, value in CLAIMS.items() if name != "iat"}
    assert code(judge.verify(token())) == "accepted"
    assert code(judge.verify(token({**CLAIMS, "exp": SECONDS + 601}))) == "token_invalid"
    assert code(judge.verify(token({**without, "exp": SECONDS + 660}))) == "accepted"
    assert code(judge.verify(token({**without, "exp": SECONDS + 661}))) == "token_invalid"


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "sub", "client_id", "iat", "jti"])
def test_a_claim_that_has_to_be_there_is_missed(name: str) -> None:
    """RFC 9068's claims have to be there, each of them."""
    assert (
        code(verifier().verify(token({key: value for key, value in CLAIMS.items() if key != name}))) == "token_invalid"
    )


@pytest.mark.parametrize("issuer", ["", ISSUER[:-1], f"{ISSUER}/", f"{ISSUER} ", ISSUER.upper(), [ISSUER], None, 1])
def test_another_issuer_is_refused(issuer: object) -> None:
    """The issuer is ours character by character."""
    assert code(verifier().verify(token({**CLAIMS, "iss": issuer}))) == "token_invalid"


@pytest.mark.parametrize(
    "audience",
    [
        "",
        "gate",
        "gateway2",
        "Gateway",
        [],
        [""],
        ["other"],
        [["gateway"]],
        {"gateway": 1},
        ["gateway", 1],
        ["gateway", "gateway"],
        None,
        1,
    ],
)
def test_another_audience_is_refused(audience: object) -> None:
    """The audience is our name, or a list of names with ours among them; no part of a name counts."""
    assert code(verifier().verify(token({**CLAIMS, "aud": audience}))) == "token_invalid"
    assert code(verifier().verify(token({**CLAIMS, "aud": ["other", "gateway"]}))) == "accepted"


def test_the_payload_is_strict_json() -> None:
    """A byte order mark, UTF-16, a name twice, something else than an object, half a pair, text after the end: none."""
    good = json.dumps(CLAIMS).encode()
    for payload in (
        b"\xef\xbb\xbf" + good,
        json.dumps(CLAIMS).encode("utf-16"),
        good[:-1] + b', "exp": 9999999999}',
        good[:-1] + b', "e\\u0078p": 9999999999}',
        b"[" + good + b"]",
        b'"text"',
        good + b"{}",
        good[:-1] + b', "x": "\\ud800"}',
        good[:-1] + b', "x": "\xff"}',
        good[:-1] + b', "x": ' + b"[" * 33 + b"]" * 33 + b"}",
        good[:-1] + b', "x": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    ):
        assert code(verifier().verify(compact(HEADER, payload))) == "token_malformed", payload[:80]


@pytest.mark.parametrize("name", ["sub", "client_id", "jti"])
@pytest.mark.parametrize("value", ["", "s\0", "a\nb", "a\u202eb", "\x9b", "x" * 513, ["s"], 1, None, {}])
def test_an_identity_is_plain_text(name: str, value: object) -> None:
    """Who a token is about is text that can be seen, and nothing else."""
    assert code(verifier().verify(token({**CLAIMS, name: value}))) == "token_invalid"


@pytest.mark.parametrize("value", [["orders.read"], "a  b", " a", "a ", "a\tb", 'a"b', "a\\b", "é", 1, None, {}])
def test_scopes_are_one_text(value: object) -> None:
    """A list of scopes, or scopes that are divided in some other way, are refused and not guessed at."""
    assert code(verifier().verify(token({**CLAIMS, "scope": value}))) == "token_invalid"
    assert accepted(verifier().verify(token({**CLAIMS, "scope": "orders.readonly"}))).scopes == {"orders.readonly"}


def test_rules_that_make_no_sense_are_refused() -> None:
    """Rules without issuer, audience, type or life, or that ask for claims nobody reads, are none."""
    wrong: list[dict[str, Any]] = [
        {"issuer": ""},
        {"audience": ""},
        {"types": frozenset()},
        {"required": frozenset({"azp"})},
        {"longest": 0},
        {"leeway": -1},
        {"headers": frozenset({"kid"})},
    ]
    for each in wrong:
        settings: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, **each}
        with pytest.raises(InvalidTokenRulesError):
            TokenRules(**settings)


# ------------------------------------------------------------------------------------------------------ R34: extensions


@pytest.mark.parametrize(
    "further",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
        {"b64": True},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
        {"cty": "JWT"},
        {"nonce": "1"},
        {"typ": "JWT"},
        {"typ": "AT+JWT"},
        {"typ": "dpop+jwt"},
        {"typ": None},
        {"typ": ["at+jwt"]},
        {"x": 1},
    ],
)
def test_what_a_header_may_not_hold_is_refused(further: Mapping[str, object]) -> None:
    """Beside algorithm, key and the one type, a header holds nothing."""
    assert code(verifier().verify(token(header={**HEADER, **further}))) == "token_invalid"


def test_an_issuers_own_header_can_be_passed_over() -> None:
    """A parameter that the configuration names is not looked at; any other is refused as before."""
    rules = TokenRules(issuer=ISSUER, audience=AUDIENCE, headers=frozenset({"nonce"}))
    assert code(verifier(rules=rules).verify(token(header={**HEADER, "nonce": "1"}))) == "accepted"
    assert code(verifier(rules=rules).verify(token(header={**HEADER, "nonces": "1"}))) == "token_invalid"


def test_a_header_without_type_is_refused() -> None:
    """A token that does not say that it is an access token could be any other of the same issuer."""
    assert code(verifier().verify(token(header={"alg": "HS256"}))) == "token_invalid"
    assert code(verifier().verify(token(header={**HEADER, "typ": "application/at+jwt"}))) == "accepted"


# ------------------------------------------------------------------------------------------------------ R35: one form


def test_another_form_of_the_same_token_is_refused() -> None:
    """Padding, spaces, the other alphabet, unused bits, a dot more or less: none of it is the token."""
    good = token()
    header, payload, signature = good.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    following = signature[:-1] + last[last.index(signature[-1]) + 1]
    for spoilt in (
        f"{good}=",
        f" {good}",
        f"{good}\n",
        f"{good}.",
        f".{good}",
        f"{header}.{payload}",
        f"{header}..{signature}",
        f"{header}.{payload}.{following}",
        f"{header}.{payload}.{signature[:-1]}",
        f"{header}=.{payload}.{signature}",
        f"{header}.{payload}. {signature}",
        f"{header}.{payload[:-1]}+.{signature}",
        good.replace(".", "．"),
        "",
        ".",
        "..",
    ):
        assert code(verifier().verify(spoilt)) == "token_malformed", spoilt
        assert code(verifier().verify(spoilt.encode())) == "token_malformed", spoilt


def test_a_long_token_is_not_looked_at() -> None:
    """8 KiB are read; beyond them, the size alone is, however many dots there are."""
    filler = "x" * (MOST_BYTES * 3 // 4)
    long = token({**CLAIMS, "x": filler})
    assert len(long) > MOST_BYTES
    assert code(verifier().verify(long)) == "token_malformed"
    # Longest first: the payload grows by 4 characters at a time at most.
    fitting = next(
        each for size in range(len(filler), 0, -1) if len(each := token({**CLAIMS, "x": "x" * size})) <= MOST_BYTES
    )
    assert len(fitting) > MOST_BYTES - 4
    assert code(verifier().verify(fitting)) == "accepted"
    dots = "." * 1_000_000
    began = time.perf_counter()
    assert code(verifier().verify(dots)) == "token_malformed"
    assert time.perf_counter() - began < 0.001


def test_a_revoked_token_has_no_other_form_that_is_good() -> None:
    """Another signature of the same content is revoked with it, and so is its id in another token."""
    key = public_key(pem(ec_key()), "ES256")
    revoked = Revoked()
    judge = verifier(key, revoked=revoked)
    header = {**HEADER, "alg": "ES256"}
    first = token(header=header, key=ec_key())
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signed, _, signature = first.rpartition(".")
    raw = decoded(signature)
    other = f"{signed}.{encoded(raw[:32] + (order - int.from_bytes(raw[32:], 'big')).to_bytes(32, 'big'))}"
    assert other != first
    found = accepted(judge.verify(first))
    assert code(judge.verify(other)) == "accepted"
    revoked.ids.add(found.revocation_ids[0])
    assert [code(judge.verify(each)) for each in (first, other)] == ["token_revoked", "token_revoked"]
    revoked.ids = {found.revocation_ids[1]}
    renewed = token({**CLAIMS, "exp": SECONDS + 900}, header, ec_key())
    assert [code(judge.verify(each)) for each in (first, renewed)] == ["token_revoked", "token_revoked"]
    assert code(judge.verify(token({**CLAIMS, "jti": "t-2"}, header, ec_key()))) == "accepted"


def test_revocations_that_cannot_be_asked_for_deny() -> None:
    """A store of revocations that raises lets no token through."""
    revoked = Revoked()
    revoked.broken = True
    assert code(verifier(revoked=revoked).verify(token())) == "state_unavailable"


# --------------------------------------------------------------------------------------------------- R36: secret typing


def _forms_of_public_keys() -> dict[str, bytes]:
    """Public keys as they are written down: what a secret must not be."""
    found: dict[str, bytes] = {}
    for name, key in {"RSA": rsa_key(), "EC": ec_key(), "Ed25519": ed_key()}.items():
        text = pem(key)
        body = b"".join(text.splitlines()[1:-1])
        found |= {
            f"{name} PEM": text,
            f"{name} PEM, CRLF": text.replace(b"\n", b"\r\n"),
            f"{name} PEM after a byte order mark": b"\xef\xbb\xbf" + text,
            f"{name} PEM in UTF-16": text.decode().encode("utf-16"),
            f"{name} PEM after spaces": b"  \n" + text,
            f"{name} PEM after a comment": b"# our key\n" + text,
            f"{name} PEM without its lines": body,
            f"{name} DER": der(key),
            f"{name} DER in base64url": encoded(der(key)).encode(),
            f"{name} SSH": ssh(key),
            f"{name} SSH with options": b'no-pty,command="x" ' + ssh(key),
            f"{name} SSH blob": ssh(key).split()[1],
            f"{name} JWK": json.dumps(jwk(key)).encode(),
            f"{name} JWK after a byte order mark": b"\xef\xbb\xbf" + json.dumps(jwk(key)).encode(),
            f"{name} JWK in UTF-16": json.dumps(jwk(key)).encode("utf-16"),
            f"{name} JWKS": key_set(jwk(key, kid="k1")),
            f"{name} JWKS list": json.dumps([jwk(key)]).encode(),
        }
    return found


def test_a_secret_that_reads_as_another_key_is_refused() -> None:
    """PEM, DER, SSH, JWK and sets of them, whatever stands around them, are no secrets."""
    for form, text in _forms_of_public_keys().items():
        with pytest.raises(InvalidTokenKeyError) as caught:
            HmacKey("HS256", text.ljust(32, b"\n"))
        assert "reads as" in str(caught.value), form


def test_private_keys_and_certificates_are_no_secrets_either() -> None:
    """What is private in another way is refused as a shared secret, and as a public key."""
    forms = serialization.PrivateFormat
    for form in (forms.PKCS8, forms.TraditionalOpenSSL, forms.OpenSSH):
        text = ec_key().private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        with pytest.raises(InvalidTokenKeyError, match="PEM"):
            HmacKey("HS256", text)
        with pytest.raises(InvalidTokenKeyError, match="private"):
            public_key(text, "ES256")
    with pytest.raises(InvalidTokenKeyError, match="PEM"):
        HmacKey("HS256", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")


def test_a_random_secret_is_a_secret() -> None:
    """Random bytes, in whatever encoding people keep them, are taken, from the length of the hash on."""
    for _ in range(500):
        raw = secrets.token_bytes(64)
        for text in (raw, raw.hex().encode(), encoded(raw).encode(), b"12345678" * 8):
            HmacKey("HS512", text)
    for alg, size in {"HS256": 32, "HS384": 48, "HS512": 64}.items():
        HmacKey(alg, SECRET * 2)
        with pytest.raises(InvalidTokenKeyError, match=f"{size} bytes"):
            HmacKey(alg, (SECRET * 2)[: size - 1])
