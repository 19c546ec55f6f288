"""Whose bundles are taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from durwan.credentials.ed25519 import KeyFileError, fault_of, public_key_of, verifies
from durwan.errors import DurwanError
from durwan.runtime.bundle_format import BundleError, Container

_MOST_KEY_FILE = 10_000


class TrustError(DurwanError):
    """Trust that cannot be given like this; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whose bundles an engine takes.

    Changing the keys changes nothing about versions as long as one that was ever trusted here is still among them.
    Where none is, versions start anew. That is the way back after somebody with stolen keys signed a bundle of a
    version so high that none can follow: replace all keys by some that were never used before (or delete the state
    file, by hand, on every gateway).

    Attributes:
        keys: raw Ed25519 public keys, 32 bytes each (`read_public_key` reads them from PEM files).
        threshold: how many of them must have signed.
        name: of the policy set that is expected; None for whichever comes first.
        state: a small file that remembers the last version accepted, in a directory that only the gateway can write
            to; None remembers nothing, and then an old bundle can be played back.
        allow_shrink: take a bundle that has no rules, or fewer than half of those of the last one.

    Raises:
        TrustError: a key must not be trusted or stands twice, or the threshold cannot be reached, or is 0.
    """

    keys: tuple[bytes, ...]
    threshold: int = 1
    name: str | None = None
    state: str | PathLike[str] | None = None
    allow_shrink: bool = False

    def __post_init__(self) -> None:
        for public in self.keys:
            fault = fault_of(public)
            if fault is not None:
                raise TrustError(f"the key {public.hex()} cannot be trusted: {fault}")
        if len(set(self.keys)) < len(self.keys):
            raise TrustError("the same key is given twice: each counts once")
        if not 1 <= self.threshold <= len(self.keys):
            raise TrustError(f"{self.threshold} of {len(self.keys)} keys cannot be asked for")


def read_public_key(path: str | PathLike[str]) -> bytes:
    """The raw public key in a PEM file.

    Raises:
        TrustError: it cannot be read, or holds no key to trust.
    """
    try:
        with Path(path).open("rb") as file:
            return public_key_of(file.read(_MOST_KEY_FILE + 1))
    except KeyFileError as error:
        raise TrustError(f"the key file {path} cannot be used: {error}") from None
    except OSError as error:
        raise TrustError(f"the key file {path} cannot be read: {error.strerror}") from None


def signers_of(container: Container, trusted: Iterable[bytes]) -> tuple[bytes, ...]:
    """Those of the trusted keys that signed the manifest; each counts once, as a container holds no key twice."""
    keys, signed = frozenset(trusted), container.signed
    return tuple(
        public for public, signature in container.signatures if public in keys and verifies(public, signature, signed)
    )


def check_signatures(container: Container, trust: Trust) -> tuple[bytes, ...]:
    """The trusted keys that signed.

    Raises:
        BundleError: there are too few.
    """
    signers = signers_of(container, trust.keys)
    if len(signers) < trust.threshold:
        given = len(container.signatures)
        count = "nobody" if given == 0 else f"{len(signers)} of the {len(trust.keys)} trusted keys"
        raise BundleError(
            f"the bundle is signed by {count}, and {trust.threshold} must have signed: "
            "policy-check sign adds a signature"
        )
    return signers
