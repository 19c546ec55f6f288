"""Signatures and secrets as text: each has exactly one spelling, and every other is refused.

The decoders of the standard library take more than one: white space, padding bits that are not zero, missing padding.
So whatever they make of a text is written again, and has to come out as it was.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Final

Decoder = Callable[[bytes], bytes | None]

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")


def hex_of(text: bytes) -> bytes | None:
    """The bytes of a text in lower-case hexadecimal; None for anything else."""
    try:
        decoded = binascii.unhexlify(text)
    except ValueError:
        return None
    return decoded if binascii.hexlify(decoded) == text else None


def any_case_hex_of(text: bytes) -> bytes | None:
    """The bytes of a text in hexadecimal, in whatever case."""
    return hex_of(text.lower())


def base64_of(text: bytes) -> bytes | None:
    """The bytes of a text in base64 with its padding (RFC 4648 §4)."""
    try:
        decoded = binascii.a2b_base64(text)
    except ValueError:
        return None
    return decoded if binascii.b2a_base64(decoded, newline=False) == text else None


def base64url_of(text: bytes) -> bytes | None:
    """The bytes of a text in base64url without padding (RFC 4648 §5)."""
    try:
        decoded = binascii.a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    return decoded if to_base64url(decoded) == text else None


def to_base64(content: bytes) -> bytes:
    """Base64 with its padding."""
    return binascii.b2a_base64(content, newline=False)


def to_base64url(content: bytes) -> bytes:
    """Base64url without padding."""
    return to_base64(content).rstrip(b"=").translate(_TO_URL)


DECODERS: Final[dict[str, Decoder]] = {"hex": hex_of, "base64": base64_of, "base64url": base64url_of}
ENCODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "hex": binascii.hexlify,
    "base64": to_base64,
    "base64url": to_base64url,
}


def encoded_length(encoding: str, size: int) -> int:
    """How many characters so many bytes become."""
    return len(ENCODERS[encoding](bytes(size)))
