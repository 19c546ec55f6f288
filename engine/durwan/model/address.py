"""Addresses and networks: strict to read, packed for speed.

An address is its packed bytes, 4 for IPv4 and 16 for IPv6; an IPv4-mapped IPv6 address *is* its IPv4 address, so it
is always the 4 bytes. Packed bytes of one length sort like the numbers they are, which is all that bisection needs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Self

_MAPPED = bytes(10) + b"\xff\xff"
# RFC 4291 text has at most 45 characters; anything longer is hostile.
LONGEST_TEXT = 45


def parse_address(text: str) -> bytes | None:
    """The packed address that `text` writes as a dotted quad or in RFC 4291 form; None where it is neither.

    Ports, brackets, zone ids, leading zeros, spaces, short forms and non-ASCII digits are not an address.
    """
    if len(text) > LONGEST_TEXT:
        return None
    try:
        if ":" not in text:
            # inet_pton takes four decimal numbers without leading zeros and nothing else; the corpus of hostile
            # addresses holds it to that on every platform that the tests run on.
            return inet_pton(AF_INET, text)
        packed = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return None
    if "%" in text:  # pragma: no cover - only where the platform takes zone ids
        return None
    return packed[12:] if packed.startswith(_MAPPED) else packed


def format_address(packed: bytes) -> str:
    """The canonical text of a packed address (RFC 5952 for IPv6)."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)


@dataclass(frozen=True, slots=True)
class AddressRange:
    """All addresses of one family from `first` to `last`, both included; packed, of equal length."""

    first: bytes
    last: bytes


def network_range(packed: bytes, prefix: int) -> AddressRange:
    """The range of the network `packed/prefix`; bits beyond the prefix are taken as zero."""
    bits = len(packed) * 8
    host = (1 << (bits - prefix)) - 1
    first = int.from_bytes(packed, "big") & ~host
    return AddressRange(first.to_bytes(len(packed), "big"), (first | host).to_bytes(len(packed), "big"))


def parse_network(text: str) -> AddressRange | None:
    """The range that `text` writes as an address or as `address/prefix`; None where it is neither.

    Host bits that are set, netmask forms, prefixes with leading zeros and IPv4-mapped networks are refused: each is
    as likely a mistake as an intention.
    """
    address, slash, prefix_text = text.partition("/")
    packed = parse_address(address)
    if packed is None:
        return None
    if not slash:
        return AddressRange(packed, packed)
    if ":" in address and len(packed) == 4:
        return None
    if not (prefix_text.isascii() and prefix_text.isdigit()) or (len(prefix_text) > 1 and prefix_text[0] == "0"):
        return None
    prefix = int(prefix_text) if len(prefix_text) <= 3 else 999
    if prefix > len(packed) * 8:
        return None
    found = network_range(packed, prefix)
    return found if found.first == packed else None


def prefixes(span: AddressRange) -> Iterator[str]:
    """The fewest networks that make up a range, ascending, each as people write it: `10.0.0.0/8`, `203.0.113.7`."""
    length = len(span.first)
    first, last = int.from_bytes(span.first, "big"), int.from_bytes(span.last, "big")
    while first <= last:
        # The largest network that begins here and does not go beyond the end.
        room = (last - first + 1).bit_length() - 1
        host_bits = min(room, (first & -first).bit_length() - 1 if first else length * 8)
        text = format_address(first.to_bytes(length, "big"))
        yield f"{text}/{length * 8 - host_bits}" if host_bits else text
        first += 1 << host_bits


class NetworkSet:
    """A set of addresses, kept as merged ranges: one bisection answers whether an address is in it.

    `breaks4` and `breaks6` are sorted: an address is inside exactly where an odd number of breaks are at or before
    it. A range that reaches the end of its family has no closing break. IPv4 and IPv6 never contain each other.
    """

    __slots__ = ("_hash", "breaks4", "breaks6")

    def __init__(self, ranges: Iterable[AddressRange] = ()) -> None:
        kept = sorted(((item.first, item.last) for item in ranges), key=lambda item: (len(item[0]), item))
        self.breaks4 = _breaks([item for item in kept if len(item[0]) == 4])
        self.breaks6 = _breaks([item for item in kept if len(item[0]) == 16])
        self._hash = hash((self.breaks4, self.breaks6))

    @classmethod
    def of_breaks(cls, breaks4: tuple[bytes, ...], breaks6: tuple[bytes, ...]) -> Self:
        """The set that has these breaks, which have to ascend: packed addresses of 4 and of 16 bytes."""
        made = cls.__new__(cls)
        made.breaks4, made.breaks6 = breaks4, breaks6
        made._hash = hash((breaks4, breaks6))  # noqa: SLF001 - it is one of these
        return made

    def __contains__(self, packed: bytes) -> bool:
        return bisect_right(self.breaks4 if len(packed) == 4 else self.breaks6, packed) & 1 == 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NetworkSet):
            return NotImplemented
        return self.breaks4 == other.breaks4 and self.breaks6 == other.breaks6

    def __hash__(self) -> int:
        return self._hash

    def __bool__(self) -> bool:
        return bool(self.breaks4 or self.breaks6)

    def __repr__(self) -> str:
        return f"NetworkSet({', '.join(f'{format_address(r.first)}-{format_address(r.last)}' for r in self.ranges())})"

    def complement(self) -> NetworkSet:
        """All other addresses, of both families."""

        def flipped(breaks: tuple[bytes, ...], first: bytes) -> tuple[bytes, ...]:
            return breaks[1:] if breaks[:1] == (first,) else (first, *breaks)

        return NetworkSet.of_breaks(flipped(self.breaks4, bytes(4)), flipped(self.breaks6, bytes(16)))

    def networks(self) -> list[str]:
        """The fewest networks that make it up, IPv4 first, ascending, each as people write it."""
        return [text for each in self.ranges() for text in prefixes(each)]

    def ranges(self) -> list[AddressRange]:
        """The merged ranges, IPv4 first, ascending."""
        return [*_ranges(self.breaks4, 4), *_ranges(self.breaks6, 16)]


def _breaks(ranges: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, ...]:
    """Sorted ranges of one family as break points; touching and overlapping ranges become one."""
    breaks: list[bytes] = []
    for first, last in ranges:
        if breaks and len(breaks) % 2 == 1:
            break  # an earlier range runs to the end of the family: nothing can lie beyond it
        after = _after(last)
        if breaks and first <= breaks[-1]:
            if after is None:
                breaks.pop()
            elif after > breaks[-1]:
                breaks[-1] = after
            continue
        breaks.append(first)
        if after is not None:
            breaks.append(after)
    return tuple(breaks)


def _after(packed: bytes) -> bytes | None:
    number = int.from_bytes(packed, "big") + 1
    return None if number >> (len(packed) * 8) else number.to_bytes(len(packed), "big")


def _ranges(breaks: tuple[bytes, ...], length: int) -> list[AddressRange]:
    ends = [*(_before(end) for end in breaks[1::2]), b"\xff" * length]
    return [AddressRange(first, last) for first, last in zip(breaks[::2], ends, strict=False)]


def _before(packed: bytes) -> bytes:
    return (int.from_bytes(packed, "big") - 1).to_bytes(len(packed), "big")
