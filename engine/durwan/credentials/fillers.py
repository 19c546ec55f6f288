"""Materials that nobody can sign for: what is verified with where there is no key, so that it takes as long."""

from __future__ import annotations

import secrets
from typing import Any, Final

from durwan.credentials.credential import Material
from durwan.credentials.ed25519 import PUBLIC_BYTES, SignaturesNotInstalledError, fault_of
from durwan.credentials.key_checks import LEAST_RSA_BITS, ed25519_key
from durwan.credentials.secret import Secret

_EXPONENT: Final = 65_537
_POINT_BYTES: Final = 32


def new_fillers() -> tuple[Material, ...]:
    """One of every kind that can be verified here, drawn anew: without `cryptography`, that is HMAC alone."""
    hmac = Material(kind="hmac", secret=Secret(secrets.token_hex(32).encode()), passphrase=_passphrase())
    try:
        return (hmac, _ed25519(), _rsa(), _elliptic())
    except (SignaturesNotInstalledError, ImportError):
        return (hmac,)


def _passphrase() -> Secret:
    return Secret(secrets.token_hex(16).encode())


def _ed25519() -> Material:
    """A point of the curve that was drawn, so that nobody knows its discrete logarithm."""
    while True:
        raw = secrets.token_bytes(PUBLIC_BYTES)
        if fault_of(raw) is None:
            found = ed25519_key(raw)
            return Material(kind="ed25519", public=raw, key=found.key, passphrase=_passphrase())


def _rsa() -> Material:
    """A number that was drawn, of which nobody knows the factors."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers  # noqa: PLC0415 - an extra

    modulus = secrets.randbits(LEAST_RSA_BITS) | 1 << (LEAST_RSA_BITS - 1) | 1
    return _of("rsa", RSAPublicNumbers(_EXPONENT, modulus).public_key())


def _elliptic() -> Material:
    """A point of P-256 that was drawn: half of all x are of one."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey  # noqa: PLC0415

    while True:
        try:
            key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b"\x02" + secrets.token_bytes(_POINT_BYTES))
        except ValueError:
            continue
        return _of("ecdsa-p256", key)


def _of(kind: Any, key: Any) -> Material:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Material(kind=kind, public=der, key=key, passphrase=_passphrase())


__all__ = ["new_fillers"]
