"""What signatures are verified with, and made with: a key is of one algorithm, and of no other.

HMAC needs the standard library alone. Ed25519, RSA and ECDSA need the package cryptography, loaded when such a key is.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from hmac import compare_digest
from typing import Any, Final, Protocol

from durwan.credentials.ed25519 import SignaturesNotInstalledError, fault_of
from durwan.credentials.schemes.profile import Algorithm
from durwan.errors import DurwanError


class WeakKeyError(DurwanError):
    """A key that must not be trusted; the text says why, and nothing of the key."""


class VerifyingKey(Protocol):
    """Verifies the signatures of one algorithm."""

    @property
    def algorithm(self) -> Algorithm:
        """The only algorithm that this key is for."""
        ...

    def verify(self, signature: bytes, message: bytes, /) -> bool:
        """Whether this is a signature of the message. Never raises for what they hold."""
        ...


class SigningKey(Protocol):
    """Makes the signatures of one algorithm."""

    @property
    def algorithm(self) -> Algorithm:
        """The only algorithm that this key is for."""
        ...

    def sign(self, message: bytes, /) -> bytes:
        """A signature of the message."""
        ...


_HASHES: Final = {"hmac-sha256": hashlib.sha256, "hmac-sha384": hashlib.sha384, "hmac-sha512": hashlib.sha512}
_INNER: Final = bytes(each ^ 0x36 for each in range(256))
_OUTER: Final = bytes(each ^ 0x5C for each in range(256))


class HmacKey:
    """A shared secret (RFC 2104). Verifies and signs.

    The two hashes are begun with the key once and copied for each message, which takes 0.6 µs where `hmac.digest` takes
    1.4, since that sets OpenSSL up anew each time (`benchmarks/signatures.py`). The secret itself is not kept.
    """

    __slots__ = ("_inner", "_outer", "algorithm")

    def __init__(self, secret: bytes, algorithm: Algorithm = "hmac-sha256") -> None:
        if algorithm not in _HASHES:
            raise WeakKeyError(f"a shared secret is for HMAC, not for {algorithm}")
        if not secret:
            raise WeakKeyError("the secret is empty")
        new = _HASHES[algorithm]
        size = new().block_size
        block = (new(secret).digest() if len(secret) > size else secret).ljust(size, b"\0")
        self._inner = new(block.translate(_INNER))
        self._outer = new(block.translate(_OUTER))
        self.algorithm: Algorithm = algorithm

    def sign(self, message: bytes, /) -> bytes:
        """The authentication code of the message."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def verify(self, signature: bytes, message: bytes, /) -> bool:
        """Whether this is the authentication code of the message, in a time that does not tell how nearly."""
        inner = self._inner.copy()  # as `sign` does, without a call more: each request comes by
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return compare_digest(outer.digest(), signature)

    def __repr__(self) -> str:
        return f"<HmacKey: {self.algorithm}>"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled")


class Ed25519Key:
    """A public key of Ed25519 (RFC 8032): 32 bytes, canonical, and not of small order.

    Raises:
        WeakKeyError: it is none that may be trusted.
        SignaturesNotInstalledError: the extra is missing.
    """

    def __init__(self, public: bytes) -> None:
        fault = fault_of(public)
        if fault is not None:
            raise WeakKeyError(f"this Ed25519 key cannot be trusted: {fault}")
        self.algorithm: Algorithm = "ed25519"
        self._library = _library()
        self._key = self._library.ed25519.Ed25519PublicKey.from_public_bytes(public)

    def verify(self, signature: bytes, message: bytes, /) -> bool:
        """Whether this is a signature of the message."""
        try:
            self._key.verify(signature, message)
        except (self._library.InvalidSignature, ValueError):
            return False
        return True


