"""Requests signed with a key: the key looked up, the signature verified, the request accepted once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from durwan.credentials.credential import Credential, Kind, Material
from durwan.credentials.key_store import KeyStore, KeysUnavailableError
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal, refuse
from durwan.credentials.schemes.credential import StaticCredential
from durwan.credentials.schemes.keys import VerifyingKey, WeakKeyError, verifying_key
from durwan.credentials.schemes.profile import Algorithm
from durwan.credentials.schemes.scheme import Scheme, SignedParts
from durwan.errors import DurwanError

# How the names of the algorithms begin that a kind of key is for; a token signs nothing.
_ALGORITHMS: Final[Mapping[Kind, str]] = {
    "hmac": "hmac-",
    "ed25519": "ed25519",
    "rsa": "rsa-",
    "ecdsa-p256": "ecdsa-p256-",
}
# A nonce of a scheme without timestamps is remembered for ever, which is as long as a store lasts.
_FOR_EVER: Final = 253_402_300_799_999


class ReplayGuard(Protocol):
    """Remembers what was accepted: any `durwan.state.store.StateStore` does. It raises where it cannot say."""

    @property
    def durable(self) -> bool:
        """Whether it still knows everything after it was started again."""
        ...

    def accept_once(self, scope: str, nonce: str, *, expires: int, now: int, issued: int | None = None) -> bool:
        """Whether nobody has used this nonce before; it is used up from now on."""
        ...

    def accept_rising(self, scope: str, number: int, *, window: int = 0) -> bool:
        """Whether this number is above all others of the scope."""
        ...


class Revoked(Protocol):
    """Which keys, tokens and sessions were revoked, answered from memory. It raises where it is not fresh."""

    def is_revoked(self, kind: str, revoked_id: str, /) -> bool:
        """Whether that was revoked."""
        ...


class ForgetfulGuardError(DurwanError):
    """A store that forgets when it is started again is to guard a scheme whose nonces only rise."""

    def __init__(self, scheme: str) -> None:
        super().__init__(
            f"the nonces of {scheme} only rise, and how far must outlast this process: use SqliteState or RedisState"
        )


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A credential as a scheme takes it. `made_of` is what it was made of, by which it is known to be current."""

    made_of: Credential
    # What to try one after the other, each until an instant: while a key is being replaced, the old passphrase goes
    # with the old secret.
    tried: tuple[tuple[StaticCredential, int | None], ...]

    def at(self, now: int) -> list[StaticCredential]:
        """What is good at an instant."""
        return [credential for credential, until in self.tried if until is None or now < until]


class SignedRequests:
    """Requests that are signed in one scheme.

    Args:
        scheme: how they are signed.
        keys: what they are verified with.
        guard: remembers which were accepted.
        revoked: which keys were revoked, where gateways share that; None where the key store alone says so.

    Raises:
        ForgetfulGuardError: the scheme has nonces that only rise, and the guard forgets how far they had risen.
    """

    def __init__(self, scheme: Scheme, keys: KeyStore, guard: ReplayGuard, revoked: Revoked | None = None) -> None:
        if scheme.profile.nonce.rule == "rising" and not guard.durable:
            raise ForgetfulGuardError(scheme.name)
        self._scheme = scheme
        self._keys = keys
        self._guard = guard
        self._revoked = revoked
        self._prepared: dict[str, _Prepared] = {}

    def is_signed(self, raw: RawRequest) -> bool:
        """Whether the request carries anything of a signature in this scheme."""
        parts = self._scheme.parts(raw)
        return not (isinstance(parts, Refusal) and parts.code == "credential_missing")

    def verify(self, raw: RawRequest, now: int) -> str | Refusal:
        """The id of the key that signed the request, which is accepted this once; or why it is refused.

        In this order, so that nothing is told to those who hold no key: form, time and signature, standing of the
        key, and only then whether it came before; what is refused is not remembered.
        """
        parts = self._scheme.parts(raw)
        if isinstance(parts, Refusal):
            return parts
        try:
            found = self._keys.find(parts.key_id)
        except KeysUnavailableError as error:
            return error.refusal
        usable = found.known and found.scheme in (None, self._scheme.name)
        refusal: Refusal | None = None
        for credential in (self._prepared_of(found).at(now) if usable else ()) or (None,):
            refusal = self._scheme.verify(parts, credential, now)
            if refusal is None:
                break
        if refusal is not None:
            return refusal
        return found.standing() or self._revocation(parts.key_id) or self._replay(parts, now) or parts.key_id

    def standing(self, key_id: str) -> Refusal | None:
        """Why a key that has proved itself before is refused now; None where nothing is against it."""
        try:
            found = self._keys.find(key_id)
        except KeysUnavailableError as error:
            return error.refusal
        return found.standing() or self._revocation(key_id)

    # ----------------------------------------------------------------------------------------------------- keys

    def _prepared_of(self, found: Credential) -> _Prepared:
        prepared = self._prepared.get(found.key_id)
        if prepared is None or prepared.made_of is not found:
            prepared = self._prepared[found.key_id] = self._prepare(found)
        return prepared

    def _prepare(self, found: Credential) -> _Prepared:
        """What can be used in this scheme; a secret that is none in it verifies nothing."""
        tried: list[tuple[StaticCredential, int | None]] = []
        for material in found.materials:
            try:
                keys = tuple(self._keys_of(material))
            except WeakKeyError:
                continue
            passphrase = None if material.passphrase is None else material.passphrase.reveal()
            if keys:
                tried.append((StaticCredential(keys, passphrase), material.until))
        return _Prepared(found, tuple(tried))

    def _keys_of(self, material: Material) -> list[VerifyingKey]:
        begins = _ALGORITHMS.get(material.kind)
        if begins is None:
            return []
        wanted: list[Algorithm] = [each for each in self._scheme.profile.algorithms if each.startswith(begins)]
        if material.secret is not None:
            secret = material.secret.reveal().decode("ascii")
            keys: list[VerifyingKey] = [self._scheme.secret_key(secret, each) for each in wanted]
            return keys
        return [verifying_key(each, material.public) for each in wanted]

    # ------------------------------------------------------------------------------------------- what came before

    def _revocation(self, key_id: str) -> Refusal | None:
        if self._revoked is None:
            return None
        try:
            return refuse("credential_revoked") if self._revoked.is_revoked("key", key_id) else None
        except Exception:  # noqa: BLE001 - whatever it raises, it has not shown that the key is good
            return refuse("state_unavailable")

    def _replay(self, parts: SignedParts, now: int) -> Refusal | None:
        scope = f"{self._scheme.name}:{parts.key_id}"
        try:
            if parts.rising is not None and not self._guard.accept_rising(scope, parts.rising):
                return refuse("nonce_replayed", "the nonce is not greater than those before it")
            if parts.once is not None and not self._accept_once(scope, parts, now):
                return refuse("nonce_replayed")
        except Exception:  # noqa: BLE001 - whatever a store raises, it has not shown that this is the first time
            return refuse("state_unavailable")
        return None

    def _accept_once(self, scope: str, parts: SignedParts, now: int) -> bool:
        forget_at = self._scheme.forget_at(parts)
        issued = None if parts.timestamp is None else parts.timestamp // 1_000
        expires = _FOR_EVER if forget_at is None else forget_at
        return self._guard.accept_once(scope, (parts.once or b"").hex(), expires=expires, now=now, issued=issued)
