"""Ed25519 keys: which public keys are taken, and how both halves are read from PEM files (RFC 8032, RFC 8410).

A library verifies whatever key it is given. Some public keys are no key: under one of small order, a signature can be
made up by anybody. They are refused here, before they are trusted, by plain arithmetic; nothing here handles a secret
but `read_private_key`.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from durwan.errors import DurwanError

PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_PRIME: Final = 2**255 - 19
_D: Final = -121_665 * pow(121_666, -1, _PRIME) % _PRIME
# The y of all points whose eightfold is the neutral element: those of order 1 and 2, of order 4, and of order 8.
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER: Final = frozenset({1, _PRIME - 1, 0, _ORDER_8, _PRIME - _ORDER_8})
# What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo: its algorithm, 1.3.101.112.
_PUBLIC_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")
_PEM = re.compile(r"-----BEGIN ([A-Z ]{1,40})-----\s([A-Za-z0-9+/=\s]*)-----END \1-----\s*", re.ASCII)


class KeyFileError(DurwanError):
    """A file holds no key that can be used; the text says why."""


class SignaturesNotInstalledError(DurwanError):
    """Signatures are asked for, and the extra that makes and verifies them is not installed."""

    command = "pip install 'durwan[sign]'"

    def __init__(self) -> None:
        super().__init__(f"signatures need the package cryptography: {self.command}")


def fault_of(public: bytes) -> str | None:
    """Why these bytes are no public key to trust; None for a good one."""
    if len(public) != PUBLIC_BYTES:
        return f"it has {len(public)} bytes, not {PUBLIC_BYTES}"
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    if y % _PRIME in _SMALL_ORDER:
        return "it is a point of small order, under which anybody can sign"
    if y >= _PRIME:
        return "it is not in canonical form"
    return None if _is_on_curve(y) else "it is no point of the curve"


def _is_on_curve(y: int) -> bool:
    """Whether some x has `-x² + y² = 1 + d x² y²`: x² is a fraction, and a square where Euler's criterion says so."""
    square = (y * y - 1) * (_D * y * y + 1)
    return pow(square, (_PRIME - 1) // 2, _PRIME) == 1


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether this is a signature of the message under a public key, which `fault_of` has to have found good.

    Raises:
        SignaturesNotInstalledError: the extra is missing.
    """
    library = _library()
    try:
        library.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (library.InvalidSignature, ValueError):
        return False
    return True


def public_key_of(pem: bytes) -> bytes:
    """The raw public key of a PEM text (`openssl pkey -pubout`).

    Raises:
        KeyFileError: it is no Ed25519 public key, or one that must not be trusted.
    """
    label, der = _decode(pem)
    if label == "PRIVATE KEY" or label.endswith(" PRIVATE KEY"):
        raise KeyFileError("it is a private key: give the public one")
    if label != "PUBLIC KEY" or der[: len(_PUBLIC_PREFIX)] != _PUBLIC_PREFIX:
        raise KeyFileError("it is no Ed25519 public key")
    public = der[len(_PUBLIC_PREFIX) :]
    fault = fault_of(public)
    if fault is not None:
        raise KeyFileError(f"it holds no key to trust: {fault}")
    return public


def pem_of(public: bytes) -> bytes:
    """The PEM text of a raw public key."""
    body = base64.b64encode(_PUBLIC_PREFIX + public)
    return b"-----BEGIN PUBLIC KEY-----\n" + body + b"\n-----END PUBLIC KEY-----\n"


def private_key_of(pem: bytes) -> Any:
    """The private key of a PEM text (`openssl genpkey -algorithm ed25519`): has `sign` and `public_key`.

    Raises:
        KeyFileError: it is none, or is encrypted.
        SignaturesNotInstalledError: the extra is missing.
    """
    library = _library()
    label, _ = _decode(pem)
    if label == "ENCRYPTED PRIVATE KEY":
        raise KeyFileError("it is encrypted: decrypt it for this command with openssl pkey -in FILE")
    if label != "PRIVATE KEY":
        raise KeyFileError("it is no private key")
    try:
        key = library.load_pem_private_key(pem, None)
    except (ValueError, TypeError, library.UnsupportedAlgorithm):
        key = None
    if not isinstance(key, library.Ed25519PrivateKey):
        raise KeyFileError("it is no Ed25519 private key")
    return key


def new_private_key() -> tuple[Any, bytes]:
    """A new private key, and its PEM text, which is not encrypted.

    Raises:
        SignaturesNotInstalledError: the extra is missing.
    """
    library = _library()
    key = library.Ed25519PrivateKey.generate()
    forms = library.Encoding.PEM, library.PrivateFormat.PKCS8, library.NoEncryption()
    return key, key.private_bytes(*forms)


def raw_public_key(private: Any) -> bytes:
    """The public half of a private key."""
    public: bytes = private.public_key().public_bytes_raw()
    return public


def _decode(pem: bytes) -> tuple[str, bytes]:
    """The label and the content of the one PEM block that a file consists of."""
    match = _PEM.fullmatch(pem.decode("ascii", "replace").lstrip()) if len(pem) <= 10_000 else None
    if match is None:
        raise KeyFileError("it is no PEM file of one key")
    try:
        return match[1], base64.b64decode("".join(match[2].split()), validate=True)
    except binascii.Error:
        raise KeyFileError("it is damaged") from None


class _Library:
    """The names of the library that are used here."""

    def __init__(self) -> None:
        # Imported only where a signature is made or verified: a gateway without signed bundles never loads it.
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

        self.InvalidSignature = InvalidSignature
        self.UnsupportedAlgorithm = UnsupportedAlgorithm
        self.Ed25519PrivateKey = ed25519.Ed25519PrivateKey
        self.Ed25519PublicKey = ed25519.Ed25519PublicKey
        self.load_pem_private_key = serialization.load_pem_private_key
        self.Encoding = serialization.Encoding
        self.PrivateFormat = serialization.PrivateFormat
        self.NoEncryption = serialization.NoEncryption


def _library() -> _Library:
    try:
        return _Library()
    except ImportError as error:
        raise SignaturesNotInstalledError from error
