"""The keys that verify tokens. Each has a type, a place for one algorithm, and cannot be taken for one of another type.

A secret that a public key would fit into is how a public key becomes a secret: whoever knows the public key then signs
with it. So a secret that reads as a key of any other kind is refused when it is loaded (RFC 8725, section 3.1).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Protocol

from durwan.credentials.tokens.compact import KEY_ID
from durwan.credentials.tokens.signatures import HMAC_HASHES, Check, InvalidTokenKeyError, check_for, crypto

_LONGEST_PEM: Final = 20_000


class TokenKey(Protocol):
    """A key of one algorithm."""

    @property
    def alg(self) -> str:
        """The one algorithm that it is for, as headers name it."""
        ...

    @property
    def kid(self) -> str | None:
        """The id by which headers name it; None for a key that is alone."""
        ...

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature of the message is one of this key; never raises."""
        ...


class TokenKeySource(Protocol):
    """Where the keys of an issuer are looked up, for callers with and without an event loop."""

    def find(self, kid: str | None, /) -> TokenKey | None:
        """The key of that id; for None the only key there is. None where there is no such key.

        Raises:
            KeysUnavailableError: it cannot be said at present.
        """
        ...

    async def find_async(self, kid: str | None, /) -> TokenKey | None:
        """As `find`, without holding up the event loop."""
        ...


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A secret shared with the issuer.

    Attributes:
        alg: `HS256`, `HS384` or `HS512`.
        secret: as many bytes as the hash has, or more.
        kid: the id by which headers name it, or None.

    Raises:
        InvalidTokenKeyError: it is too short, or reads as a key of another kind.
    """

    alg: str
    secret: bytes = field(repr=False)
    kid: str | None = None

    def __post_init__(self) -> None:
        name = HMAC_HASHES.get(self.alg)
        if name is None:
            raise InvalidTokenKeyError(f"a shared secret is for one of {', '.join(HMAC_HASHES)}")
        _check_kid(self.kid)
        if type(self.secret) is not bytes or len(self.secret) < hashlib.new(name).digest_size:
            raise InvalidTokenKeyError(f"a secret for {self.alg} has {hashlib.new(name).digest_size} bytes or more")
        form = form_of_another_key(self.secret)
        if form is not None:
            raise InvalidTokenKeyError(f"this secret reads as {form}: give that kind of key as what it is")

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature of the message is one of this key, in a time that says not where it differs."""
        return hmac.compare_digest(hmac.digest(self.secret, message, HMAC_HASHES[self.alg]), signature)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not to be copied into other processes or files")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key of the issuer: made by `public_key` or `jwk.key_of_jwk`.

    Attributes:
        alg: the one algorithm that it is for.
        kid: the id by which headers name it, or None.
    """

    alg: str
    kid: str | None
    _check: Check = field(repr=False)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature of the message is one of this key."""
        try:
            self._check(signature, message)
        except (crypto().InvalidSignature, ValueError):
            return False
        return True


def made_public_key(alg: str, kid: str | None, key: Any) -> PublicKey:
    """The key of an issuer from one of `cryptography`.

    Raises:
        InvalidTokenKeyError: it does not fit the algorithm, or may not be trusted.
    """
    _check_kid(kid)
    return PublicKey(alg, kid, check_for(alg, key))


def public_key(pem: bytes, alg: str, kid: str | None = None) -> PublicKey:
    """The key of an issuer from a PEM text (`BEGIN PUBLIC KEY`).

    Raises:
        InvalidTokenKeyError: it holds no public key, or none for that algorithm, or one that may not be trusted.
        TokensNotInstalledError: the extra is missing.
    """
    if len(pem) > _LONGEST_PEM or b"PRIVATE KEY" in pem:
        raise InvalidTokenKeyError(
            "this is a private key: give the public one" if len(pem) <= _LONGEST_PEM else "too long"
        )
    library = crypto()
    try:
        key = library.serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, library.UnsupportedAlgorithm):
        raise InvalidTokenKeyError("this is no public key in PEM") from None
    return made_public_key(alg, kid, key)


def _check_kid(kid: str | None) -> None:
    if kid is not None and KEY_ID.fullmatch(kid) is None:
        raise InvalidTokenKeyError("the id of a key has 1 to 64 letters, digits, dots, underscores and hyphens")


# ------------------------------------------------------------------------------------- secrets that are something else

_BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_PEM: Final = re.compile(rb"-{4,5} ?(BEGIN|END) [A-Z0-9 ]+-{4,5}|-----BEGIN|---- BEGIN")
_SSH: Final = re.compile(rb"(?:\A|[\s\"',])(?:sk-)?(?:ssh-(?:rsa|dss|ed25519|ed448)|ecdsa-sha2-nistp\d+)")
_SSH_BLOB: Final = re.compile(rb"\A\0\0\0[\x07-\x40](?:sk-)?(?:ssh-|ecdsa-sha2-)")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=_\s-]+")


def form_of_another_key(secret: bytes) -> str | None:
    """As what kind of key, other than a secret, these bytes can be read; None where they cannot."""
    for text in _readings(secret):
        for form, reads in _FORMS.items():
            if reads(text):
                return form
    return None


def _readings(secret: bytes) -> Collection[bytes]:
    """The bytes, and what is left of them without what careless tools put around or between them."""
    bare = secret
    for mark in _BYTE_ORDER_MARKS:
        bare = bare.removeprefix(mark)
    bare = bare.strip()
    # Text in two bytes a character is the same text.
    return {secret, bare, bare.replace(b"\0", b""), _unwrapped(bare)}


def _unwrapped(text: bytes) -> bytes:
    """The bytes that a text in base64 stands for, as the body of a PEM file does; the text where it is no base64."""
    if _BASE64.fullmatch(text) is None:
        return text
    plain = b"".join(text.translate(bytes.maketrans(b"-_", b"+/")).split()).rstrip(b"=")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except binascii.Error:
        return text


def _is_der(text: bytes) -> bool:
    """Whether these are one ASN.1 sequence that begins as keys and certificates do: with a sequence or an integer."""
    if len(text) < 4 or text[0] != 0x30:
        return False
    octets = text[1] & 0x7F if text[1] & 0x80 else 0
    start = 2 + octets
    length = int.from_bytes(text[2:start], "big") if octets else text[1]
    return start + length == len(text) and text[start : start + 1] in (b"\x30", b"\x02")


def _is_json(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


_FORMS: Final[dict[str, Callable[[bytes], bool]]] = {
    "PEM": lambda text: _PEM.search(text) is not None,
    "an SSH key": lambda text: (_SSH.search(text) or _SSH_BLOB.match(text)) is not None,
    "DER": _is_der,
    "a JWK or a set of them": _is_json,
}
