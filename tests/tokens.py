"""Tokens for tests: signed by `cryptography` and `hmac` directly, in any form, right or wrong."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from durwan.credentials.tokens.base64url import encoded
from durwan.credentials.tokens.claims import TokenRules
from durwan.credentials.tokens.jwt_verifier import JwtVerifier
from durwan.credentials.tokens.key_set import TokenKeySet
from durwan.credentials.tokens.token_keys import HmacKey, TokenKey
from durwan.credentials.tokens.verified import Clock, Outcome, RevokedTokens, VerifiedToken

# Vectors of others, which lie beside the checkout where it has them.
SHARED = Path(__file__).parents[2] / "shared"
NOW = 1_772_442_000_000
SECONDS = NOW // 1000
ISSUER = "https://issuer.example.com"
AUDIENCE = "gateway"
SECRET = b"k3y-of-thirty-two-bytes-for-test"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "trader-9",
    "client_id": "terminal",
    "iat": SECONDS - 60,
    "exp": SECONDS + 600,
    "jti": "t-1",
    "scope": "orders.read orders.write",
}
HEADER: dict[str, Any] = {"alg": "HS256", "typ": "at+jwt"}
RULES = TokenRules(issuer=ISSUER, audience=AUDIENCE)


def shared(name: str) -> Any:
    """A file of vectors, or the test is skipped."""
    if not (SHARED / name).exists():
        pytest.skip(f"the file of vectors {name} is not here")
    return json.loads((SHARED / name).read_text(encoding="utf-8"))


def compact(header: bytes | Mapping[str, Any], payload: bytes | Mapping[str, Any], key: Any = SECRET) -> str:
    """A token of any header and payload, signed by a secret (HS256) or by the private key's own algorithm."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signing_input = ".".join(map(encoded, parts))
    return f"{signing_input}.{encoded(signature(key, signing_input.encode()))}"


def signature(key: Any, message: bytes) -> bytes:
    """HS256, RS256, ES256 or EdDSA, as the key is."""
    if isinstance(key, bytes):
        return hmac.digest(key, message, "sha256")
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return b"".join(
        each.to_bytes(32, "big") for each in decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    )


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, bits)


def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def pem(private: Any) -> bytes:
    """The public half of a key as PEM."""
    form: bytes = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return form


def der(private: Any) -> bytes:
    """The public half of a key as DER."""
    form: bytes = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return form


def ssh(private: Any) -> bytes:
    """The public half of a key as OpenSSH writes it."""
    form: bytes = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return form


def jwk(private: Any, **further: Any) -> dict[str, Any]:
    """The public half of a key as a JWK."""
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        size = (public.key_size + 7) // 8
        members = {"kty": "RSA", "n": encoded(numbers.n.to_bytes(size, "big")), "e": "AQAB"}
    elif isinstance(public, ed25519.Ed25519PublicKey):
        members = {"kty": "OKP", "crv": "Ed25519", "x": encoded(public.public_bytes_raw())}
    else:
        point = public.public_numbers()
        x, y = (encoded(each.to_bytes(32, "big")) for each in (point.x, point.y))
        members = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    return {**members, **further}


def key_set(*jwks: Mapping[str, Any]) -> bytes:
    """The document that an issuer publishes."""
    return json.dumps({"keys": jwks}).encode()


def verifier(
    *keys: TokenKey, rules: TokenRules = RULES, clock: Clock = lambda: NOW, revoked: RevokedTokens | None = None
) -> JwtVerifier:
    """A verifier of our issuer's tokens; without keys, that of `SECRET`."""
    return JwtVerifier(rules, TokenKeySet(keys or (HmacKey("HS256", SECRET),)), clock=clock, revoked=revoked)


def token(claims: Mapping[str, Any] = CLAIMS, header: Mapping[str, Any] = HEADER, key: Any = SECRET) -> str:
    return compact(header, claims, key)


def code(outcome: object) -> str:
    """`accepted`, or the code of the refusal."""
    return "accepted" if isinstance(outcome, VerifiedToken) else str(getattr(outcome, "code", None))


def accepted(outcome: Outcome) -> VerifiedToken:
    """The token, which has to have been accepted."""
    assert isinstance(outcome, VerifiedToken), outcome
    return outcome


class Revoked:
    """Tokens that were revoked, in memory; out of order when told so."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.broken = False

    def is_revoked(self, kind: str, revoked_id: str, /) -> bool:
        if self.broken:
            raise OSError("the store is gone")
        assert kind == "token"
        return revoked_id in self.ids


class Replays:
    """A replay guard, in memory; out of order when told so."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], int] = {}
        self.broken = False

    def accept_once(self, scope: str, nonce: str, *, expires: int, now: int, issued: int | None = None) -> bool:
        if self.broken:
            raise OSError("the store is gone")
        if self.seen.get((scope, nonce), 0) > now:
            return False
        self.seen[scope, nonce] = expires
        return True


class Records:
    """The records of tokens, in memory; out of order when told so."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, int]] = {}
        self.broken = False

    def put(self, token_id: str, owner: str, value: bytes, *, expires: int, now: int) -> None:
        self._check()
        assert owner
        assert expires > now
        self.kept[token_id] = (value, expires)

    def get(self, token_id: str, *, now: int) -> bytes | None:
        self._check()
        value, expires = self.kept.get(token_id, (None, 0))
        return value if now < expires else None

    def delete(self, token_id: str) -> None:
        self._check()
        self.kept.pop(token_id, None)

    def _check(self) -> None:
        if self.broken:
            raise OSError("the store is gone")
