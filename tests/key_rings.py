"""A ring of keys in a directory, with a clock that tests move, and the gateway's view of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from durwan.credentials.key_checks import public_key_of
from durwan.credentials.key_hygiene import roles_by_name
from durwan.credentials.key_material import Given
from durwan.credentials.key_ring import KeyRing, NewKey, Venue
from durwan.credentials.key_rules import KeyRules
from durwan.credentials.key_store import KeyStore
from durwan.credentials.sealing import SealingKey
from durwan.credentials.secret import Secret
from durwan.credentials.secret_text import new_secret_text

# 2026-03-02T09:00:00Z
NOW = 1_772_442_000_000
HOUR = 3_600_000

SCOPES = {
    "orders.read": ("orders.read",),
    "orders.write": ("orders.write", "orders.read"),
    "withdrawals.write": ("withdrawals.write",),
}


@dataclass
class Clock:
    """The time, until a test says otherwise: milliseconds of the wall, seconds since the process began."""

    now: int = NOW
    monotonic: float = 1000.0

    def __call__(self) -> int:
        return self.now

    def later(self, milliseconds: int) -> None:
        """So much time passes."""
        self.now += milliseconds
        self.monotonic += milliseconds / 1000


def new_secret() -> Secret:
    return Secret(new_secret_text("dwk", None).encode())


def given(secret: Secret | None = None) -> Given:
    """HMAC material."""
    return Given(kind="hmac", secret=secret or new_secret())


def public(pem: bytes) -> Given:
    found = public_key_of(pem)
    return Given(kind=found.kind, public=found.content)


@dataclass
class Rig:
    """A key file and a secrets file in one directory."""

    folder: Path
    name: str = "keys.yaml"
    clock: Clock = field(default_factory=Clock)
    sealing: SealingKey = field(default_factory=lambda: SealingKey(Secret(secrets.token_bytes(32))))

    @property
    def keys(self) -> Path:
        return self.folder / self.name

    @property
    def secrets(self) -> Path:
        return self.folder / "keys.secrets"

    @property
    def ring(self) -> KeyRing:
        venue = Venue(rules=KeyRules((), SCOPES), roles=roles_by_name(SCOPES))
        return KeyRing(self.keys, self.secrets, lambda: self.sealing, venue=venue, clock=self.clock)

    def store(self) -> KeyStore:
        return KeyStore(
            self.secrets, lambda: self.sealing, clock=self.clock, monotonic=lambda: self.clock.monotonic
        )  # fmt: skip

    def add(self, key_id: str, material: Given | None = None, **attributes: object) -> None:
        self.ring.add([NewKey(attributes={"id": key_id, **attributes}, given=material or given())])

    def works(self, key_id: str, secret: Secret, store: KeyStore | None = None) -> bool:
        """Whether something signed with this secret would be accepted now."""
        credential = (store or self.store()).find(key_id)
        good = [each.secret for each in credential.candidates("hmac", self.clock())]
        return credential.standing() is None and secret in good
