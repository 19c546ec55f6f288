"""Public keys as JSON objects (RFC 7517; RFC 7518, section 6; RFC 8037), and their thumbprints (RFC 7638)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from durwan.credentials.tokens import base64url
from durwan.credentials.tokens.signatures import CURVES, EDWARDS, RSA, InvalidTokenKeyError, crypto
from durwan.credentials.tokens.token_keys import PublicKey, made_public_key

# What no public key has (RFC 7518, sections 6.2.2, 6.3.2, 6.4): whoever publishes one has given a secret away.
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
# The members of which a thumbprint is made, in the order of RFC 7638.
_REQUIRED: Final = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}
_ED25519_BYTES: Final = 32
_LONGEST_NUMBER: Final = 1024


def key_of_jwk(jwk: Mapping[str, Any], alg: str, kid: str | None = None) -> PublicKey:
    """The public key that a JWK holds, for one algorithm.

    Raises:
        InvalidTokenKeyError: it holds none, or a private one, or none for that algorithm, or one not to be trusted.
        TokensNotInstalledError: the extra is missing.
    """
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise InvalidTokenKeyError("this is not a public key but a secret one: replace it, it was given away")
    if jwk.get("alg", alg) != alg:
        raise InvalidTokenKeyError("this key is for another algorithm")
    try:
        key = _READERS[_kind(jwk)](jwk)
    except ValueError:
        raise InvalidTokenKeyError("this JWK holds no valid key") from None
    return made_public_key(alg, kid, key)


def algorithms_of(jwk: Mapping[str, Any]) -> frozenset[str]:
    """The algorithms that the kind and the curve of a key leave open; empty for a kind that is not known here."""
    kind, curve = jwk.get("kty"), jwk.get("crv")
    if kind == "RSA":
        return RSA
    if kind == "OKP" and curve == "Ed25519":
        return EDWARDS
    return frozenset({CURVES[curve][0]}) if kind == "EC" and type(curve) is str and curve in CURVES else frozenset()


def thumbprint_of(jwk: Mapping[str, Any]) -> str:
    """The thumbprint of a public key that `key_of_jwk` has read: SHA-256 in base64url, 43 characters."""
    members = {name: jwk[name] for name in _REQUIRED[_kind(jwk)]}
    form = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64url.encoded(hashlib.sha256(form.encode("ascii")).digest())


def _kind(jwk: Mapping[str, Any]) -> str:
    kind = jwk.get("kty")
    if type(kind) is not str or kind not in _REQUIRED:
        raise InvalidTokenKeyError("this is a kind of key that is not used here")
    return kind


def _member(jwk: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    """The bytes of a member: exactly `size` of them or, for a number of any size, without leading zeros."""
    text = jwk.get(name)
    raw = base64url.decoded(text) if type(text) is str else b""
    if not 0 < len(raw) <= _LONGEST_NUMBER or (raw[0] == 0 if size is None else len(raw) != size):
        raise ValueError("no member of a key")
    return raw


def _rsa(jwk: Mapping[str, Any]) -> Any:
    exponent, modulus = (int.from_bytes(_member(jwk, name), "big") for name in ("e", "n"))
    return crypto().rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _ec(jwk: Mapping[str, Any]) -> Any:
    curve = jwk.get("crv")
    if type(curve) is not str or curve not in CURVES:
        raise ValueError("no curve of ours")
    size = CURVES[curve][1]
    point = b"\x04" + _member(jwk, "x", size) + _member(jwk, "y", size)
    library = crypto().ec
    curves = {"P-256": library.SECP256R1, "P-384": library.SECP384R1, "P-521": library.SECP521R1}
    return library.EllipticCurvePublicKey.from_encoded_point(curves[curve](), point)


def _okp(jwk: Mapping[str, Any]) -> Any:
    if jwk.get("crv") != "Ed25519":
        raise ValueError("no curve of ours")
    return crypto().ed25519.Ed25519PublicKey.from_public_bytes(_member(jwk, "x", _ED25519_BYTES))


_READERS: Final = {"RSA": _rsa, "EC": _ec, "OKP": _okp}
