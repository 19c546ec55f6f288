"""Which secrets and public keys are taken for a key, before anything is ever verified with them (R30, R36)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from durwan.credentials.credential import Kind
from durwan.credentials.ed25519 import (
    KeyFileError,
    SignaturesNotInstalledError,
    fault_of,
)
from durwan.credentials.ed25519 import (
    public_key_of as ed25519_of,
)

LEAST_SECRET_BYTES: Final = 32
LEAST_RSA_BITS: Final = 2048
# Beyond it, one verification would take long enough to be used against us.
MOST_RSA_BITS: Final = 8192
_LEAST_EXPONENT: Final = 65_537
_MOST_TEXT: Final = 16_384
_ED25519_OID: Final = bytes.fromhex("06032b6570")
# How the text of a key begins that is no secret: PEM with and without a byte order mark, and the forms of OpenSSH.
_KEY_TEXT = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?\s*(?:-----BEGIN |---- BEGIN |ssh-|ecdsa-sha2-|sk-(?:ssh|ecdsa)-|PuTTY-User-Key-File)"
)
_SECRET_TEXT = re.compile(rb"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that may be trusted: its kind, its bytes as they are kept, and the object that verifies."""

    kind: Kind
    content: bytes
    key: Any


def check_secret(secret: bytes) -> None:
    """Makes sure that these bytes may be an HMAC secret.

    Raises:
        KeyFileError: it is too short or too long, not plain text, or is a key of another type.
    """
    if len(secret) < LEAST_SECRET_BYTES:
        raise KeyFileError(f"the secret has fewer than {LEAST_SECRET_BYTES} bytes: use a longer one")
    if len(secret) > _MOST_TEXT:
        raise KeyFileError(f"the secret has more than {_MOST_TEXT} bytes")
    if _KEY_TEXT.match(secret) or _is_der(secret) or _is_jwk(secret):
        raise KeyFileError("the secret is the text of a public or private key: anybody may know the one, and the other")
    if not _SECRET_TEXT.fullmatch(secret):
        raise KeyFileError("the secret is not one word of printable ASCII: give it encoded, as its owner has it")
    if len(set(secret)) < 8:
        raise KeyFileError("the secret is hardly random: use one from a secure source")


def _is_der(secret: bytes) -> bool:
    """Whether it is the DER of a key, or the base64 of it: a sequence as long as all of it."""
    try:
        decoded = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    return any(_is_sequence(each) for each in (secret, decoded))


def _is_sequence(content: bytes) -> bool:
    """Whether it begins as the DER of a key does, a sequence of a number or of another one, and is as long as that."""
    if content[:1] != b"\x30" or len(content) < 8:
        return False
    count = content[1] & 0x7F if content[1] >= 0x80 else 0
    length = int.from_bytes(content[2 : 2 + count], "big") if count else content[1]
    return count <= 2 and length == len(content) - 2 - count and content[2 + count] in (0x02, 0x30)


def _is_jwk(secret: bytes) -> bool:
    try:
        found: object = json.loads(secret)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict)


def public_key_of(text: bytes) -> PublicKey:
    """The public key in a PEM text, or in the base64 of the 32 bytes of an Ed25519 key.

    Raises:
        KeyFileError: it is none, or one that must not be trusted.
        SignaturesNotInstalledError: the extra is missing.
    """
    if len(text) > _MOST_TEXT:
        raise KeyFileError(f"it has more than {_MOST_TEXT} bytes, and is no public key")
    if b"-----BEGIN" not in text:
        return ed25519_key(_raw_ed25519(text))
    if b"PRIVATE KEY" in text:
        raise KeyFileError("it is a private key: give the public one, and replace the pair if others saw this")
    key = _load_pem(text)
    if key is None:
        # It may say better what is wrong; and the library takes Ed25519 keys that nobody should.
        return ed25519_key(ed25519_of(text))
    return _checked(key)


def ed25519_key(raw: bytes) -> PublicKey:
    """The Ed25519 key of 32 bytes.

    Raises:
        KeyFileError: it must not be trusted.
    """
    fault = fault_of(raw)
    if fault is not None:
        raise KeyFileError(f"it is no key to trust: {fault}")
    return PublicKey("ed25519", raw, _library().ed25519(raw))


def der_key(kind: Kind, der: bytes) -> PublicKey:
    """The RSA or ECDSA key of a SubjectPublicKeyInfo that was kept.

    Raises:
        KeyFileError: it is damaged, of another kind, or must not be trusted.
    """
    library = _library()
    try:
        found = _checked(library.load_der(der))
    except (ValueError, TypeError, library.Unsupported):
        raise KeyFileError("it is damaged") from None
    if found.kind != kind:
        raise KeyFileError(f"it is a key of another kind, {found.kind}")
    return found


def _raw_ed25519(text: bytes) -> bytes:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise KeyFileError("it is no PEM file of a public key, and no base64 of an Ed25519 key") from None
    if raw[:1] == b"\x30" and _ED25519_OID in raw[:16] and len(raw) == 44:
        return raw[12:]
    return raw


def _load_pem(text: bytes) -> Any:
    """What the library makes of it; None where that is nothing, or an Ed25519 key."""
    library = _library()
    try:
        key = library.load_pem(text)
    except (ValueError, TypeError, library.Unsupported):
        return None
    return None if isinstance(key, library.Ed25519) else key


def _checked(key: Any) -> PublicKey:
    library = _library()
    if isinstance(key, library.Rsa):
        _check_rsa(key.key_size, key.public_numbers().e)
        return PublicKey("rsa", library.der(key), key)
    if isinstance(key, library.Elliptic):
        if key.curve.name != "secp256r1":
            raise KeyFileError(f"it is a key on the curve {key.curve.name}: only P-256 is taken")
        return PublicKey("ecdsa-p256", library.der(key), key)
    raise KeyFileError("it is neither Ed25519, RSA nor ECDSA P-256")


def _check_rsa(bits: int, exponent: int) -> None:
    if bits < LEAST_RSA_BITS:
        raise KeyFileError(f"it is an RSA key of {bits} bits: {LEAST_RSA_BITS} are the least")
    if bits > MOST_RSA_BITS:
        raise KeyFileError(f"it is an RSA key of {bits} bits: {MOST_RSA_BITS} are the most")
    if exponent < _LEAST_EXPONENT or exponent % 2 == 0:
        raise KeyFileError(f"it is an RSA key with the exponent {exponent}: 65537 is the least, and it must be odd")


class _Library:
    """The names of the library that are used here."""

    def __init__(self) -> None:
        # Imported only where there is a public key: a gateway of HMAC keys alone never loads it.
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415

        self.Unsupported = UnsupportedAlgorithm
        self.Rsa = rsa.RSAPublicKey
        self.Elliptic = ec.EllipticCurvePublicKey
        self.Ed25519 = ed25519.Ed25519PublicKey
        self.ed25519 = ed25519.Ed25519PublicKey.from_public_bytes
        self.load_pem = serialization.load_pem_public_key
        self.load_der = serialization.load_der_public_key
        self._forms = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo

    def der(self, key: Any) -> bytes:
        content: bytes = key.public_bytes(*self._forms)
        return content


def _library() -> _Library:
    try:
        return _Library()
    except ImportError as error:
        raise SignaturesNotInstalledError from error


__all__ = [
    "LEAST_RSA_BITS", "LEAST_SECRET_BYTES", "MOST_RSA_BITS", "KeyFileError", "PublicKey", "check_secret", "der_key",
    "ed25519_key", "public_key_of",
]  # fmt: skip
