"""Address sets as sorted edges, looked up by bisection.

The hand-written functions use them, and peers without address types are given them.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Mapping

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
WIDTHS = {4: 4, 6: 16}
"""IP version to bytes in an address."""
ANYWHERE: Mapping[int, Network] = {4: ipaddress.ip_network("0.0.0.0/0"), 6: ipaddress.ip_network("2001:db8::/32")}
"""IP version to where an address may come from that is meant to be anywhere."""


def parse_networks(texts: Iterable[str]) -> list[Network]:
    """The networks in the order given; a text with host bits set raises ValueError."""
    return [ipaddress.ip_network(text) for text in texts]


def random_address(rng: random.Random, network: str) -> str:
    """An address of the network, drawn evenly."""
    parsed = ipaddress.ip_network(network)
    return str(parsed.network_address + rng.randrange(parsed.num_addresses))


def _interval(network: Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address) + 1


def edges(texts: Iterable[str], version: int) -> list[bytes]:
    """The edges of the merged networks as packed addresses, ascending.

    An address is inside where an odd number of edges is not above it. Packed addresses compare as their numbers do, so
    no conversion to int is needed.
    """
    intervals = sorted(_interval(network) for network in parse_networks(texts) if network.version == version)
    merged: list[list[int]] = []
    for low, high in intervals:
        if merged and low <= merged[-1][1]:
            merged[-1][1] = max(high, merged[-1][1])
        else:
            merged.append([low, high])
    width = WIDTHS[version]
    return [edge.to_bytes(width, "big") for pair in merged for edge in pair if edge < 1 << 8 * width]


def membership(texts: Iterable[str]) -> Callable[[str], bool]:
    """A function that tells whether an address lies in any of the networks."""
    texts = list(texts)
    edges_4, edges_6 = edges(texts, 4), edges(texts, 6)

    def contains(address: str) -> bool:
        if ":" in address:
            return bisect_right(edges_6, inet_pton(AF_INET6, address)) & 1 == 1
        return bisect_right(edges_4, inet_pton(AF_INET, address)) & 1 == 1

    return contains


def _masks(networks: Mapping[int, Iterable[str]], version: int) -> tuple[list[bytes], list[int]]:
    intervals = [
        (*_interval(network), bit)
        for bit, texts in networks.items()
        for network in parse_networks(texts)
        if network.version == version
    ]
    width = WIDTHS[version]
    starts = sorted({0} | {edge for low, high, _ in intervals for edge in (low, high)})
    starts = [start for start in starts if start < 1 << 8 * width]
    masks = [sum({bit for low, high, bit in intervals if low <= start < high}) for start in starts]
    return [start.to_bytes(width, "big") for start in starts], masks


def mask_lookup(networks: Mapping[int, Iterable[str]]) -> Callable[[str], int]:
    """A function from an address to the bits of the networks that hold it; one lookup answers for all of them."""
    starts_4, masks_4 = _masks(networks, 4)
    starts_6, masks_6 = _masks(networks, 6)

    def mask(address: str) -> int:
        if ":" in address:
            return masks_6[bisect_right(starts_6, inet_pton(AF_INET6, address)) - 1]
        return masks_4[bisect_right(starts_4, inet_pton(AF_INET, address)) - 1]

    return mask
