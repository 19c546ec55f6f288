"""Base64url without padding (RFC 4648, section 5; RFC 7515, appendix C): each sequence of bytes has one form."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

_FORM: Final = re.compile(rb"[A-Za-z0-9_-]*")


def encoded(raw: bytes) -> str:
    """The form of some bytes."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decoded(form: bytes | str) -> bytes:
    """The bytes of a form; what the library would overlook or repair is refused.

    Raises:
        ValueError: another alphabet, padding, spaces, a length that is none, or bits that are not used and not zero.
    """
    text = form.encode("ascii") if isinstance(form, str) else form
    if _FORM.fullmatch(text) is None:
        raise ValueError("this is no base64url")
    try:
        raw = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("this is no base64url") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != text:
        raise ValueError("this is not the one form of its bytes")
    return raw
