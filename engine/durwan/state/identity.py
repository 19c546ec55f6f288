"""The key under which something is kept: the same in every store, of one length, and one for each list of texts."""

from __future__ import annotations

import hashlib
from typing import Final

DIGITS: Final = 48


def identity(kind: str, *parts: str) -> str:
    """A digest of a kind and texts, as 48 hexadecimal digits.

    Each text enters with its length before it, so that no two lists of texts are confused; a digest, so that what
    callers send takes the same room however long it is, and stands in no store as it was sent.
    """
    digest = hashlib.blake2b(digest_size=DIGITS // 2, person=b"durwan state")
    for text in (kind, *parts):
        octets = text.encode("utf-8", "surrogatepass")
        digest.update(len(octets).to_bytes(8, "big"))
        digest.update(octets)
    return digest.hexdigest()


__all__ = ["DIGITS", "identity"]
