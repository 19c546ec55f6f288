"""The least networks: inside of what is granted, around the addresses that were seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from durwan.model.address import AddressRange, NetworkSet, network_range, parse_network, prefixes


class Prefix(NamedTuple):
    """How many leading bits of an address count, for each family."""

    ipv4: int = 32
    ipv6: int = 128

    def around(self, address: bytes) -> AddressRange:
        """The network of an address."""
        return network_range(address, self.ipv4 if len(address) == 4 else self.ipv6)

    def coarser(self, other: Prefix) -> Prefix:
        """The one that tells fewer addresses apart, for each family by itself."""
        return Prefix(min(self.ipv4, other.ipv4), min(self.ipv6, other.ipv6))

    def __str__(self) -> str:
        return f"{self.ipv4}/{self.ipv6}"


EXACT = Prefix()


def common(left: NetworkSet, right: NetworkSet) -> NetworkSet:
    """The addresses that both have."""
    return NetworkSet(_overlaps(left.ranges(), right.ranges()))


def _overlaps(left: Sequence[AddressRange], right: Sequence[AddressRange]) -> Iterable[AddressRange]:
    """Goes along both, which ascend, IPv4 first."""
    here = there = 0
    while here < len(left) and there < len(right):
        one, other = left[here], right[there]
        if _place(one.first) <= _place(other.last) and _place(other.first) <= _place(one.last):
            yield AddressRange(max(one.first, other.first), min(one.last, other.last))
        if _place(one.last) < _place(other.last):
            here += 1
        else:
            there += 1


def _place(packed: bytes) -> tuple[int, bytes]:
    return len(packed), packed


def covering(granted: NetworkSet, seen: Iterable[AddressRange], rounded: Prefix) -> NetworkSet:
    """The networks around what was seen, of no address that is not granted.

    Args:
        granted: what is granted today.
        seen: addresses, or networks that stand for addresses in them.
        rounded: how far to round up; networks that are larger stay as they are.
    """
    around = [_larger(each, rounded.around(each.first)) for each in seen]
    return common(granted, NetworkSet(around))


def _larger(one: AddressRange, other: AddressRange) -> AddressRange:
    return AddressRange(min(one.first, other.first), max(one.last, other.last))


def written(enough: NetworkSet, given: Iterable[str]) -> tuple[str, ...]:
    """The networks of a set as a list close to the one that was given: what is needed whole stays as it is written."""
    found: list[str] = []
    written_so_far: list[AddressRange] = []
    for text in given:
        span = parse_network(text)
        if span is None:
            continue
        part = common(NetworkSet([span]), common(enough, NetworkSet(written_so_far).complement()))
        found += [text] if part == NetworkSet([span]) else [each for one in part.ranges() for each in prefixes(one)]
        written_so_far += part.ranges()
    return tuple(found)


__all__ = ["EXACT", "Prefix", "common", "covering", "written"]
