"""The algorithms of JSON Web Signatures, each with one kind of key (RFC 7518, sections 3.2 to 3.5; RFC 8037; RFC 8725).

What is computed is computed by `hmac` and `cryptography`. What is left of a JOSE library beside our own reader is the
table in this file, so there is none: a second and laxer reading of the same token would only add ways to go wrong.
`none` is not among the algorithms.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from durwan.credentials.ed25519 import SignaturesNotInstalledError, fault_of
from durwan.errors import DurwanError

# Raises `cryptography`'s `InvalidSignature`, or ValueError, where it does not verify; arguments: signature, message.
Check = Callable[[bytes, bytes], None]

HMAC_HASHES: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_RSA: Final = {"RS256": "SHA256", "RS384": "SHA384", "RS512": "SHA512"}
_PSS: Final = {"PS256": "SHA256", "PS384": "SHA384", "PS512": "SHA512"}
# Algorithm: curve, its name in a JWK, hash, bytes of a coordinate.
_ECDSA: Final = {
    "ES256": ("secp256r1", "P-256", "SHA256", 32),
    "ES384": ("secp384r1", "P-384", "SHA384", 48),
    "ES512": ("secp521r1", "P-521", "SHA512", 66),
}
EDWARDS: Final = frozenset({"EdDSA", "Ed25519"})
RSA: Final = frozenset({*_RSA, *_PSS})
PUBLIC_KEY_ALGORITHMS: Final = frozenset({*RSA, *_ECDSA, *EDWARDS})
CURVES: Final = {curve: (alg, size) for alg, (_, curve, _, size) in _ECDSA.items()}
_RSA_BITS: Final = range(2048, 8192 + 1)
_LEAST_EXPONENT: Final = 65_537


class InvalidTokenKeyError(DurwanError):
    """A key that tokens shall be verified with cannot be used; the text says why, and holds nothing of the key."""


class TokensNotInstalledError(SignaturesNotInstalledError):
    """Tokens are to be verified, and the extra that verifies signatures is not installed."""

    command = "pip install 'durwan[jwt]'"


def check_for(alg: str, key: Any) -> Check:
    """What verifies signatures of one algorithm under one public key of `cryptography`.

    Raises:
        InvalidTokenKeyError: the key is not of the algorithm's kind, or is too weak or otherwise not to be trusted.
        TokensNotInstalledError: the extra is missing.
    """
    library = crypto()
    if alg in RSA:
        return _rsa_check(alg, key, library)
    if alg in _ECDSA:
        return _ecdsa_check(alg, key, library)
    if alg in EDWARDS:
        return _edwards_check(key, library)
    raise InvalidTokenKeyError(f"there is no algorithm {alg[:20]!r} here: {', '.join(sorted(PUBLIC_KEY_ALGORITHMS))}")


def _rsa_check(alg: str, key: Any, library: Library) -> Check:
    if not isinstance(key, library.rsa.RSAPublicKey):
        raise InvalidTokenKeyError(f"{alg} needs an RSA key")
    if key.key_size not in _RSA_BITS:
        raise InvalidTokenKeyError(f"an RSA key has 2048 to 8192 bits, this one {key.key_size}")
    exponent = key.public_numbers().e
    if exponent < _LEAST_EXPONENT or exponent % 2 == 0:
        raise InvalidTokenKeyError(f"the exponent of an RSA key is odd and at least {_LEAST_EXPONENT}")
    chosen = getattr(library.hashes, _RSA.get(alg) or _PSS[alg])()
    # RFC 7518 fixes the length of the salt, so that a signature of another one is none.
    padding: Any = library.padding.PKCS1v15()
    if alg in _PSS:
        padding = library.padding.PSS(library.padding.MGF1(chosen), chosen.digest_size)
    return lambda signature, message: key.verify(signature, message, padding, chosen)


def _ecdsa_check(alg: str, key: Any, library: Library) -> Check:
    curve, name, hash_name, size = _ECDSA[alg]
    if not isinstance(key, library.ec.EllipticCurvePublicKey) or key.curve.name != curve:
        raise InvalidTokenKeyError(f"{alg} needs a key of the curve {name}")
    chosen = library.ec.ECDSA(getattr(library.hashes, hash_name)())

    def check(signature: bytes, message: bytes) -> None:
        if len(signature) != 2 * size:
            raise ValueError("another length")
        numbers = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
        key.verify(library.encode_dss_signature(*numbers), message, chosen)

    return check


def _edwards_check(key: Any, library: Library) -> Check:
    if not isinstance(key, library.ed25519.Ed25519PublicKey):
        raise InvalidTokenKeyError("EdDSA needs an Ed25519 key")
    fault = fault_of(key.public_bytes_raw())
    if fault is not None:
        raise InvalidTokenKeyError(f"this is no Ed25519 key to trust: {fault}")
    check: Check = key.verify
    return check


class Library:
    """The names of `cryptography` that are used for tokens."""

    def __init__(self) -> None:
        # Imported only where a key of a token is read: a gateway without tokens never loads it.
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: PLC0415

        self.InvalidSignature = InvalidSignature
        self.UnsupportedAlgorithm = UnsupportedAlgorithm
        self.encode_dss_signature = encode_dss_signature
        self.ec, self.ed25519, self.hashes, self.padding, self.rsa = ec, ed25519, hashes, padding, rsa
        self.serialization = serialization


@cache
def crypto() -> Library:
    """The library, loaded once.

    Raises:
        TokensNotInstalledError: the extra is missing.
    """
    try:
        return Library()
    except ImportError as error:
        raise TokensNotInstalledError from error
