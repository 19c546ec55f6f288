"""What proves that a request comes from a key: the secrets and public keys of it that are good at present."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from durwan.credentials.refusals import Refusal, refuse
from durwan.credentials.secret import Secret

Kind = Literal["hmac", "ed25519", "rsa", "ecdsa-p256", "token"]
KINDS: Final[tuple[Kind, ...]] = ("hmac", "ed25519", "rsa", "ecdsa-p256", "token")

# How many of a key can be good at once: its own, and the one before it while a rotation overlaps.
MOST_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One thing by which signatures of a key are verified.

    Attributes:
        kind: what it is, and so what alone it may be used for.
        secret: for `hmac`, the secret as its owner has it, as ASCII text; a scheme says how it is decoded.
        public: for `ed25519` the 32 bytes of the key, for `rsa` and `ecdsa-p256` its SubjectPublicKeyInfo in DER.
        key: the same as an object of the library that verifies; None for what is no public key.
        passphrase: the second secret that some schemes have.
        until: the instant at which it stops being good, in milliseconds since the epoch; None if it is the newest.
    """

    kind: Kind
    secret: Secret | None = None
    public: bytes = b""
    key: Any = None
    passphrase: Secret | None = None
    until: int | None = None

    def is_good(self, now: int) -> bool:
        """Whether it verifies at an instant: up to the last millisecond before `until`."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A key as those see it who verify what it signed; or the stand-in for a key that nobody knows.

    Attributes:
        key_id: the id of the key; empty for the stand-in.
        known: whether there is such a key. Nothing is allowed to a stand-in, even if its signature were right.
        revoked: whether it was revoked; that is to be told only to somebody whose signature is right.
        scheme: the only signature scheme that may be used with it; None for any.
        materials: what verifies, newest first.
        fillers: one material of every kind, which nobody can sign for.
    """

    key_id: str
    known: bool
    revoked: bool = False
    scheme: str | None = None
    materials: tuple[Material, ...] = ()
    fillers: tuple[Material, ...] = ()
    # The candidates of every kind, where time changes none of them: that is nearly always so.
    _lasting: dict[Kind, tuple[Material, ...]] = field(
        default_factory=dict[Kind, tuple[Material, ...]], init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Works out beforehand what every request would ask for again."""
        if all(each.until is None for each in self.materials):
            self._lasting.update({kind: self._candidates(kind, 0) for kind in KINDS})

    def candidates(self, kind: Kind, now: int) -> tuple[Material, ...]:
        """What a signature is to be verified with, one after the other until one is right.

        There are always as many: where the key has fewer, nobody's stand in their places. So a wrong signature costs
        the same, whether the key exists, has this kind of material, or is being rotated.
        """
        return self._lasting.get(kind) or self._candidates(kind, now)

    def _candidates(self, kind: Kind, now: int) -> tuple[Material, ...]:
        good = [each for each in self.materials if each.kind == kind and each.is_good(now)][:MOST_AT_ONCE]
        if len(good) < MOST_AT_ONCE:
            good += [each for each in self.fillers if each.kind == kind] * (MOST_AT_ONCE - len(good))
        return tuple(good)

    def standing(self) -> Refusal | None:
        """Why somebody who has proved to hold this key is refused nevertheless; None where nothing is against it."""
        if not self.known:
            return refuse("signature_invalid")
        return refuse("credential_revoked") if self.revoked else None


__all__ = ["KINDS", "MOST_AT_ONCE", "Credential", "Kind", "Material"]