class RsaKey:
    """A public key of RSA (RFC 8017), of 2,048 to 8,192 bits, with an odd exponent of at least 65,537.

    `rsa-v1_5-sha256` signs by PKCS #1 v1.5, `rsa-pss-sha512` by PSS with a salt of 64 bytes.

    Raises:
        WeakKeyError: it is none that may be trusted.
        SignaturesNotInstalledError: the extra is missing.
    """

    def __init__(self, pem: bytes, algorithm: Algorithm) -> None:
        library = _library()
        key = _public_key(pem)
        if not isinstance(key, library.rsa.RSAPublicKey):
            raise WeakKeyError("it is no RSA public key")
        if not 2048 <= key.key_size <= 8192:
            raise WeakKeyError(f"this RSA key has {key.key_size} bits: use one of 2048 to 8192")
        exponent = key.public_numbers().e
        if exponent < 65_537 or exponent % 2 == 0:
            raise WeakKeyError("this RSA key has a weak exponent: use 65537")
        self.algorithm: Algorithm = algorithm
        self._key: Any = key
        self._library = library
        self._form = library.rsa_form(algorithm)

    def verify(self, signature: bytes, message: bytes, /) -> bool:
        """Whether this is a signature of the message."""
        try:
            self._key.verify(signature, message, *self._form)
        except (self._library.InvalidSignature, ValueError):
            return False
        return True


class EcdsaKey:
    """A public key of ECDSA on the curve P-256 with SHA-256 (FIPS 186); signatures are r and s, 32 bytes each.

    Raises:
        WeakKeyError: it is none that may be trusted.
        SignaturesNotInstalledError: the extra is missing.
    """

    def __init__(self, pem: bytes) -> None:
        library = _library()
        key = _public_key(pem)
        if not isinstance(key, library.ec.EllipticCurvePublicKey) or not isinstance(key.curve, library.ec.SECP256R1):
            raise WeakKeyError("it is no public key of the curve P-256")
        self.algorithm: Algorithm = "ecdsa-p256-sha256"
        self._key: Any = key
        self._library = library

    def verify(self, signature: bytes, message: bytes, /) -> bool:
        """Whether this is a signature of the message."""
        if len(signature) != 64:
            return False
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            self._key.verify(self._library.der_of(r, s), message, self._library.ecdsa_form())
        except (self._library.InvalidSignature, ValueError):
            return False
        return True


