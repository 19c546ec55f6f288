"""Between what verifies a key as it is given, as it is kept, and as it is used."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from durwan.credentials.credential import Credential, Kind, Material
from durwan.credentials.ed25519 import KeyFileError
from durwan.credentials.key_checks import check_secret, der_key, ed25519_key
from durwan.credentials.sealing import SealingError, SealingKey
from durwan.credentials.secret import Secret
from durwan.credentials.secrets_file import StoredKey, StoredMaterial
from durwan.errors import DurwanError

_TOKENS: Final = "tokens of keys"


class MaterialError(DurwanError):
    """What is kept of a key cannot be used; the text names the key and says why."""

    def __init__(self, key_id: str, problem: str) -> None:
        super().__init__(f"what is kept to verify the key {key_id[:80]!r} cannot be used: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What verifies a key, as its owner or a command gives it.

    Attributes:
        kind: what it is.
        secret: the secret or token.
        public: the bytes of a public key, as `durwan.credentials.key_checks.PublicKey` keeps them.
        passphrase: the second secret that some schemes have.
    """

    kind: Kind
    secret: Secret | None = None
    public: bytes = b""
    passphrase: Secret | None = None


class Seals:
    """The sealing key, which is asked for when something needs it and not before.

    Args:
        find: gives the key, or raises.
        expected: the fingerprint of the key with which the secrets file was sealed, if it was.
    """

    def __init__(self, find: Callable[[], SealingKey], expected: str | None = None) -> None:
        self._find = find
        self._expected = expected

    @cached_property
    def key(self) -> SealingKey:
        """The key.

        Raises:
            SealingError: there is none, or it is not the one that the secrets file was sealed with.
        """
        found = self._find()
        if self._expected is not None and found.fingerprint != self._expected:
            raise SealingError(
                f"this is not the sealing key of the secrets file: its fingerprint is {found.fingerprint}, "
                f"and that of the right one is {self._expected}"
            )
        return found

    @property
    def used(self) -> str | None:
        """The fingerprint of the key if one was needed by now, or before."""
        return self.key.fingerprint if "key" in self.__dict__ else self._expected

    def token_hash(self, token: bytes) -> str:
        """The keyed hash under which a token is kept."""
        return self.key.keyed_hash(_TOKENS).of(token)


def stored(key_id: str, serial: int, given: Given, seals: Seals, now: int) -> StoredMaterial:
    """What is kept of a new material.

    Raises:
        KeyFileError: its secret must not be taken.
        SealingError: it has to be sealed, and there is no key for that.
    """
    secret = given.secret
    match given.kind:
        case "hmac":
            check_secret(_present(secret).reveal())
            value = seals.key.seal(_present(secret), key_id, given.kind, str(serial), "secret")
        case "token":
            check_secret(_present(secret).reveal())
            value = seals.token_hash(_present(secret).reveal())
        case _:
            value = base64.b64encode(given.public).decode()
    passphrase = given.passphrase
    sealed = None if passphrase is None else seals.key.seal(passphrase, key_id, given.kind, str(serial), "passphrase")
    return StoredMaterial(serial=serial, kind=given.kind, value=value, passphrase=sealed, since=now)


def _present(secret: Secret | None) -> Secret:
    if secret is None:
        raise KeyFileError("there is no secret")
    return secret


def credential_of(key_id: str, kept: StoredKey, seals: Seals, fillers: tuple[Material, ...]) -> Credential:
    """A key in the form in which it verifies. Tokens are looked up by their hash, and are none of it.

    Raises:
        MaterialError: something of it is damaged, or was sealed with another key.
    """
    signing = [each for each in kept.materials if each.kind != "token"]
    return Credential(
        key_id=key_id, known=True, revoked=kept.revoked is not None, scheme=kept.scheme, fillers=fillers,
        materials=tuple(_opened(key_id, each, seals) for each in signing),
    )  # fmt: skip


def _opened(key_id: str, kept: StoredMaterial, seals: Seals) -> Material:
    place = (key_id, kept.kind, str(kept.serial))
    try:
        passphrase = None if kept.passphrase is None else seals.key.open(kept.passphrase, *place, "passphrase")
        if kept.kind == "hmac":
            secret = seals.key.open(kept.value, *place, "secret")
            return Material(kind=kept.kind, secret=secret, passphrase=passphrase, until=kept.until)
        content = base64.b64decode(kept.value, validate=True)
        found = ed25519_key(content) if kept.kind == "ed25519" else der_key(kept.kind, content)
    except (KeyFileError, SealingError, ValueError) as error:
        raise MaterialError(key_id, str(error)) from None
    return Material(
        kind=kept.kind, public=found.content, key=found.key, passphrase=passphrase, until=kept.until
    )  # fmt: skip


__all__ = ["Given", "MaterialError", "Seals", "credential_of", "stored"]
