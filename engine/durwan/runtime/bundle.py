"""Compiled bundles: one file that holds all that an engine decides by, and who vouches for it.

`read_bundle` takes the bytes of a bundle to what an engine needs, or refuses them: the signatures first, then the
manifest that they stand under, then the members that it lists. `accept` is the second half: it remembers the version,
durably, once the policy has passed its self-tests and just before it decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from durwan.errors import DurwanError
from durwan.runtime.bundle_trust import Trust
from durwan.runtime.policy import Compiled

MAGIC = b"durwan bundle\n"
MOST_BYTES = 16 << 20


class BundleError(DurwanError):
    """A bundle that is refused; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that was read and, if trust was given, verified.

    Attributes:
        compiled: what an engine decides by.
        name: of the policy set.
        version: a whole number from 1 on, which only goes up.
        digest: 64 hexadecimal digits of SHA-256 over the manifest; the same whoever signed it.
        created: when it was built, in milliseconds since the epoch; None where it does not say.
        expires: from when on it is refused, likewise; None for never.
        ageing: whether more than half of its life has passed: high time for the next one.
        built_by: the version of durwan that built it.
        signers: the public keys, in hex, of those who signed it and are trusted.
        trust: under which it was read.
    """

    compiled: Compiled
    name: str
    version: int
    digest: str
    created: int | None
    expires: int | None
    ageing: bool
    built_by: str
    signers: tuple[str, ...]
    trust: Trust | None


def is_bundle(content: bytes) -> bool:
    """Whether these bytes begin as a bundle does."""
    return content.startswith(MAGIC)


def read_bundle(content: bytes, *, trust: Trust | None, now_ms: int, most_bytes: int = MOST_BYTES) -> Bundle:
    """Verifies and reads a bundle. Nothing is remembered yet: see `accept`.

    Args:
        content: the whole file, read once. Read no more than `most_bytes + 1` of it.
        trust: whose signatures count; None takes an unsigned bundle, and looks at no signature.
        now_ms: the current instant, in milliseconds since the epoch.
        most_bytes: how large a bundle may be.

    Raises:
        BundleError: it is damaged, too large, not signed as it must be, expired, older than the one accepted last, of
            another policy set, or holds what this version of durwan cannot read.
    """
    raise NotImplementedError


def accept(bundle: Bundle) -> None:
    """Remembers the version of a bundle, so that no older one is read again; without `Trust.state`, does nothing.

    Call it after the self-tests have passed and before the policy decides. It returns when the version is on disk.

    Raises:
        BundleError: another process accepted a newer one meanwhile, or the version cannot be written down.
    """
    raise NotImplementedError
