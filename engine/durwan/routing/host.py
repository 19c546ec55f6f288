"""Hosts: the one way to write what a request says of whom it asks (RFC 9112 §3.2, and stricter)."""

from __future__ import annotations

import re
from typing import Final

from durwan.model.address import format_address, parse_address

_LONGEST: Final = 260
_HOST: Final = re.compile(
    r"(?:(?P<name>[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*+)"
    r"|\[(?P<address>[0-9a-f:.]{2,45})\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?",
    re.ASCII,
)
# A name that ends so is taken for an address by some readers, `127.1` and `0x7f.1` among them.
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
_USUAL_PORTS: Final = frozenset({"80", "443"})


def read_host(value: bytes) -> str | None:
    """The host in lower case, with its port where that is neither 80 nor 443; None where it is none.

    Neither user names, spaces and percent-encodings nor a trailing point belong to a host. An address is a dotted quad
    or stands in brackets, and is written as `format_address` does.
    """
    if not value.isascii() or len(value) > _LONGEST:
        return None
    found = _HOST.fullmatch(value.decode("ascii").lower())
    if found is None:
        return None
    port = found["port"]
    if port is not None and int(port) > 65535:
        return None
    host = _name(found["name"]) if found["address"] is None else _address(found["address"])
    return host if host is None or port is None or port in _USUAL_PORTS else f"{host}:{port}"


def _name(name: str) -> str | None:
    if _NUMERIC.fullmatch(name) and parse_address(name) is None:
        return None
    return name if len(name) <= 253 else None


def _address(text: str) -> str | None:
    packed = parse_address(text) if ":" in text else None
    return None if packed is None else f"[{format_address(packed)}]" if len(packed) == 16 else format_address(packed)


__all__ = ["read_host"]
