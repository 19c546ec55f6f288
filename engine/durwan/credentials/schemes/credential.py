"""What the requests by one key are verified with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from durwan.credentials.schemes.keys import VerifyingKey


class Credential(Protocol):
    """What a request by a key is verified with."""

    @property
    def keys(self) -> Sequence[VerifyingKey]:
        """Those in force: more than one while a key is being replaced."""
        ...

    @property
    def passphrase(self) -> bytes | None:
        """The passphrase that belongs to the key; None where it has none, and then a scheme with one refuses."""
        ...


@dataclass(frozen=True, slots=True)
class StaticCredential:
    """A credential that is known beforehand."""

    keys: tuple[VerifyingKey, ...]
    passphrase: bytes | None = None

    def __repr__(self) -> str:
        return f"<StaticCredential: {len(self.keys)} keys>"
