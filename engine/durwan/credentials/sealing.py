"""Secrets at rest: encrypted where they are needed to verify, hashed with a key where a hash is enough.

A sealed text is `v1.` and the base64url of nonce and ciphertext: AES-256-GCM (NIST SP 800-38D) with a random nonce of
96 bits, which is safe for 2^32 secrets under one key. What a secret belongs to is associated data: sealed for one key,
it cannot be put in the place of another one's. The key that seals and those that hash are derived from the given one,
each for its own use, as HMAC-SHA256 of a label.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from typing import Any, Final

from durwan.credentials.ed25519 import SignaturesNotInstalledError
from durwan.credentials.secret import Secret
from durwan.errors import DurwanError

KEY_BYTES: Final = 32
_FORM: Final = "v1."
_NONCE_BYTES: Final = 12


class SealingError(DurwanError):
    """A secret cannot be sealed or opened; the text says why, and tells nothing of secret or key."""


class KeyedHash:
    """Hashes that nobody can compare with guesses who does not have the key.

    Args:
        key: 32 bytes or more.
    """

    def __init__(self, key: Secret) -> None:
        self._key = key

    def of(self, text: bytes) -> str:
        """The HMAC-SHA256 of a text, in hex."""
        return hmac.digest(self._key.reveal(), text, "sha256").hex()

    @classmethod
    def for_this_process(cls) -> KeyedHash:
        """With a key that is drawn now and kept nowhere: what is hashed is of use to this process alone."""
        return cls(Secret(secrets.token_bytes(KEY_BYTES)))


class SealingKey:
    """The key under which secrets lie at rest.

    Args:
        key: exactly 32 bytes, from a secure source of randomness.

    Raises:
        SealingError: it has another length.

    Attributes:
        fingerprint: tells which key it is, and nothing about it; 16 hex digits.
    """

    def __init__(self, key: Secret) -> None:
        if len(key.reveal()) != KEY_BYTES:
            raise SealingError(f"a sealing key has {KEY_BYTES} bytes: make one with openssl rand -base64 32")
        self._key = key
        self.fingerprint = self._derived("fingerprint").hex()[:16]
        self._cipher: Any = None
        self._wrong: type[Exception] = ValueError

    def keyed_hash(self, purpose: str) -> KeyedHash:
        """Hashes for one purpose, such as `sessions`; those of another one are different."""
        return KeyedHash(Secret(self._derived(f"hash {purpose}")))

    def seal(self, secret: Secret, *belongs_to: str) -> str:
        """The secret as it is kept; `belongs_to` is what has to be given to open it again.

        Raises:
            SignaturesNotInstalledError: the extra is missing.
        """
        nonce = os.urandom(_NONCE_BYTES)
        sealed: bytes = nonce + self._aead().encrypt(nonce, secret.reveal(), _bound(belongs_to))
        return _FORM + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, sealed: str, *belongs_to: str) -> Secret:
        """The secret that was sealed.

        Raises:
            SealingError: it was sealed with another key or for another place, or is damaged.
            SignaturesNotInstalledError: the extra is missing.
        """
        content = _decoded(sealed)
        cipher = self._aead()
        try:
            found: bytes = cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], _bound(belongs_to))
        except (self._wrong, ValueError):
            raise SealingError("it was sealed with another key or for another place, or is damaged") from None
        return Secret(found)

    def __repr__(self) -> str:
        return f"<SealingKey {self.fingerprint}>"

    def _derived(self, use: str) -> bytes:
        return hmac.digest(self._key.reveal(), f"durwan sealing 1: {use}".encode(), hashlib.sha256)

    def _aead(self) -> Any:
        if self._cipher is None:
            try:
                from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra
                from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
            except ImportError as error:
                raise SignaturesNotInstalledError from error
            self._wrong = InvalidTag
            self._cipher = AESGCM(self._derived("cipher"))
        return self._cipher


def _decoded(sealed: str) -> bytes:
    if not sealed.startswith(_FORM):
        raise SealingError("it is not sealed in a form that is known here: a newer version may have written it")
    text = sealed.removeprefix(_FORM)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise SealingError("it is damaged") from None


def _bound(belongs_to: tuple[str, ...]) -> bytes:
    """Associated data: every part with its length, so that no two lists of parts give the same bytes."""
    parts = [each.encode() for each in belongs_to]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


__all__ = ["KEY_BYTES", "KeyedHash", "SealingError", "SealingKey"]