class PrivateKey:
    """The private half of Ed25519, RSA or ECDSA, for clients and tests: gateways hold none.

    Raises:
        WeakKeyError: the PEM text holds no private key of that algorithm.
        SignaturesNotInstalledError: the extra is missing.
    """

    def __init__(self, pem: bytes, algorithm: Algorithm) -> None:
        library = _library()
        try:
            key: Any = library.serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError, library.UnsupportedAlgorithm):
            key = None
        if not isinstance(key, library.private_class(algorithm)):
            raise WeakKeyError(f"it is no private key for {algorithm}, in PEM and not encrypted")
        self.algorithm: Algorithm = algorithm
        self._key: Any = key
        self._library = library

    def sign(self, message: bytes, /) -> bytes:
        """A signature of the message, in the form that the verifying key takes."""
        if self.algorithm == "ed25519":
            signature: bytes = self._key.sign(message)
            return signature
        if self.algorithm == "ecdsa-p256-sha256":
            r, s = self._library.numbers_of(self._key.sign(message, self._library.ecdsa_form()))
            return bytes(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        signed: bytes = self._key.sign(message, *self._library.rsa_form(self.algorithm))
        return signed

    def __repr__(self) -> str:
        return f"<PrivateKey: {self.algorithm}>"


def verifying_key(algorithm: Algorithm, public: bytes) -> VerifyingKey:
    """The key that verifies an algorithm with a public key: in PEM or DER, or for Ed25519 the 32 bytes as well.

    Raises:
        WeakKeyError: it is none that may be trusted.
        SignaturesNotInstalledError: the extra is missing.
    """
    match algorithm:
        case "ed25519":
            return Ed25519Key(public if len(public) == 32 else _raw_ed25519(public))
        case "ecdsa-p256-sha256":
            return EcdsaKey(public)
        case "rsa-v1_5-sha256" | "rsa-pss-sha512":
            return RsaKey(public, algorithm)
        case _:
            raise WeakKeyError(f"{algorithm} has no public keys")


def _raw_ed25519(pem: bytes) -> bytes:
    key = _public_key(pem)
    if not isinstance(key, _library().ed25519.Ed25519PublicKey):
        raise WeakKeyError("it is no Ed25519 public key")
    raw: bytes = key.public_bytes_raw()
    return raw


def _public_key(encoded: bytes) -> Any:
    """A public key of `cryptography`, whose classes come in by name and late."""
    library = _library()
    load = library.serialization.load_pem_public_key
    if not encoded.startswith(b"-----"):
        load = library.serialization.load_der_public_key
    try:
        return load(encoded)
    except (ValueError, TypeError, library.UnsupportedAlgorithm):
        raise WeakKeyError("it is no public key in PEM or DER") from None


# What an unknown key is verified with, so that it costs what a known one does. The point and the modulus are nobody's
# key: an answer is never taken from them.
_NO_MODULUS: Final = hashlib.sha256(b"nobody's RSA key").digest()


@cache
def nobodys_key(algorithm: Algorithm, signature_size: int) -> VerifyingKey:
    """A key that takes as long as one of somebody; `signature_size` is that of RSA's modulus, in bytes."""
    if algorithm in _HASHES:
        return HmacKey(secrets.token_bytes(32), algorithm)
    library = _library()
    if algorithm == "ed25519":
        return Ed25519Key(bytes([9]) + bytes(31))
    if algorithm == "ecdsa-p256-sha256":
        point = library.ec.derive_private_key(7, library.ec.SECP256R1()).public_key()
        return EcdsaKey(library.pem_of(point))
    modulus = int.from_bytes((_NO_MODULUS * (signature_size // 32)), "big") | 1 | 1 << (8 * signature_size - 1)
    return RsaKey(library.pem_of(library.rsa.RSAPublicNumbers(65_537, modulus).public_key()), algorithm)


class _Library:
    """The names of the library that are used here."""

    def __init__(self) -> None:
        # Imported only where such a key is loaded: a gateway of HMAC alone never needs it.
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils  # noqa: PLC0415

        self.InvalidSignature = InvalidSignature
        self.UnsupportedAlgorithm = UnsupportedAlgorithm
        self.serialization = serialization
        self.ec, self.ed25519, self.rsa = ec, ed25519, rsa
        self.der_of, self.numbers_of = utils.encode_dss_signature, utils.decode_dss_signature
        self._hashes, self._padding = hashes, padding

    def ecdsa_form(self) -> Any:
        return self.ec.ECDSA(self._hashes.SHA256())

    def rsa_form(self, algorithm: Algorithm) -> tuple[Any, Any]:
        """Padding and hash."""
        if algorithm == "rsa-v1_5-sha256":
            return self._padding.PKCS1v15(), self._hashes.SHA256()
        if algorithm == "rsa-pss-sha512":
            sha512 = self._hashes.SHA512()
            return self._padding.PSS(self._padding.MGF1(sha512), 64), sha512
        raise WeakKeyError(f"an RSA key is not for {algorithm}")

    def private_class(self, algorithm: Algorithm) -> type[Any]:
        match algorithm:
            case "ed25519":
                return self.ed25519.Ed25519PrivateKey
            case "ecdsa-p256-sha256":
                return self.ec.EllipticCurvePrivateKey
            case _:
                return self.rsa.RSAPrivateKey

    def pem_of(self, public: Any) -> bytes:
        forms = self.serialization.Encoding.PEM, self.serialization.PublicFormat.SubjectPublicKeyInfo
        pem: bytes = public.public_bytes(*forms)
        return pem


@cache
def _library() -> _Library:
    try:
        return _Library()
    except ImportError as error:
        raise SignaturesNotInstalledError from error
