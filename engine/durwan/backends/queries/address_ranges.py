"""Addresses of both families in one order: an IPv4 address stands where its IPv4-mapped form does.

What a range of IPv6 has of those does not belong to it: an address there is an IPv4 address, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from durwan.model.address import AddressRange, NetworkSet

_MAPPED: Final = bytes(10) + b"\xff\xff"
_MAPPED_FIRST: Final = int.from_bytes(_MAPPED + bytes(4), "big")
_MAPPED_LAST: Final = _MAPPED_FIRST + 2**32 - 1


def in_sixteen(packed: bytes) -> bytes:
    """An address in 16 bytes."""
    return _MAPPED + packed if len(packed) == 4 else packed


def ranges_in_sixteen(network: NetworkSet) -> list[tuple[bytes, bytes]]:
    """The first and last addresses of the ranges of a network, in 16 bytes, ascending."""
    found = [pair for each in network.ranges() for pair in _without_mapped(each)]
    return [(first.to_bytes(16, "big"), last.to_bytes(16, "big")) for first, last in sorted(found)]


def _without_mapped(span: AddressRange) -> Iterable[tuple[int, int]]:
    first, last = (int.from_bytes(in_sixteen(each), "big") for each in (span.first, span.last))
    if len(span.first) == 4 or last < _MAPPED_FIRST or first > _MAPPED_LAST:
        return [(first, last)]
    parts = [(first, _MAPPED_FIRST - 1), (_MAPPED_LAST + 1, last)]
    return [(start, end) for start, end in parts if start <= end]


def breaks(ranges: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """Where ranges in 16 bytes begin and end: an address is in one where an odd number of breaks are not above it."""
    found: list[bytes] = []
    for first, last in ranges:
        # Where one range follows upon another, both breaks are at one place, and undo each other.
        found.append(first)
        after = int.from_bytes(last, "big") + 1
        if after < 1 << 128:
            found.append(after.to_bytes(16, "big"))
    return found


__all__ = ["breaks", "in_sixteen", "ranges_in_sixteen"]
