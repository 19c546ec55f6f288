"""Small bundles for tests, and keys to sign them with."""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

from durwan.compilation import compile_sources
from durwan.credentials.ed25519 import private_key_of, raw_public_key
from durwan.runtime.bundle import Bundle, Trust, read_bundle
from durwan.runtime.bundle_format import MAGIC
from durwan.runtime.policy import Compiled
from durwan.workshop.bundling import build_bundle, sign_bundle

NOW = 1_772_442_000_000  # 2026-03-02T09:00:00Z
DAY = 86_400_000

POLICY = """
actions { orders.create orders.cancel }
context risk { score : int 0..100 }
deny risky when risk.score >= 90 respond 403 risk_block
allow trade on orders.create when key.environment == "production" and risk.score < 50
allow cancel on orders.cancel
allow more on orders.cancel when risk.score < 10
"""
KEYS = "keys: [{ id: desk-7, environment: production, labels: [a, b] }]\n"
REQUEST: dict[str, Any] = {"action": "orders.create", "key": "desk-7", "risk": {"score": 12}, "now": NOW}


@cache
def compiled(name: str = "desk", policy: str = POLICY) -> Compiled:
    """The policy set that the bundles hold."""
    return compile_sources({"desk.policy": policy, "keys/desk.yaml": KEYS, "policy.yaml": f"name: {name}\n"})


def bundle_of(version: int = 1, *, name: str = "desk", policy: str = POLICY, **life: int | None) -> bytes:
    """An unsigned bundle."""
    return build_bundle(compiled(name, policy), version=version, **life)


@cache
def key(number: int) -> Any:
    """One of several private keys, always the same."""
    seed = bytes.fromhex("302e020100300506032b657004220420") + bytes([number]) * 32
    return private_key_of(_pem(seed))


def _pem(der: bytes) -> bytes:
    import base64

    return b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(der) + b"\n-----END PRIVATE KEY-----\n"


def public(number: int) -> bytes:
    """The public half of that key."""
    return raw_public_key(key(number))


def signed(content: bytes, *numbers: int) -> bytes:
    """The bundle with signatures by these keys."""
    for number in numbers:
        content = sign_bundle(content, key(number))
    return content


def trusting(*numbers: int, **more: Any) -> Trust:
    """Trust in these keys."""
    return Trust(keys=tuple(public(number) for number in numbers), **more)


def read(content: bytes, trust: Trust | None = None, now: int = NOW) -> Bundle:
    """The bundle as a gateway reads it."""
    return read_bundle(content, trust=trust, now_ms=now)


def assembled(
    manifest: bytes, body: bytes = b"", signatures: tuple[tuple[bytes, bytes], ...] = (), format_: int = 1
) -> bytes:
    """A file put together by hand, whatever is in it."""
    header = MAGIC + struct.pack(">HHI", format_, len(signatures), len(manifest))
    return header + b"".join(one + other for one, other in signatures) + manifest + body
