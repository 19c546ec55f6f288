"""Whose bundles are taken, and which was the last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whose bundles an engine takes.

    Attributes:
        keys: raw Ed25519 public keys, 32 bytes each (`read_public_key` reads them from PEM files).
        threshold: how many of them must have signed.
        name: of the policy set that is expected; None for any.
        state: a small file that remembers the last version accepted; None remembers nothing, and then an old bundle
            can be played back.
        allow_shrink: take a bundle that has no rules, or fewer than half of those of the last one.
    """

    keys: tuple[bytes, ...]
    threshold: int = 1
    name: str | None = None
    state: Path | None = None
    allow_shrink: bool = False
